# Every target does its own set-up: a machine needs Python 3.11 or newer, make and git.
# PYTHON=/path/to/python3 names the interpreter that .venv is made with.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
OFFLINE := The packages could not be installed: check the network or pip's own settings, then run the same command again.

# A stamp is newer than what was installed from; a changed lock installs anew, anything else starts at once.
READY_TO_RUN := $(VENV)/.installed
READY_TO_TEST := $(VENV)/.installed-tests
OFFICIAL := $(VENV)/official-client

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test quick cover lint bench lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY_TO_RUN)  ## Your accounts when a key is set, else the demo; http://127.0.0.1:8080/
	@exec $(BIN)/northstar run

# Whatever the environment says, compiled modules are kept: each worker and each run would compile all of them anew.
unexport PYTHONDONTWRITEBYTECODE

# Each check speaks whatever the one before it said; the one that asks a service waits for it beside the others.
# Needs a shell variable, status.
define LINT
	$(BIN)/python -m tests.audit >$(VENV)/audit.txt & audit=$$!; \
	$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . || status=1; \
	$(BIN)/lint-imports --no-logo >$(VENV)/imports.txt || { cat $(VENV)/imports.txt; status=1; }; \
	$(BIN)/mypy || status=1; \
	wait $$audit || status=1; cat $(VENV)/audit.txt
endef

# On the same few examples of each property everywhere: what they cover is then the same, too.
QUICK := $(BIN)/python -m pytest -q -m "not slow" -n auto --hypothesis-profile=few -p no:schemathesis

# Coverage is that of the quick tests, which it takes twice as long, and compared with its floors when all of them ran.
define COVERAGE
	if $(QUICK) --cov --cov-report=; then \
	  $(BIN)/coverage json --quiet -o $(VENV)/coverage.json && $(BIN)/python -m tests.floors $(VENV)/coverage.json || status=1; \
	else status=1; fi
endef

lint: $(READY_TO_TEST)  ## Lint, import rules, types, known vulnerabilities; `.venv/bin/ruff format .` puts the layout right
	@status=0; $(LINT); exit $$status

quick: $(READY_TO_TEST)  ## Lint, and the tests that start no program
	@status=0; $(LINT); $(QUICK) || status=1; exit $$status

cover: $(READY_TO_TEST)  ## The quick tests, and how much of each room they run
	@status=0; $(COVERAGE); exit $$status

# What is quick comes first; its complaints do not keep the rest from running, and are recalled at the end.
# Many tests wait for processes more than they compute, so there is one worker more than CI has cores.
test: $(READY_TO_TEST) $(OFFICIAL)/.installed  ## All of that, on every Python there is, and all other tests
	@tests/install-tools
	@status=0; $(LINT); $(COVERAGE); \
	tests/other-pythons || status=1; \
	[ $$status = 0 ] || before="Something failed before these tests: see above."; \
	$(BIN)/python -m pytest -m slow -n 3 --dist loadgroup -p no:schemathesis || status=1; \
	[ -z "$$before" ] || echo "$$before"; \
	exit $$status

bench: $(READY_TO_TEST)  ## Measure what the documentation claims
	@$(BIN)/python -m tests.benchmarks

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links

lock:  ## Write both lock files anew from pyproject.toml; needs uv
	@command -v uv >/dev/null || { echo "make lock needs uv: see CONTRIBUTING.md."; exit 1; }
	@$(COMPILE) $(UPGRADE) pyproject.toml --group build --output-file requirements.lock
	@$(COMPILE) $(UPGRADE) --group dev --constraints requirements.lock --output-file tests/requirements.lock
	@$(subst 3.11,3.13,$(COMPILE)) $(UPGRADE) --group official --no-deps --constraints tests/requirements.lock \
	  --output-file tests/official-client.lock

clean:  ## Remove .venv and caches; data/ stays
	@rm -rf $(VENV) .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY_TO_RUN): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the pinned packages into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock || { echo "$(OFFLINE)"; exit 1; }
	@echo "Installing northstar ..."
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(READY_TO_TEST): tests/requirements.lock $(READY_TO_RUN)
	@echo "Installing the test tools into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock -r tests/requirements.lock || { echo "$(OFFLINE)"; exit 1; }
	@touch $@

# Its metadata asks for Python 3.13, its code runs on 3.11: unpacked beside the packages, where pip does not mind.
# Without it a few tests are skipped, and say so.
$(OFFICIAL)/.installed: tests/official-client.lock $(READY_TO_TEST)
	@echo "Installing Kalshi's own client for the tests into $(OFFICIAL) ..."
	@rm -rf $(OFFICIAL)
	@if $(PIP) install --require-hashes --no-deps --ignore-requires-python --no-warn-conflicts --target $(OFFICIAL) \
	  -r tests/official-client.lock; then touch $@; \
	else rm -rf $(OFFICIAL); echo "The tests that read the simulator with it are skipped: it could not be installed."; fi

$(BIN)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python 3.11 or newer was found: install one, or name it with PYTHON=/path/to/python3."; exit 1; \
	elif ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments: install its venv package (Debian: apt-get install python3-venv)."; \
	  exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$found" --version) ..."; \
	"$$found" -m venv --clear $(VENV)
