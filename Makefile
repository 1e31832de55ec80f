# Needs only Python >= 3.11 and make: each target first builds .venv with the extras it
# uses, once, and again when pyproject.toml or constraints.txt changes.

PYTHON ?= python3
GPU_PYTHON ?= python
WORKERS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=
SPHINX_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin

EXTRAS_demo := plot,progress
EXTRAS_test := test
EXTRAS_bench := bench
EXTRAS_docs := docs

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-gpu lint bench docs clean
.DELETE_ON_ERROR:
# Keeps the stamps, which make would remove as intermediate files.
.SECONDARY:

help:
	@echo "make demo | test | test-gpu | lint | bench | docs | clean"

demo: $(VENV)/.installed-demo
	$(BIN)/python examples/demo.py

test: $(VENV)/.installed-test
	MPLBACKEND=Agg $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

# In an environment that has a torch for the GPU, which the one made here may lack
# (constraints.txt), and pytest: make test-gpu GPU_PYTHON=/path/to/python
test-gpu:
	@$(GPU_PYTHON) -c "import sys, torch; torch.cuda.is_available() or sys.exit( \
	    'torch ' + torch.__version__ + ' of $(GPU_PYTHON) finds no CUDA device: ' \
	    'make test-gpu GPU_PYTHON=/path/to/python')"
	MPLBACKEND=Agg PYTHONPATH=. $(GPU_PYTHON) -m pytest -m gpu -p no:xdist \
	    tests/test_gpu.py $(PYTEST_ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build -b html $(SPHINX_ARGS) docs docs/_build/html

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst
	rm -rf demo_output
	find skae tests docs examples benchmarks -name __pycache__ -type d -prune \
	    -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('skae needs Python >= 3.11: make PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -qq -c constraints.txt -e ".[$(EXTRAS_$*)]"
	touch $@
