# Every verb works on a fresh clone: it makes .venv and installs first, once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo gallery test lint bench gpu faults faults-small parity
help:
	@echo "make demo    train a few-label classifier on scikit-learn's digits, with table and report"
	@echo "make gallery the scripts of examples/ on a few rows each; needs their data sets"
	@echo "make test    all tests and doctests"
	@echo "make lint    formatting, style, types"
	@echo "make bench   step time against its floor"
	@echo "make gpu     bench.gpu on a machine with CUDA: tests, recorded numbers, speed, training"
	@echo "make faults  every row of the fault table, hours; goes on after a stop (faults.jsonl)"
	@echo "make faults-small  the same rows with few trials, minutes"
	@echo "make parity  metrics against torch-fidelity and torchmetrics, in an environment of 6 GB"
	@echo "make install only make .venv and install"

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	touch $@

demo: install
	$(BIN)/convergan train digits --threads 1 --out runs/demo

gallery: install
	for example in digits fashion_mnist text_topics cifar10_features; do \
		echo && echo "examples/$$example.py" && \
		OMP_NUM_THREADS=1 $(BIN)/python examples/$$example.py --max-epochs 20 || exit 1; \
	done

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m bench.step

gpu: install
	$(BIN)/python -m bench.gpu

faults: install
	OMP_NUM_THREADS=1 $(BIN)/python -m faults --full --out faults.jsonl

faults-small: install
	rm -f .faults-small.jsonl
	OMP_NUM_THREADS=1 $(BIN)/python -m faults --out .faults-small.jsonl

# The peers' own environment: their torch is another than ours. Half of one is not kept.
.venv-parity/installed: requirements-parity.lock
	rm -rf .venv-parity
	$(PYTHON) -m venv .venv-parity
	.venv-parity/bin/python -m pip install --disable-pip-version-check -q \
		-r requirements-parity.lock || { rm -rf .venv-parity; exit 1; }
	touch $@

parity: .venv-parity/installed
	OMP_NUM_THREADS=1 PYTHONPATH=src .venv-parity/bin/python -m pytest -n auto tests_parity
