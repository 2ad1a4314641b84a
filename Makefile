# Every target works on a fresh clone with python3 and make: the first one that needs it makes $(VENV).
#
#   make test ARGS="-k huber"           pass arguments to pytest, to the demo or to the benchmarks
#   make test PYTHON=python3.13 VENV=.venv-3.13    another Python, beside the first

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
ARGS ?=

READY := $(VENV)/.ready
BIN := $(VENV)/bin

# The tests spend their time compiling thousands of small functions: unoptimized (but for the accuracy sweep, which
# asks for what users get), and the test processes share the results and keep them for the next run. No lower limit on
# time or size: the small ones are what adds up.
TEST_ENV := JAX_DISABLE_MOST_OPTIMIZATIONS=true \
	JAX_COMPILATION_CACHE_DIR="$(CURDIR)/.cache/jax" \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
	JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=0

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check lint types docs bench gate clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(READY)  ## train, verify and measure: what the library does, in a minute
	@$(BIN)/jaxloss demo $(ARGS)

test: $(READY)  ## the test suite
	@$(TEST_ENV) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

check: lint types test docs gate  ## everything that must pass before a commit

lint: $(READY)  ## formatting and lint rules
	@$(BIN)/ruff format --check --quiet --diff .
	@$(BIN)/ruff check --quiet .

types: $(READY)  ## static types
	@$(BIN)/pyrefly check --python-interpreter-path $(BIN)/python --summary=none

docs: $(READY)  ## the documentation, in docs/_build/html
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

bench: $(READY)  ## quick benchmarks of this machine
	@$(BIN)/python -m bench --quick $(ARGS)

gate: $(READY)  ## memory and cost of every compiled loss, against the committed figures
	@$(BIN)/python -m bench gate $(ARGS)

clean:  ## remove what was built and cached; the virtual environment stays
	rm -rf .cache build dist docs/_build docs/_generated .hypothesis .pytest_cache .ruff_cache
	find jaxloss bench tests docs -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "jaxloss needs Python 3.11 or newer: try make PYTHON=python3.13")'
	@echo "Installing jaxloss and its development tools into $(VENV) (once, about a minute)"
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@
