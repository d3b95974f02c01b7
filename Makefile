# Every verb works on a fresh clone: it makes .venv and installs first, once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo test lint bench
help:
	@echo "make demo    train a few-label classifier on scikit-learn's digits, with table and report"
	@echo "make test    all tests and doctests"
	@echo "make lint    formatting, style, types"
	@echo "make bench   step time against its floor"
	@echo "make install only make .venv and install"

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	touch $@

demo: install
	$(BIN)/convergan train digits --threads 1 --out runs/demo

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m bench.step
