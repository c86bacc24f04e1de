# Two words: `make run` opens the room, `make test` runs the tests. Both make .venv when it is not there.
SHELL := /bin/bash
BIN := .venv/bin
READY := .venv/.ready
READY_DEV := .venv/.ready-dev
# Tests mostly wait for browsers, databases and processes: one more than the two cores of a small machine.
PROCESSES ?= 3
LOCKED := pyproject.toml constraints.txt tools/make-venv
# With a core busy, torch's spinning threads slow a step up to forty times.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help run test check format bench gpu-check pictures lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 20

run: $(READY)  ## open the web room (and Discord and Slack, where tokens are set)
	@exec $(BIN)/tsuzuki run $(ARGS)

test: $(READY_DEV)  ## run the tests
	@tools/test-needs
	@$(BIN)/python -m pytest -q -n $(PROCESSES) $(ARGS)

check: $(READY_DEV)  ## format, lint, types, imports and tests: the one habit before a commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@tools/test-needs
	$(BIN)/python -m pytest -q -n $(PROCESSES) $(ARGS)

format: $(READY_DEV)  ## let ruff put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY_DEV)  ## time the worker beside transformers, in tables (about 10 minutes; ARGS=--help)
	@$(BIN)/python -m bench $(ARGS)

gpu-check: $(READY_DEV)  ## whether the GPU path is right and fast, in a table (skips without a GPU)
	@$(BIN)/python -m bench.gpu $(ARGS)

pictures: $(READY_DEV)  ## take the pictures of the documentation anew
	@tools/test-needs
	$(BIN)/python -m docs.make_pictures $(ARGS)

lock:  ## write constraints.txt from what is installed in .venv
	tools/lock

clean:  ## remove .venv and caches (never data/)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info

$(READY): $(LOCKED)
	@echo "Preparing .venv (the first time takes a few minutes) ..."
	@tools/make-venv
	@touch $@

$(READY_DEV): $(LOCKED)
	@echo "Preparing .venv with the tools for development (the first time takes a few minutes) ..."
	@tools/make-venv dev
	@touch $@ $(READY)
