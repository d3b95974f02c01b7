# Every verb works on a fresh clone: it makes .venv and installs first, once.
PYTHON ?= python3
BIN := .venv/bin

# Modules are compiled once, not in every process that a test starts.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help install demo gallery docs test test-fast lint bench gpu faults faults-small parity \
	nightly nightly-tests nightly-gallery nightly-lowest nightly-sdist
help:
	@echo "make demo      train a few-label classifier on scikit-learn's digits, with table and report"
	@echo "make gallery   the scripts of examples/ on a few rows each; needs their data sets"
	@echo "make test-fast tests that are not marked slow, before each commit"
	@echo "make test      all tests and doctests but those marked nightly"
	@echo "make lint      formatting, style, types"
	@echo "make docs      the site, build/docs/index.html; installs Sphinx the first time"
	@echo "make bench     step time against its floor"
	@echo "make gpu       bench.gpu on a machine with CUDA: tests, recorded numbers, speed, training"
	@echo "make faults    every row of the fault table, hours; goes on after a stop (faults.jsonl)"
	@echo "make faults-small    the same rows with few trials, minutes"
	@echo "make parity    metrics against torch-fidelity and torchmetrics, in an environment of 6 GB"
	@echo "make nightly   all of nightly-tests, nightly-gallery, nightly-lowest and nightly-sdist"
	@echo "make nightly-tests   tests marked nightly"
	@echo "make nightly-gallery the scripts of examples/ at their own length"
	@echo "make nightly-lowest  test-fast with the lowest versions that pyproject.toml allows"
	@echo "make nightly-sdist   test-fast in an unpacked source distribution"
	@echo "make install   only make .venv and install"

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
	OMP_NUM_THREADS=1 PATH=$(BIN):$$PATH sh examples/photos.sh

# One process more than there are cores: many tests wait, for a browser or a server.
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $$(($$(nproc) + 1)) --dist worksteal

FAST := -n 2 --dist worksteal -m "not slow and not nightly" tests
test-fast: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(FAST)

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.venv/docs-installed: requirements-docs.lock .venv/installed
	$(BIN)/python -m pip install --disable-pip-version-check -q -c requirements.lock \
		-r requirements-docs.lock
	touch $@

# A warning is an error; tutorials run, unless they and the package are as they were.
docs: .venv/docs-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -d build/doctrees docs build/docs

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

nightly: nightly-tests nightly-gallery nightly-lowest nightly-sdist

nightly-tests: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m nightly tests

nightly-gallery: install
	for example in digits fashion_mnist text_topics cifar10_features; do \
		echo && echo "examples/$$example.py" && \
		OMP_NUM_THREADS=1 $(BIN)/python examples/$$example.py || exit 1; \
	done

.venv-lowest/installed: requirements-lowest.lock
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --disable-pip-version-check -q \
		-r requirements-lowest.lock || { rm -rf .venv-lowest; exit 1; }
	touch $@

# Old versions use what newer versions of their own dependencies warn of.
nightly-lowest: .venv-lowest/installed
	OMP_NUM_THREADS=1 PYTHONPATH=$(CURDIR)/src .venv-lowest/bin/python -m pytest $(FAST) \
		-W ignore::DeprecationWarning

# Tests, documents and the package all come from the archive.
nightly-sdist: install
	rm -rf build/sdist
	mkdir -p build/sdist
	$(BIN)/python -c "from setuptools.build_meta import build_sdist; build_sdist('build/sdist')"
	tar -xzf build/sdist/*.tar.gz -C build/sdist
	cd build/sdist/convergan-*/ && OMP_NUM_THREADS=1 PYTHONPATH="$$PWD/src" \
		../../../$(BIN)/python -m pytest $(FAST)
