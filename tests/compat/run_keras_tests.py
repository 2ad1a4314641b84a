"""Runs Keras' own loss tests with our functions and classes swapped in; prints the outcome of each as JSON.

In a process of its own: the functions of Keras are replaced before its tests are imported, and jax keeps its default
settings.
"""

import json
import os
import unittest

os.environ["KERAS_BACKEND"] = "jax"
import keras.src.losses.losses as theirs
from own_tests import Outcomes

from jaxloss.compat import keras as ours

swapped = [name for name in dir(ours) if not name.startswith("_") and hasattr(theirs, name)]
swapped = [
    name for name in swapped if callable(getattr(ours, name)) and getattr(ours, name) is not getattr(theirs, name)
]
for name in swapped:
    setattr(theirs, name, getattr(ours, name))
result = Outcomes()
unittest.defaultTestLoader.loadTestsFromName("keras.src.losses.losses_test").run(result)
print(json.dumps({"outcomes": result.outcomes, "swapped": swapped}))
