"""Every code block of the docs and the README is run, and every docstring's example."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs").glob("[fm]*/*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(jaxloss.__path__, "jaxloss.") if m.name.rpartition(".")[2] != "__main__"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page):
    namespace = {"__name__": page.stem}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, namespace, page.name, str(page), 0)
            results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, clear_globs=False)
            assert results.failed == 0
        else:
            exec(compile(block, page.name, "exec"), namespace)


class SectionParser(doctest.DocTestParser):
    """Ends an example at the next section heading too: our docstrings have no blank line between sections."""

    def parse(self, string, name="<string>"):
        heading = r"^( *(?:Args|Returns|Raises|Example|References):)"
        return super().parse(re.sub(heading, r"\n\1", string, flags=re.MULTILINE), name)


class RoundingChecker(doctest.OutputChecker):
    """Printed float32 numbers may differ by 4 ulp, 5e-7: versions of XLA round differently."""

    def check_output(self, want, got, optionflags):
        if super().check_output(want, got, optionflags):
            return True
        number = r"[-+]?\d+\.\d*(?:e[-+]?\d+)?"
        masked = (re.sub(rf"\s*{number}", " #", text) for text in (want, got))
        if not super().check_output(*masked, optionflags):
            return False
        numbers = ([float(n) for n in re.findall(number, text)] for text in (want, got))
        return np.allclose(*numbers, rtol=5e-7, atol=0)


@pytest.mark.parametrize("value", ["1.2345679", "1.2345684"])
def test_the_examples_checker_allows_rounding_and_no_more(value):
    checker = RoundingChecker()
    assert checker.check_output(f"Array([{value}, 0.], dtype=float32)", "Array([1.2345681, 0.], dtype=float32)", 0)
    assert not checker.check_output(f"Array([{value}, 0.], dtype=float32)", "Array([1.2345781, 0.], dtype=float32)", 0)
    assert not checker.check_output(f"Array([{value}, 0.], dtype=float32)", f"Array([{value}], dtype=float32)", 0)
    assert not checker.check_output("Array(0., dtype=float32)", "Array(1.e-30, dtype=float32)", 0)


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples(module):
    module = importlib.import_module(module)
    finder = doctest.DocTestFinder(parser=SectionParser(), exclude_empty=True)
    runner = doctest.DocTestRunner(RoundingChecker(), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in finder.find(module, extraglobs={"jnp": jnp, "jaxloss": jaxloss}):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
