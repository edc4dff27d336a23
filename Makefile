# `make run` shows the service on made-up data, `make test` is the gate that every change passes.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

.PHONY: help run test lint bench lock clean

help:
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

run: .venv/.stamp  ## make data once (.demo/), score the latest full month, serve it on PORT
	exec $(BIN)/csi demo run --folder .demo --port $(PORT)

test: lint  ## lint, then all tests; narrow with PYTEST_ARGS='-k complaint -x'
	$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

lint: .venv/.stamp  ## style, format, types, Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

bench: .venv/.stamp  ## time the hot paths beside references (benchmarks/README.md; minutes, 1 GB of temporary files)
	for name in start_up calculators composite_api score_files import_calls scores_api durable_posts ratings start_server report_documents; do $(BIN)/python -m benchmarks.$$name; echo; done

lock:  ## re-make constraints.txt: the newest versions that pyproject.toml allows, for all its Pythons, no hosts
	tmp=$$(mktemp -d); trap 'rm -rf "$$tmp" uv.lock' EXIT; rm -f uv.lock; \
	$(PYTHON) -m venv "$$tmp"; "$$tmp/bin/python" -m pip install -q --disable-pip-version-check uv; \
	"$$tmp/bin/uv" export -q --system-certs --python "$$tmp/bin/python" --all-extras --no-hashes --no-header \
	  --no-annotate --no-emit-project -o constraints.txt >/dev/null

clean:  ## back to a fresh checkout
	rm -rf .venv .demo dist build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find csi_service tests -name __pycache__ -prune -exec rm -rf {} +

# The stamp is written last, so an interrupted set-up is taken up again. uv is quicker, but does not know pip's
# settings: where it fails, pip has a try.
.venv/.stamp: pyproject.toml constraints.txt
	@$(BIN)/python -m pip --version &>/dev/null || { \
	  $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' &>/dev/null \
	    || { echo '$(PYTHON) is not Python 3.11, 3.12 or 3.13: name one that is, e.g. make test PYTHON=python3.12' >&2; exit 1; }; \
	  $(PYTHON) -c 'import ensurepip' &>/dev/null \
	    || { echo '$(PYTHON) cannot make virtual environments: on Debian or Ubuntu, apt install python3-venv' >&2; exit 1; }; \
	  $(PYTHON) -m venv --clear .venv; }
	@echo 'Setting up .venv (half a minute, once)'
	@{ command -v uv >/dev/null && uv pip install -q --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]'; } \
	  || $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@echo '$(CURDIR)' > $@

# A .venv that was moved here, or whose Python is gone, is made anew.
$(shell [ ! -s .venv/.stamp ] || { [ "$$(<.venv/.stamp)" = '$(CURDIR)' ] && $(BIN)/python -c ''; } &>/dev/null || rm -rf .venv)
