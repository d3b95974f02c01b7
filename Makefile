# Every verb works on a fresh clone: it makes an environment and installs first, once.
PYTHON ?= python3
BIN := .venv/bin

# Modules are compiled once, not in every process that a test starts.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help install demo gallery docs test test-fast lint bench gpu faults faults-small parity \
	nightly nightly-tests nightly-gallery nightly-lowest nightly-platforms nightly-sdist package
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
	@echo "make nightly   all of nightly-*, parity and package"
	@echo "make nightly-tests   tests marked nightly"
	@echo "make nightly-gallery the scripts of examples/ at their own length"
	@echo "make nightly-lowest  test-fast with the lowest versions that pyproject.toml allows"
	@echo "make nightly-sdist   test-fast in an unpacked source distribution"
	@echo "make nightly-platforms    types as they are on Windows and macOS"
	@echo "make package   wheel and source distribution in dist/, checked; the wheel installed and tried"
	@echo "make install   only make .venv and install"

# Versions of a lock need not be there for every system and Python; those of the ranges are.
NOT_HERE = { echo "$< did not install. It is of Python 3.11 on Linux, this is $$($(PYTHON) -V)" \
	"on $$(uname -s): if a version is missing here, pip install '.[train]' takes others"; exit 1; }

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -r $< || $(NOT_HERE)
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	touch $@

# The environment of install where it is there; else one of what the demo needs, a third of the size.
DEMO := $(if $(wildcard .venv/installed),.venv,.venv-demo)
UV := $(shell command -v uv)

.venv-demo/installed: requirements-demo.lock pyproject.toml
	rm -rf .venv-demo
ifdef UV
	$(UV) venv -q --python $(PYTHON) .venv-demo
	$(UV) pip install -q --python .venv-demo -r $< || $(NOT_HERE)
	$(UV) pip install -q --python .venv-demo --no-deps --no-build-isolation -e .
else
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --disable-pip-version-check -q -r $< || $(NOT_HERE)
	.venv-demo/bin/python -m pip install --disable-pip-version-check -q --no-deps \
		--no-build-isolation -e .
endif
	touch $@

demo: $(DEMO)/installed
	$(DEMO)/bin/convergan train digits --threads 1 --out runs/demo

gallery: install
	for example in digits fashion_mnist text_topics cifar10_features; do \
		echo && echo "examples/$$example.py" && \
		OMP_NUM_THREADS=1 $(BIN)/python examples/$$example.py --max-epochs 20 || exit 1; \
	done
	OMP_NUM_THREADS=1 PATH=$(BIN):$$PATH sh examples/photos.sh

# Two processes more than there are cores: many tests wait, for a browser or a server.
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $$(($$(nproc) + 2)) --dist worksteal

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

nightly: nightly-tests nightly-gallery nightly-lowest nightly-platforms nightly-sdist parity package

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

nightly-platforms: install
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 src
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin src

.venv-package/installed: requirements-package.lock
	rm -rf .venv-package
	$(PYTHON) -m venv .venv-package
	.venv-package/bin/python -m pip install --disable-pip-version-check -q \
		-r requirements-package.lock || { rm -rf .venv-package; exit 1; }
	touch $@

# What stands in the wheel is tried where nothing but it and what it requires is installed.
EMPTY := build/empty/bin
package: .venv-package/installed
	rm -rf dist build/empty build/lib
	.venv-package/bin/python -m build --no-isolation
	.venv-package/bin/python -m twine check --strict dist/*
	$(PYTHON) -m venv build/empty
	$(EMPTY)/python -m pip install --disable-pip-version-check -q -c requirements.lock dist/*.whl
	$(EMPTY)/convergan --version
	$(EMPTY)/convergan recipes 2>&1 | grep -x "convergan: .* needs typer: pip install 'convergan\[train\]'"
	$(EMPTY)/python -c "import convergan; convergan.layers; convergan.training; convergan.metrics"
	$(EMPTY)/python -c "from convergan import SemiSupervisedGANClassifier" 2>&1 \
		| grep "needs scipy: pip install 'convergan\[train\]'"

# Tests, documents and the package all come from the archive.
nightly-sdist: install
	rm -rf build/sdist
	mkdir -p build/sdist
	$(BIN)/python -c "from setuptools.build_meta import build_sdist; build_sdist('build/sdist')"
	tar -xzf build/sdist/*.tar.gz -C build/sdist
	cd build/sdist/convergan-*/ && OMP_NUM_THREADS=1 PYTHONPATH="$$PWD/src" \
		../../../$(BIN)/python -m pytest $(FAST)
