# Everything runs in .venv, made on first use from the hash-pinned lists in requirements/.
# Settings: PYTHON (3.11 or newer), JOBS (test processes), BENCH_OPTIONS, and for `make run` every FLAGD_* variable.

JOBS ?= logical
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
VENDORS := .venv-vendors
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 4 --dist worksteal
CANDIDATES := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python
LOCK := $(BIN)/uv pip compile --quiet --no-config --universal --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links --no-emit-package flagd-sdk $(LOCK_OPTIONS)

# Compiled modules are kept, whatever the environment says: every process that is started would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run demo storefront migrate test test-fast check bench bench-alone vendors format lock clean
.DELETE_ON_ERROR:

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.server ## Start the service at http://127.0.0.1:8080 (FLAGD_* variables count)
	@exec $(BIN)/flagd serve --migrate --demo

demo: $(VENV)/.server ## Watch a rollout from nobody to everybody and back, in the terminal, in seconds
	@exec $(BIN)/python -m examples.rollout_demo

storefront: $(VENV)/.server ## Open a little shop at http://127.0.0.1:8090 on the flags of `make run`
	@exec $(BIN)/python -m examples.storefront

migrate: $(VENV)/.server ## Bring the schema of FLAGD_DATABASE_URL up to date
	@exec $(BIN)/flagd migrate

test: $(VENV)/.dev ## Run every test, on real PostgreSQL and Redis servers that it brings along
	$(PYTEST)

test-fast: $(VENV)/.dev ## Run what needs no server: under a minute
	$(PYTEST) -m "not services and not slow and not chromium and not node" \
	    tests/unit tests/contract tests/architecture tests/integration/projects

check: $(VENV)/.dev ## Check style, types, import order and the files for containers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/architecture tests/deploy -m "not slow"

bench-alone: $(VENV)/.dev ## Measure evaluation and loading, beside the least code that answers
	@exec $(BIN)/python -m tests.bench $(BENCH_OPTIONS)

bench: $(BENCH)/.peers ## Measure the same beside nine other vendors' clients, in .venv-bench (ten minutes)
	@exec $(BENCH)/bin/python -m tests.bench --peers $(BENCH_OPTIONS)

vendors: $(VENDORS)/.installed ## Compare our hashes with other vendors' own code, in .venv-vendors; writes the vectors (minutes)
	@exec $(VENDORS)/bin/python -m tests.vendors $(VENDORS)/older

format: $(VENV)/.dev ## Put the code into its usual shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.dev ## Write requirements/*.txt anew (LOCK_OPTIONS=--upgrade: with the newest releases)
	$(LOCK) --python-version 3.11 pyproject.toml -o requirements/server.txt >/dev/null
	$(LOCK) --python-version 3.11 requirements/build.in -o requirements/build.txt >/dev/null
	$(LOCK) --python-version 3.11 pyproject.toml requirements/build.in --extra dev \
	    -c requirements/server.txt -c requirements/build.txt -o requirements/dev.txt >/dev/null
	$(LOCK) --python-version 3.10 sdk/pyproject.toml -o requirements/sdk.txt >/dev/null
	$(LOCK) --python-version 3.11 requirements/bench.in \
	    -c requirements/sdk.txt -c requirements/build.txt -o requirements/bench.txt >/dev/null
	$(LOCK) --python-version 3.11 requirements/vendors.in -c requirements/sdk.txt -o requirements/vendors.txt >/dev/null
	$(LOCK) --python-version 3.11 --no-deps requirements/vendors-older.in -o requirements/vendors-older.txt >/dev/null

clean: ## Remove the virtual environment and what tools left behind; keep var/, the data of make run
	rm -rf $(VENV) $(BENCH) $(VENDORS) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The files below are stamps: each says that a step is done and is older than what the step depends on.

$(VENV)/.created:
	@for python in $(CANDIDATES); do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        $$python -m venv $(VENV) || { \
	            echo "make: $$python cannot make a virtual environment (on Debian: apt-get install python3-venv)" >&2; \
	            exit 1; }; \
	        touch $@; exit 0; \
	    fi; \
	done; \
	echo "make: flagd needs Python 3.11 or newer; install it, or say where it is: make PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/.server: $(VENV)/.created requirements/server.txt requirements/build.txt pyproject.toml sdk/pyproject.toml
	@echo "installing into $(VENV)"
	@$(PIP) install --quiet --require-hashes -r requirements/server.txt -r requirements/build.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index -e sdk -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.server requirements/dev.txt
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

# Clients that cannot be installed on this machine are named and left out; ours has to be.
$(BENCH)/.peers: $(VENV)/.created requirements/bench.txt requirements/sdk.txt requirements/build.txt sdk/pyproject.toml
	@echo "installing into $(BENCH)"
	@$(BIN)/python -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes \
	    -r requirements/sdk.txt -r requirements/build.txt
	@$(BENCH)/bin/python -m pip --disable-pip-version-check install --quiet \
	    --no-deps --no-build-isolation --no-index -e sdk
	@$(BENCH)/bin/python -m tests.bench.peers.install requirements/bench.txt
	@touch $@

# The older releases lie in a folder of their own: two releases of a package cannot be installed side by side.
$(VENDORS)/.installed: $(VENV)/.created requirements/vendors.txt requirements/vendors-older.txt
	@echo "installing into $(VENDORS)"
	@$(BIN)/python -m venv $(VENDORS)
	@$(VENDORS)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes \
	    -r requirements/vendors.txt
	@rm -rf $(VENDORS)/older
	@$(VENDORS)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps \
	    --target $(VENDORS)/older -r requirements/vendors-older.txt
	@touch $@
