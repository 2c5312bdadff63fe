# `make demo` and `make test` do everything on a fresh machine; each creates the environment first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install demo site test test-slow fuzz coverage lint format clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

install: $(INSTALLED)  ## the environment in .venv, with all that tests need

demo: $(INSTALLED)  ## the study in the smoke profile, and a site to open
	$(BIN)/singan run --profile smoke --stand-ins offline --store demo/store --results demo/results
	$(BIN)/singan build-site --results demo/results --out demo/site --check

site: $(INSTALLED)  ## the pages of the committed record
	$(BIN)/singan build-site --check

# Files of tests side by side, a core each; past sixteen, the slowest of them decides. PARALLEL= runs one by one.
PARALLEL ?= -n auto --maxprocesses 16 --dist loadfile --no-loadscope-reorder
SLOW := slow or browser
test: lint  ## all that is tested in some minutes: 19 of 20 tests
	$(BIN)/pytest $(PARALLEL) -m "not ($(SLOW))"

test-slow: $(INSTALLED)  ## the others: pages in Chromium, clusters, processes that are killed, fuzzing
	$(BIN)/pytest $(PARALLEL) -m "$(SLOW)"

# The suite tries a few hundred of these cases, always the same; here they are new each time. SINGAN_FUZZ_CASES is
# how many there are of all kinds together: make fuzz SINGAN_FUZZ_CASES=100000.
SINGAN_FUZZ_CASES ?= 10000
fuzz: $(INSTALLED)  ## spoilt studies, records, pictures, stores and commands: refused in one line, or they work
	SINGAN_FUZZ_CASES=$(SINGAN_FUZZ_CASES) $(BIN)/pytest tests/test_fuzz.py tests/test_fuzz_places.py

coverage: $(INSTALLED)  ## lines and branches the tests reach, in subprocesses too; every file needs 90 %
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered --cov-report=json:build/coverage.json
	$(BIN)/python tests/helpers/coverage_floor.py build/coverage.json

lint: $(INSTALLED)  ## style, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo build *.egg-info
