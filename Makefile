# make run: the whole product on this machine.  make test: everything.  make check: the quick part of it.
SHELL := /bin/bash
PORT ?= 5000
BIN := .venv/bin
PYTHON ?= python3.11
LOCALES := $(wildcard campaign/translations/*/LC_MESSAGES/messages.po)
STATIC := $(wildcard campaign/static/*.css campaign/static/*.js campaign/static/*.svg)
MADE := $(LOCALES:.po=.mo) .venv/compressed

# Where Python may keep no bytecode, each of the many processes compiles all anew, ten seconds long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check bench messages language format

run: .venv/ready $(MADE)
	@$(BIN)/campaign prepare --port $(PORT)
	@PATH="$(CURDIR)/$(BIN):$$PATH" PORT=$(PORT) $(BIN)/honcho start web worker inbox

test: .venv/ready $(MADE)
	@tests/install-needs
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest tests --numprocesses 3

check: .venv/ready $(MADE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates --check --lint --quiet
	$(BIN)/python -m tests.check_migrations
	$(BIN)/python -m tests.check_messages

bench: .venv/ready $(MADE)
	$(BIN)/python -m benchmarks

# Collect the sentences of the code and the templates into the catalogues.
messages: .venv/ready
	$(BIN)/pybabel extract --mapping-file=pyproject.toml --keywords=_l --no-location --sort-output --output-file=campaign/translations/messages.pot campaign templates
	$(BIN)/pybabel update --input-file=campaign/translations/messages.pot --output-dir=campaign/translations --no-wrap --ignore-obsolete --no-fuzzy-matching --ignore-pot-creation-date

# Add a language: make language CODE=fr
language: messages
	$(BIN)/pybabel init --input-file=campaign/translations/messages.pot --output-dir=campaign/translations --no-wrap --locale=$(CODE)

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint templates --reformat --quiet

# WhiteNoise finds what is compressed beforehand beside each file.
.venv/compressed: $(STATIC) | .venv/ready
	@$(BIN)/python -m whitenoise.compress --quiet campaign/static
	@touch $@

%.mo: %.po | .venv/ready
	@$(BIN)/pybabel --quiet compile --input-file=$< --output-file=$@

.venv/ready: pyproject.toml uv.lock
	@command -v $(PYTHON) >/dev/null || { echo "Campaign needs $(PYTHON): apt-get install python3.11 python3.11-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Campaign needs venv: apt-get install python3.11-venv"; rm -rf .venv; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check uv
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv sync --quiet --locked --all-extras --inexact
	@touch $@
