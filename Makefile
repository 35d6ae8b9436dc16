# The commands of development; continuous integration runs them too.
PYTHON ?= python3
VENV ?= .venv
OUT ?= out

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := toto tests scripts benchmarks notebooks
export NO_MKDOCS_2_WARNING := 1 # the site stays with mkdocs 1, see docs/decisions.md

.PHONY: help demo test slow check docs format bench build clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

demo: $(VENV)/.runtime ## forecast the example data with the bundled model; prints a table, saves a picture
	@mkdir -p $(OUT)
	$(BIN)/toto forecast examples/host_metrics.csv --horizon 96 --columns cpu_percent,load_1m,memory_percent,disk_write_mib --seed 0 --out $(OUT)/host_metrics_forecast.csv --plot $(OUT)/host_metrics_forecast.png

test: $(VENV)/.development ## run the tests
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist worksteal

slow: $(VENV)/.development ## run the tests that take long
	$(BIN)/python -m pytest -m slow

check: $(VENV)/.development docs ## run the linters and the type checker, and build the documentation
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

docs: $(VENV)/.development ## build the documentation into out/site, strictly
	$(BIN)/python -m mkdocs build --site-dir $(abspath $(OUT))/site

format: $(VENV)/.development ## bring the code into its layout
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.runtime ## measure against toto-ts, which is installed into out/peer, and against the machine's limit
	-$(BIN)/python benchmarks/peer_environment.py $(OUT)/peer
	$(BIN)/python benchmarks/compare.py --peer $(OUT)/peer
	$(BIN)/python benchmarks/limit.py
	@echo "More: growth, compile, precision, golden_errors, import_cost; python benchmarks/growth.py --help"

build: $(VENV)/.development ## build the wheel and the source distribution into dist/
	$(PIP) build
	$(BIN)/python -m build

clean: ## remove the environment and everything that was made
	rm -rf $(VENV) $(OUT) dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable ".[cli]"
	@touch $@

$(VENV)/.development: $(VENV)/.runtime
	$(PIP) --group dev
	@touch $@
