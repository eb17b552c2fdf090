# Every target makes what it needs: a virtual environment from the locked, hashed list, made again when the list
# changes. PYTHON=/path/to/python3 chooses the interpreter (its environment stands beside the default one), VENV=DIR
# the place, ARGS=... goes to pytest, the demo or the benchmark.

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
TARGETS := demo run test test-slow lint format openapi bench bench-inside bench-cost bench-push bench-tokens simulate soak fuzz schemathesis peers browser lock audit compose-test venv clean help

ifneq ($(HERE),.)
# Called as `make -f somewhere/Makefile`: go there, so that every path below is relative to the checkout.
$(or $(MAKECMDGOALS),help):
	@$(MAKE) --no-print-directory -C "$(HERE)" $@
else

.DEFAULT_GOAL := help
VENV ?= .venv$(if $(PYTHON),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-lock

help:  ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: $(STAMP)  ## the whole product on loopback, step by step; ends by itself
	@$(BIN)/python examples/demo.py $(ARGS)

run: $(STAMP)  ## the same, left running until Ctrl-C
	@$(BIN)/python examples/demo.py --stay $(ARGS)

test: $(STAMP)  ## the whole test suite, but for what needs a Docker engine or many minutes
	.ci/in-memory $(BIN)/python -m pytest -m "not compose and not slow and not peers and not browser" $(ARGS)

test-slow: $(STAMP)  ## the tests that take minutes
	.ci/in-memory $(BIN)/python -m pytest -m slow $(ARGS)

compose-test: $(STAMP)  ## compose.yml under a real Docker engine; skipped loudly without one
	$(BIN)/python -m pytest tests/compose $(ARGS)

schemathesis: $(STAMP)  ## the admin API held against its OpenAPI document; ARGS="--seed 7 -n 500", ...
	@$(BIN)/python -m tests.control.schema $(ARGS)

peers: $(STAMP)  ## other people's clients and servers through a sidecar; names those that are not installed
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/peers.txt
	@npm ci --prefix tests/peers/programs --ignore-scripts --no-audit --no-fund --silent || \
	echo "the peers of Node cannot be installed here"
	$(BIN)/python -m pytest -m peers tests/peers $(ARGS)

browser: $(STAMP)  ## people's pages in headless Chromium; SHOTS=DIR keeps pictures; skipped loudly without one
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/browser.txt
	$(if $(SHOTS),SIDEGATE_SHOTS="$(SHOTS)") $(BIN)/python -m pytest -m browser tests/stories/test_sign_in.py $(ARGS)

bench-push: $(STAMP)  ## push, revocation and reconnect storm with 1,000 and 10,000 sidecars; ARGS="--sidecars 1000"
	@$(BIN)/python bench/push.py $(ARGS)

bench-tokens: $(STAMP)  ## tokens a second on one core while people sign in, and how late the event loop is; ARGS="--logins 0"
	@$(BIN)/python bench/tokens.py $(ARGS)

simulate: $(STAMP)  ## whole meshes on a virtual clock, each from a seed; ARGS="--seeds 10000 --sidecars 1000", ARGS="--seed 7"
	@$(BIN)/python -m tests.simulation $(ARGS)

soak: $(STAMP)  ## load, slow callers, leaks and SIGTERM; ARGS="load", ARGS="leak --connections 1000000", ...
	@$(BIN)/python bench/soak.py $(ARGS)

fuzz: $(STAMP)  ## HTTP held against h11 over many inputs; ARGS="--inputs 10000000", ARGS="--replay FILE", ...
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --only-binary :all: --require-hashes \
	-r requirements/fuzz.txt || echo "atheris cannot be installed here"
	@$(BIN)/python -m tests.fuzz.deep $(ARGS)

lint: $(STAMP)  ## ruff, mypy --strict, the arrows between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

openapi: $(STAMP)  ## write docs/openapi.json as the API is now
	$(BIN)/python -m control.api.openapi > docs/openapi.json

format: $(STAMP)  ## let ruff put things right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## ours beside the proxies that are installed, one core each; ARGS="hot paced --no-peers", ARGS=--help
	@$(BIN)/python -m bench.proxies $(ARGS)

bench-inside: $(STAMP)  ## pauses of the collector, wake-ups and system calls of a request; ARGS="hot paced"
	@$(BIN)/python -m bench.proxies.inside $(ARGS)

bench-cost: $(STAMP)  ## the quick look: ours alone; ARGS="hot realistic", ARGS="--sidecar=--http1=h11"
	@$(BIN)/python -m bench.proxies --no-peers --seconds 2 $(ARGS)

audit: $(STAMP)  ## known vulnerabilities in what control and the sidecar are locked to
	@$(BIN)/python requirements/audit.py requirements/control.txt

# The sources of the locks are pyproject.toml's own lists. dev.txt is resolved first and the others are cut from it,
# so that what is tested is what is shipped. UPGRADE=1 takes the newest versions.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-config \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: $(STAMP)  ## resolve requirements/*.txt again
	$(COMPILE) pyproject.toml --extra control --extra testing --group dev -o requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt pyproject.toml --extra control -o requirements/control.txt
	$(COMPILE) -c requirements/dev.txt pyproject.toml -o requirements/sidecar.txt
	$(COMPILE) -c requirements/dev.txt --group build -o requirements/build.txt
	$(COMPILE) -c requirements/dev.txt --group peers -o requirements/peers.txt
	$(COMPILE) -c requirements/dev.txt --group browser -o requirements/browser.txt
	$(COMPILE) -c requirements/dev.txt --group fuzz -o requirements/fuzz.txt

venv: $(STAMP)  ## only the virtual environment

$(STAMP): requirements/dev.txt pyproject.toml
	@python="$(PYTHON)"; python="$${python:-$$(.ci/python)}" && [ -n "$$python" ] && \
	"$$python" -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Sidegate needs CPython 3.11 or newer: PYTHON is " + sys.version.split()[0])' && \
	echo "Making $(VENV) with $$python from requirements/dev.txt ..." && \
	"$$python" -m venv --clear "$(VENV)" && \
	"$(BIN)/python" -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/dev.txt && \
	PYTHONWARNINGS=ignore "$(BIN)/python" -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e . && \
	touch "$(STAMP)"

clean:  ## remove what the targets made, but no policy, data or state
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

endif
.PHONY: $(TARGETS)
