# Everything here runs in .venv, made on first use from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNTIME := $(VENV)/.runtime
# --no-compile: most of what is installed is never imported, and compiling it all takes as long as fetching it.
# ETALAGE_COMPILED=0: the policy is compiled by `unit`, once, with the Cython that is installed here.
PIP := ETALAGE_COMPILED=0 $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt
ONLY ?=
RUNS ?= 3
SEED ?=
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

.PHONY: help install lint check quick test soak soak-mutants bench demo wheel audit sbom unit test-checked verify chromium servers libgomp clean

help: ## Show what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) unit ## Make .venv with everything in it, and compile the policy

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.x" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no venv module: apt-get install python3-venv" >&2; exit 1; }

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing everything into $(VENV) (a minute or two the first time) ..."
	@$(PIP) -e '.[local,train,dev]'
	@touch $(STAMP) $(RUNTIME)

# What the demo needs is a third of it.
$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (less than a minute the first time) ..."
	@$(PIP) -e '.[local]'
	@touch $(RUNTIME)

unit: $(RUNTIME) ## Compile the policy, if something changed; without a compiler it runs interpreted
	@$(BIN)/python unit_build.py || true

lint: $(STAMP) ## Repair what can be: ruff fix, format, the table of settings
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tests.architecture.settings_table
	$(BIN)/python -m tests.architecture.permissions_table

check: $(STAMP) ## Only look: ruff, mypy strict, import rules, walls
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture

QUICK := tests/unit tests/properties tests/contracts tests/owasp tests/golden \
	tests/conformance/test_module_kinds.py tests/conformance/test_sources.py tests/conformance/test_rule_actions.py \
	tests/conformance/test_rankers.py
quick: $(STAMP) unit libgomp ## Unit, properties, contracts, golden: under a minute, no services
	$(BIN)/python -m pytest -q -n auto --dist loadfile $(wildcard $(QUICK))

test: $(STAMP) unit chromium libgomp test-checked ## Everything, on a real Kafka, a real Redis and a real browser
	$(BIN)/python -m pytest

verify: $(STAMP) unit libgomp servers ## What takes long: TLS, SASL, users, Sentinel, on servers with certificates made for it
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/verify
	$(BIN)/python -m tests.architecture.dependency_audit

audit: $(STAMP) ## Known vulnerabilities of what is pinned; says so when there is no feed
	$(BIN)/python -m tests.architecture.dependency_audit

sbom: $(STAMP) ## A CycloneDX bill of materials of what is pinned, offline, in dist/sbom.json
	$(BIN)/python -m tests.architecture.bill_of_materials

test-checked: $(STAMP) ## The tests of the compiled policy, with checks of bounds and sanitizers
	$(BIN)/python -m tests.checked_unit

soak: $(STAMP) unit ## The fault run and the comparison of both builds in their long forms (SEED=7 repeats a fault run)
	$(BIN)/python -m tests.faults.run $(if $(SEED),--seed $(SEED))
	ETALAGE_TEST_SEEDS=5000 $(BIN)/python -m pytest -q --timeout 3600 tests/properties/test_decisions_of_both_builds.py

soak-mutants: $(STAMP) unit ## Take each safeguard away and see the fault run go red
	$(BIN)/python -m tests.faults.soak_mutants $(if $(SEED),--seed $(SEED))

bench: $(STAMP) unit ## Measure, each figure with its control (ONLY=freshness RUNS=1 for a part)
	$(BIN)/python -m tests.load.bench --only "$(ONLY)" --runs $(RUNS)

demo: $(RUNTIME) unit ## Start everything and open the shop on this machine
	@$(BIN)/python -m streams.cli.main up

wheel: $(BIN)/python ## Make a wheel in dist/, and let it decide in an empty environment
	@rm -rf dist && $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@room=$$(mktemp -d) && trap 'rm -rf $$room' EXIT && $(BIN)/python -m venv $$room/venv && \
	$$room/venv/bin/python -m pip install --quiet --no-compile -c constraints.txt dist/*.whl && cd $$room && \
	ETALAGE_COMPILED=1 venv/bin/etalage replay $(CURDIR)/tests/golden/cart.jsonl >/dev/null && ls $(CURDIR)/dist/*

# By apt where that is allowed, else one line that says what to do.
define by_apt
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
  echo "Installing $(1) for the tests ..."; \
  { apt-get install -y -qq $(1) || { apt-get update -qq && apt-get install -y -qq $(1); }; } >/dev/null 2>&1 && exit 0; \
fi; \
echo "the tests need $(1): sudo apt-get install $(1)" >&2; exit 1
endef

chromium: # The browser tests' browser
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	$(call by_apt,chromium)

servers: # What the tests of secured connections start; the wheel's Redis has no TLS
	@command -v redis-server >/dev/null && command -v redis-sentinel >/dev/null && command -v openssl >/dev/null && \
	exit 0; $(call by_apt,redis-server redis-sentinel openssl)

libgomp: $(STAMP) # What LightGBM's wheel leaves to the machine
	@$(BIN)/python -c 'import lightgbm' 2>/dev/null && exit 0; $(call by_apt,libgomp1)

clean: ## Remove .venv, caches and what was compiled
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info models/_unit*.so*
