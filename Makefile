.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# More than cores: most of what these tests wait for is servers being killed, and timers.
PYTEST_WORKERS ?= 4

# Where it is set, each of the hundreds of Pythons that the tests start compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## Print every command with its sentence
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.run ## Connect a mailbox, send a mail, answer it, print reply.detected: all on real servers started here
	@$(BIN)/replywire demo

up: $(VENV)/.run ## Start everything on this machine and keep it running; data stays in .replywire/
	@$(BIN)/replywire up

setup: $(VENV)/.run ## Make .venv with what running needs
	@echo "Ready: $(BIN)/replywire --help"

test: $(VENV)/.dev servers ## Run every test (set-up included)
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder

check: lint types walls fresh ## Lint, strict types, import walls and the freshness of generated files

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/mypy --strict contracts/replywire_contracts contracts/examples/publish.py contracts/examples/subscribe.py contracts/examples/external_worker.py

walls: $(VENV)/.dev
	$(BIN)/lint-imports

fresh: $(VENV)/.dev
	$(BIN)/python -m replywire_contracts.export contracts --check
	$(BIN)/python -m deploy.front_door.generate --check

generate: $(VENV)/.dev ## Write schemas, AsyncAPI, OpenAPI, their tables and missing golden payloads anew
	$(BIN)/python -m replywire_contracts.export contracts
	$(BIN)/python -m deploy.front_door.generate
	$(BIN)/python -m tests.contracts.samples

bench: $(VENV)/.dev servers ## Measure, each against a peer in the same run, and print the table
	$(BIN)/python -m tests.benchmarks

servers: ## Install what only the operating system has for tests: Dovecot, Postfix, Chromium, nginx, node
	@sh deploy/embedded/system-packages.sh
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(NODE_PARTS); fi

NODE_PARTS := $(addsuffix /node_modules/.package-lock.json,tests/servers/google_oidc tests/browser/axe)

%/node_modules/.package-lock.json: %/package-lock.json
	@npm ci --prefix $* --loglevel=error
	@touch $@

lock: $(VENV)/.dev ## Resolve the dependencies anew into the two lock files (with hashes, no index named)
	$(PIP) install uv
	$(BIN)/uv pip compile $(COMPILE) --extra all --extra otel --extra dev -o requirements-dev.lock
	$(BIN)/uv pip compile $(COMPILE) --extra all -c requirements-dev.lock -o requirements.lock

COMPILE := --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
  --no-emit-package replywire-contracts pyproject.toml

clean: ## Remove the environment and the kept data
	rm -rf $(VENV) .replywire build

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Replywire needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.lock pyproject.toml contracts/pyproject.toml
	@echo "Setting up $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps -e contracts -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: help demo up setup test check lint types walls fresh generate bench servers lock clean
