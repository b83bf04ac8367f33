# LifeCircle (生活圈): every command that a person or a machine needs. `make help` lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
# Pinned, so that a set-up today and one next year do the same; it only installs, nothing imports it.
UV_VERSION := 0.13.9
# Another one: make PYTHON=/opt/python3.12/bin/python3 ...
PYTHON ?=
PRODUCTION_READY := $(VENV)/.ready-production
DEVELOPMENT_READY := $(VENV)/.ready-development
# Two test processes: each has a PostgreSQL of its own; more gain nothing on two cores.
TEST_WORKERS ?= 2
# Bytecode is kept even where the shell says otherwise: without it each of the three processes
# compiles all that it imports, for longer than the fast tests may take.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n $(TEST_WORKERS) --dist loadfile \
  --no-loadscope-reorder

# Hashes, and no addresses: whoever installs chooses the index.
COMPILE = $(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make lock" --python-version 3.11

.PHONY: help run test test-fast check format bench web worker sms clock setup browser lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(PRODUCTION_READY) ## Run all on this machine, stores and simulator included
	@exec $(PY) app.py run

web: $(PRODUCTION_READY) ## Production: the web process
	@exec $(PY) app.py web

worker: $(PRODUCTION_READY) ## Production: a worker
	@exec $(PY) app.py worker

sms: $(PRODUCTION_READY) ## Production: the sender, with its binds to SMPP or CMPP gateways
	@exec $(PY) app.py sms

clock: $(PRODUCTION_READY) ## Production: the clock
	@exec $(PY) app.py clock

test: $(DEVELOPMENT_READY) browser ## Set up and pass all tests, in a real browser too
	@$(PYTEST)

test-fast: $(DEVELOPMENT_READY) ## The tests that take no time
	@$(PYTEST) -m "not slow and not browser" --hypothesis-profile everyday --heavy

check: $(DEVELOPMENT_READY) ## Lint, formatting and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(DEVELOPMENT_READY) ## Format, and mend what can be mended
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(DEVELOPMENT_READY) ## Measure; writes bench/results.json
	@$(PY) -m bench

browser: $(DEVELOPMENT_READY)
	@$(PY) -m tests.browser

setup: $(DEVELOPMENT_READY) ## Only set up the environment

lock: $(DEVELOPMENT_READY) ## Pin the newest versions: requirements*.in -> requirements*.txt
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt

clean: ## Remove what make made, except the data in var/postgres and var/valkey
	rm -rf $(VENV) var/browser .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

# --- The environment. A stamp says what is installed; it is made again when its list changes. ---


$(PY):
	@set -e; python=""; \
	for each in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if command -v $$each >/dev/null && $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))'; \
	    then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: no Python 3.11 or later found: install it, or say make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	rm -rf $(VENV); \
	if $$python -m venv $(VENV) >/dev/null 2>&1; then exit 0; fi; \
	rm -rf $(VENV); \
	if $$python -m virtualenv --quiet $(VENV) >/dev/null 2>&1; then exit 0; fi; \
	rm -rf $(VENV); \
	if $$python -m venv --without-pip $(VENV) && { \
	  $$python -m pip --python $(VENV)/bin/python install --quiet pip \
	  || uv pip install --quiet --python $(VENV)/bin/python pip; } 2>/dev/null; then exit 0; fi; \
	rm -rf $(VENV); \
	echo "make: $$python cannot make a virtual environment with pip in it: install your system's" \
	  "package for it (Debian, Ubuntu: apt install python3-venv), or virtualenv, pip or uv" >&2; \
	exit 1

# Where the development list is installed, the production list is a part of it, and installing that
# alone would remove the rest.
$(PRODUCTION_READY): requirements.txt | $(PY)
	@if [ -e $(DEVELOPMENT_READY) ]; then $(MAKE) --no-print-directory $(DEVELOPMENT_READY); \
	  else $(call install,requirements.txt); fi
	@touch $@

$(DEVELOPMENT_READY): requirements-dev.txt requirements.txt | $(PY)
	@$(call install,requirements-dev.txt)
	@touch $@

# uv knows nothing of pip's settings: hand it the index and the certificates that pip would use.
define install
echo "make: installing $(1) into $(VENV)"; \
[ -x $(UV) ] || $(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || true; \
index=$$($(PY) -m pip config get global.index-url 2>/dev/null || true); \
index=$${PIP_INDEX_URL:-$$index}; \
if [ -n "$$index" ] && [ -z "$${UV_DEFAULT_INDEX:-}$${UV_INDEX_URL:-}" ]; then \
  UV_DEFAULT_INDEX=$$index; export UV_DEFAULT_INDEX; fi; \
if [ -n "$${PIP_CERT:-}" ] && [ -z "$${SSL_CERT_FILE:-}" ]; then \
  SSL_CERT_FILE=$$PIP_CERT; export SSL_CERT_FILE; fi; \
$(UV) pip sync --quiet --require-hashes --python $(PY) $(1) || { \
  echo "make: uv did not succeed, trying with pip" >&2; \
  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); }
endef
