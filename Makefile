# The commands for people and CI. `make quickstart` and `make test` need only Python 3.11+ and make. `make lint`
# also needs Node.js and npm, for the dashboard's JavaScript.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: install quickstart lint test test-all bench screenshots clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

quickstart: install
	$(BIN)/litsweep run sweeps/quickstart.yaml --agents 2

lint: install tests/javascript/node_modules/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_import_order.py
	npm --prefix tests/javascript run --silent lint

tests/javascript/node_modules/installed: tests/javascript/package-lock.json
	npm --prefix tests/javascript ci --silent --no-audit --no-fund
	touch $@

# Two test files run at a time, because most tests wait for an agent's next heartbeat.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test: install
	$(PYTEST)

test-all: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray,recipes]'
	$(PYTEST) -m ''

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/search.py run --suite sklearn --engines litsweep optuna-gp random --seeds 3
	$(BIN)/python benchmarks/search.py table --suite sklearn

# Screenshots of every page for docs/, of simulated sweeps; needs Chromium.
screenshots: install
	$(BIN)/python -m tests.server.dashboard.screenshots

clean:
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache tests/javascript/node_modules
