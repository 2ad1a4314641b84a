"""Every code block of the docs and the README is run, and every docstring's example."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import jax.numpy as jnp
import pytest

import jaxloss

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/families").glob("*.md"))]
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


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples(module):
    module = importlib.import_module(module)
    finder = doctest.DocTestFinder(parser=SectionParser(), exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in finder.find(module, extraglobs={"jnp": jnp, "jaxloss": jaxloss}):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
