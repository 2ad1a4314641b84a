"""Sphinx configuration: MyST pages, pictures drawn and tables made when the docs are built."""

import importlib.util
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]  # our extensions, and bench for its result files

project = "jaxloss"
author = "The jaxloss authors"
project_copyright = "The jaxloss authors"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "docstrings",
    "families",
    "migration",
    "performance",
    "worked_pictures",
]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext", "_generated"]
templates_path: list[str] = []
default_role = "py:obj"  # a name in `backticks` links to what it names

autodoc_typehints = "none"  # the Args section says what each argument is
autodoc_member_order = "bysource"
autodoc_default_options = {"no-value": True}
napoleon_google_docstring = True
napoleon_use_param = False  # "where, weights, reduction" stay together

html_theme = "furo"
html_title = "jaxloss"

# Formulas need no network: MathJax comes with the pages.
_mathjax = importlib.util.find_spec("sphinx-mathjax-offline").origin
html_static_path = [str(Path(_mathjax).parent / "static/mathjax/tex-svg.js")]
mathjax_path = "tex-svg.js"
