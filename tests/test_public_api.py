"""What is public is complete, documented and of a size that one can read."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxloss
from jaxloss.verify.cases import CASES

ROOT = Path(jaxloss.__file__).parent
MODULES = sorted(m.name for m in pkgutil.walk_packages([str(ROOT)], "jaxloss.") if m.name != "jaxloss.__main__")
LOSSES = sorted({case.loss.__name__ for case in CASES} - {"fenchel_young_loss"})  # made by fenchel_young


def test_every_public_loss_has_a_case():
    without = {
        name
        for name in jaxloss.__all__
        if inspect.isfunction(function := getattr(jaxloss, name))
        and "reduction" in inspect.signature(function).parameters
        and name not in LOSSES
    }
    of_rankings = {"average_precision", "dcg", "ndcg", "precision_at_k", "recall_at_k", "reciprocal_rank"}
    assert without <= {"in_top_k", "accuracy"} | of_rankings  # measures: no gradient to verify


def test_every_case_is_of_a_public_loss():
    assert set(LOSSES) <= set(jaxloss.__all__)


@pytest.mark.parametrize("module", MODULES)
def test_all_names_what_is_public(module):
    module = importlib.import_module(module)
    names = set(getattr(module, "__all__", ()))
    assert all(hasattr(module, name) for name in names)
    losses = {
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and not name.startswith("_")
        and value.__module__ == module.__name__
        and "reduction" in inspect.signature(value).parameters
    }
    assert losses <= names


@pytest.mark.parametrize("name", LOSSES)
def test_docstring_is_complete(name):
    loss = getattr(jaxloss, name)
    text = inspect.getdoc(loss) or ""
    for part in (".. math::", "Args:", "Returns:", "Raises:", ">>> ", "References:"):
        assert part in text, f"{name} has no {part} in its docstring"
    assert re.search(r"\b(1[5-9]|20)\d\d\b", text.split("References:")[1]), "a reference has a year"


@pytest.mark.parametrize("name", LOSSES)
def test_signature_is_of_the_contract(name):
    parameters = inspect.signature(getattr(jaxloss, name)).parameters
    assert list(parameters)[-3:] == ["where", "weights", "reduction"]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_read_at_a_sitting(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400 or path == ROOT / "__init__.py"  # an index: a line for each name
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            body = node.end_lineno - node.body[0].lineno + 1 - (len(docstring.splitlines()) if docstring else 0)
            assert body <= 60, f"{path.name}: {node.name} has a body of {body} lines"


def test_import_touches_no_device_and_is_fast():
    code = (
        "import time, jax; start = time.process_time(); import jaxloss; print(time.process_time() - start)\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge.backends_are_initialized()\n"
        "import sys; assert not {'matplotlib', 'typer', 'sklearn', 'mpmath', 'optax'} & set(sys.modules)\n"
    )
    fastest = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )
    assert fastest < 2e-3 * len(jaxloss.__all__)  # two milliseconds for each public name, on a busy machine too
