# Everything here installs what it needs into .venv; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo test zoo results picture clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pixeltree needs Python 3.11 or later; try: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[test,train,viz]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed  ## classify real digits on an emulated sensor
	$(BIN)/pixeltree demo

test: $(VENV)/.installed-test  ## the whole test suite, linters and type checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

zoo: $(VENV)/.installed-test  ## train the committed trees again from their data
	$(BIN)/python tools/train_digits_tree.py
	for name in glyphs localize segment; do \
		OMP_NUM_THREADS=1 $(BIN)/pixeltree train recipes/$$name.toml -o host/pixeltree/data/$$name.ptree || exit 1; \
	done

results: $(VENV)/.installed-test  ## train every recipe with three seeds, measure, write docs/results.md
	OMP_NUM_THREADS=1 $(BIN)/python tools/make_results.py

picture: $(VENV)/.installed-test  ## draw the README's picture again
	$(BIN)/python tools/draw_tree.py docs/digits_tree.png

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
