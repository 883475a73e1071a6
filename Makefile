# Newsroom: `make run` starts the demo, `make test` runs the quick tests. Only Python 3.11+ and make are needed.

SHELL := /bin/sh
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
PYTEST := .venv/bin/python -m pytest
WORKERS := -n auto --maxprocesses 4 --dist worksteal

.PHONY: help run test test-all bench screenshots lint lock install install-test clean

help:
	@echo "make run        start the demo on http://127.0.0.1:8080 (Ctrl-C stops it)"
	@echo "make test       the quick tests, a few minutes"
	@echo "make test-all   every test"
	@echo "make bench      measure, and compare with what was measured in the same run"
	@echo "make screenshots  take the pictures of the README from the demo"
	@echo "make lint       style and the rules on who may import whom"
	@echo "make lock       renew the lock files (needs uv)"
	@echo "make clean      remove .venv and caches; .data, the demo's database, stays"

run: install
	@exec .venv/bin/newsroom demo

test: install-test
	@$(PYTEST) -m "not slow" $(WORKERS)

test-all: install-test
	@$(PYTEST) $(WORKERS)

bench: install-test
	@.venv/bin/python -m tests.bench

screenshots: install-test
	@.venv/bin/python -m tests.screenshots

lint: install-test
	@.venv/bin/ruff check newsroom connectors tests
	@.venv/bin/lint-imports --no-logo

# The same versions in both: the tests run on what people run. UV may name another uv.
UV := uv
COMPILE := pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
lock:
	@$(UV) $(COMPILE) --all-extras --output-file requirements-test.lock
	@cp requirements-test.lock requirements.lock
	@$(UV) $(COMPILE) --extra build --output-file requirements.lock

clean:
	rm -rf .venv .mastodon-server .pytest_cache .ruff_cache .hypothesis

install:
	@$(call install_from,requirements.lock)

install-test:
	@$(call install_from,requirements-test.lock)

# $(1): a lock file. Does nothing when what is in .venv came from the same file; a copy of it is the proof.
define install_from
set -e; \
lock=$(1); log=.venv/install.log; \
if cmp -s $$lock .venv/$$lock && cmp -s pyproject.toml .venv/pyproject.toml && .venv/bin/python -c '' 2>/dev/null; \
then exit 0; fi; \
if ! .venv/bin/python -c 'import pip' 2>/dev/null || ! [ -e .venv/made ]; then \
	python=; \
	for name in $(PYTHONS); do \
		if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Newsroom needs Python 3.11 or later, and found: $$(python3 --version 2>&1 || true)." >&2; \
		echo "Install it from your system's packages and run make again." >&2; exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "This Python cannot make a virtual environment. On Debian or Ubuntu:" >&2; \
		echo "    sudo apt install python3-venv" >&2; exit 1; \
	fi; \
	echo "Making .venv with $$($$python --version)"; \
	rm -rf .venv; $$python -m venv .venv; touch .venv/made; \
fi; \
rm -f .venv/requirements.lock .venv/requirements-test.lock; \
total=$$(grep -c '^[a-z0-9].*==' $$lock); \
if command -v uv >/dev/null 2>&1; then \
	echo "Installing at most $$total packages with uv"; \
	VIRTUAL_ENV=.venv uv pip install --quiet --no-deps --require-hashes -r $$lock; \
	VIRTUAL_ENV=.venv uv pip install --quiet --no-deps --no-build-isolation --editable .; \
else \
	echo "Installing at most $$total packages with pip; this takes up to half a minute"; \
	{ .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off --no-deps \
		--require-hashes -r $$lock && \
	  .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off --no-deps \
		--no-build-isolation --editable . && touch .venv/installed; } 2>&1 | tee $$log | \
	awk -v total=$$total '/^(Collecting|Processing)/ { seen++; if (seen % 10 == 0) { print "  " seen " of " total; fflush() } } \
		/^Installing collected/ { print "  unpacking"; fflush() }'; \
	if ! [ -e .venv/installed ]; then tail -n 15 $$log >&2; echo "Installing failed; all of it is in $$log." >&2; exit 1; fi; \
	rm .venv/installed; \
fi; \
cp pyproject.toml .venv/pyproject.toml; cp $$lock .venv/$$lock; \
if [ $$lock = requirements-test.lock ]; then cp requirements.lock .venv/requirements.lock; fi
endef
