# `make` checks everything; `make help` lists the rest.
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
CLIENT  := $(VENV)/.official-client
LOCK    := docs/deploy/requirements.txt
INSTALLERS := $(VENV)/installers/complete
SEED    ?=
ARGS    ?=
# The first Python that is new enough; PYTHON=/path/to/python3 overrides it.
PYTHON  ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
             $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
# Tests write many small databases: memory is quicker than a disk, where there is room and programs may be run.
SHM     := $(shell [ -w /dev/shm ] && ! findmnt -no OPTIONS /dev/shm | grep -qw noexec \
             && [ "$$(df -Pm /dev/shm | awk 'NR == 2 {print $$4}')" -ge 2000 ] && echo /dev/shm)

.DEFAULT_GOAL := all
.PHONY: all dev demo packages lock licences completions man schemas screens test proofs lint types fix bench sweep \
        mutants clean help

all: lint types test  ## lint, types and tests (the default)

dev: $(STAMP)  ## set up .venv with the package and its development tools

# Made once, and again when the dependencies may have changed. Packages are unpacked here: /tmp may be small.
$(STAMP): pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "error: Python 3.11 or newer is needed (set PYTHON=/path/to/python3)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: $(PYTHON) has no venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	@[ -e $@ ] && echo "updating $(VENV): pyproject.toml has changed ..." || \
	  echo "setting up $(VENV) (about a minute, once): the package and its tools, some 210 MB ..."
	@start=$$(date +%s); \
	mkdir -p $(VENV)/tmp && export TMPDIR="$(CURDIR)/$(VENV)/tmp"; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || exit 1; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' || exit 1; \
	rm -rf $(VENV)/tmp; touch $@; echo "set-up: $$(( $$(date +%s) - start )) s"

demo: $(STAMP)  ## rent, use and end instances on simulated clouds (SEED=n repeats a run)
	@$(BIN)/gpu-shopper demo $(if $(SEED),--seed $(SEED))

# Several files at a time: many tests wait for processes, and each worker collects all tests for itself. Folders whose
# files share what is dear to make stay together (tests/spread.py).
PYTEST_SPREAD := --dist loadfile --no-loadscope-reorder

test: $(STAMP)  ## the tests (ARGS='-k word' passes options on)
	@$(if $(SHM),TMPDIR=$(SHM)) $(BIN)/python -m tests.timed tests -n 4 $(PYTEST_SPREAD) $(ARGS)

# The files that have proofs: each worker would collect all the others too. The longest stories begin first.
PROOFS = tests/e2e/ends tests/e2e/test_lab_server.py tests/cli/test_demo.py \
         tests/cli/test_bad_days.py tests/agent tests/e2e \
         $(shell grep -rlw --include='test_*.py' proofs tests | LC_ALL=C sort)

proofs: $(STAMP) $(CLIENT) $(INSTALLERS)  ## what waits for real time, containers, shells, keyrings and cron
	@$(BIN)/python -m tests.timed proofs -m 'proofs and not sweep' -n 3 $(PYTEST_SPREAD) \
	  $(if $(filter tests/%,$(ARGS)),,$(PROOFS)) $(ARGS)

# Vast's own client, which tests the sandbox; nothing is installed while tests run.
$(CLIENT): $(STAMP) tests/sandbox/official_client.py
	@echo "installing Vast's own client into $(VENV) ..."
	@$(BIN)/python -m tests.sandbox.official_client && touch $@

# pipx, uv and the wheels that the lock file names; what installs packages in a test has no network.
$(INSTALLERS): $(STAMP) tests/packages/installers.py $(LOCK)
	@echo "fetching pipx, uv and locked wheels into $(VENV) (30 s) ..."
	@$(BIN)/python -m tests.packages.installers

packages: $(STAMP)  ## write wheel and sdist to dist/
	@rm -f dist/gpu_shopper-*
	@$(BIN)/python -m hatchling build -d dist

# `ARGS=--upgrade` takes newer versions.
lock: $(INSTALLERS)  ## write the lock file of docs/deploy anew
	@$(VENV)/installers/bin/uv pip compile --quiet --universal --python-version 3.11 --extra sandbox --generate-hashes \
	  --custom-compile-command 'make lock' --output-file $(LOCK) $(ARGS) pyproject.toml

licences: $(STAMP)  ## write docs/licences.md anew
	@$(BIN)/python -m tests.packages.licences

completions: $(STAMP)  ## write the scripts in completions/ anew
	@for shell in bash zsh fish; do GPU_SHOPPER_HOME=$(CURDIR)/$(VENV)/home $(BIN)/gpu-shopper completion $$shell \
	  >completions/gpu-shopper.$$shell || exit 1; done

schemas: $(STAMP)  ## write docs/schemas anew
	@$(BIN)/python -m tests.cli.json_schemas
	@$(BIN)/python -m tests.cli.released_fields

screens: $(STAMP)  ## write what docs/screens shows anew
	@$(if $(SHM),TMPDIR=$(SHM)) $(BIN)/python -m tests.screens.kept

man: $(STAMP)  ## write the manual pages in man/ anew
	@$(BIN)/python -m tests.cli.man_pages

lint: $(STAMP)  ## style, banned calls and import contracts
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(STAMP)  ## strict types
	$(BIN)/mypy

fix: $(STAMP)  ## repair what the linter can repair
	$(BIN)/ruff check --fix .

bench: $(STAMP) $(CLIENT)  ## measure the speeds we hold ourselves to
	@$(BIN)/python tests/bench/run.py $(ARGS)

sweep: $(STAMP) $(CLIENT)  ## the long proofs, on two workers
	$(if $(SHM),TMPDIR=$(SHM)) $(BIN)/python -m pytest -m sweep -n 2 --hypothesis-profile=sweep $(ARGS)

mutants: $(STAMP)  ## break each safety rule on purpose and expect red
	@$(BIN)/python -m tests.core.mutants $(ARGS)

clean:  ## remove caches and build results (keeps .venv)
	rm -rf build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile
