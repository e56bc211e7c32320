.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

help: ## Print every command with its sentence
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

lock: ## Resolve the dependencies anew into the two lock files (hashes, no index named)
	$(BIN)/python -m pip install --quiet uv
	for e in "--extra all --extra otel --extra dev -o requirements-dev.lock" "--extra all -c requirements-dev.lock -o requirements.lock"; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	    --no-emit-package replywire-contracts pyproject.toml $$e; done

.PHONY: help lock
