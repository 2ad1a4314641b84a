"""Runs optax's own loss tests with our functions swapped in; prints the outcome of each as JSON.

In a process of its own: optax's functions are replaced before its tests bind them, and jax keeps its default settings.
"""

import functools
import importlib
import json
import pkgutil
import unittest

import optax.losses

from jaxloss.compat import optax as ours

calls = dict.fromkeys(ours.__all__, 0)


def counted(name, function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        calls[name] += 1
        return function(*args, **kwargs)

    return call


class Outcomes(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.outcomes = {}

    def addSuccess(self, test):
        self.outcomes.setdefault(test.id(), "passed")

    def addFailure(self, test, err):
        self.outcomes[test.id()] = self._exc_info_to_string(err, test)[-2000:]

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(test, err)


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
