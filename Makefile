# make demo: the story, end to end, on SQLite    make test: lint, types, layers and the whole suite
# Python 3.11 or newer (with venv) and make are all that must be there: the rest goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# On two cores: while two processes wait for a lock or a server, there are two that do not. They
# share the servers; each test has a database of its own.
PYTEST_ARGS ?= -n 4

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
NO_PYTHON := shardctl needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv), or say make PYTHON=/path/to/python3

.PHONY: demo test lint servers clean

demo: $(READY)
	@$(BIN)/shardctl demo

test: lint servers
	@$(BIN)/python -m compileall -q shardctl # once, for hundreds of processes
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Says which servers the suite will run on, and installs MariaDB and the Percona Toolkit where it
# may (Debian, as root).
servers: $(READY)
	@$(BIN)/python -m tests.servers

clean:
	rm -rf $(VENV) dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find shardctl templates tests -name __pycache__ -exec rm -rf {} +

$(READY): pyproject.toml
	@python="$(PYTHON)"; test -n "$$python" || { echo "$(NO_PYTHON)" >&2; exit 1; }; \
	echo "Making $(VENV) with $$python"; "$$python" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
