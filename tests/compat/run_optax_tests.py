"""Runs optax's own loss tests with our functions swapped in; prints the outcome of each as JSON.

In a process of its own: optax's functions are replaced before its tests bind them, and jax keeps its default settings.
"""

import functools
import importlib
import json
import pkgutil
import unittest

import optax.losses
from own_tests import Outcomes

from jaxloss.compat import optax as ours

calls = dict.fromkeys(ours.__all__, 0)


def counted(name, function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        calls[name] += 1
        return function(*args, **kwargs)

    return call


parts = [module.name for module in pkgutil.iter_modules(optax.losses.__path__)]
for part in parts:
    if not part.endswith("_test"):
        module = importlib.import_module(f"optax.losses.{part}")
        for name in ours.__all__:
            if hasattr(module, name):
                setattr(module, name, counted(name, getattr(ours, name)))
result = Outcomes()
for part in parts:
    if part.endswith("_test"):
        unittest.defaultTestLoader.loadTestsFromName(f"optax.losses.{part}").run(result)
print(json.dumps({"outcomes": result.outcomes, "calls": calls}))
