.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := $(BIN)/uv pip compile pyproject.toml --generate-hashes --no-emit-index-url \
  --no-header --no-annotate --python-version 3.11 --quiet
PYTEST := $(BIN)/python -m pytest
# They wait more than they reckon, so each core has one. A file's tests share its servers: they stay together.
JOBS ?= --numprocesses logical --maxprocesses 4 --dist loadfile
# Its theme tells of MkDocs' future at each build.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
PEERS ?= --peers
TRAIN_ENV ?= $(HOME)/.cache/weighbridge/train-$(shell sha256sum constraints/train.txt 2>/dev/null | cut -c1-12)

.PHONY: help setup up test check format test-vllm test-load k6 soak bench experiment base train evaluate replay generated charts docs docs-serve lab-tools lab lab-down chart-test lab-test rollout-test lock clean

help: ## Say what each target does
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.dev ## Make .venv with all that the targets below need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# `make up` needs a third of what the tests need, so it installs no more.
$(VENV)/.local: constraints/local.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r constraints/local.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: constraints/dev.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r constraints/dev.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.local

up: $(VENV)/.local ## Run it all: Envoy, the router, two pools; prints a curl to paste (PORT=8080, POOLS=sim|vllm)
	@$(BIN)/weighbridge up --port $(PORT) --pools $(or $(POOLS),sim)

test: setup ## The tests a change must pass: unit, protocol, contract, real Envoy
	$(PYTEST) -m "not vllm and not load" $(JOBS) --cov --cov-report=term $(ARGS)

check: setup ## Format, lint, types, layers, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory generated
	@git diff --exit-code --stat -- docs/settings.schema.json docs/settings.md mesh/envoy/bootstrap.example.yaml mesh/chart/files models/chart/files router/chart/values.schema.json rollouts/chart/files observability/dashboards/*.json observability/chart/files

format: setup ## Format the sources
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generated: setup ## Write the generated files anew
	$(BIN)/weighbridge schema > docs/settings.schema.json
	$(BIN)/weighbridge schema --markdown > docs/settings.md
	$(BIN)/python -m weighbridge_mesh bootstrap > mesh/envoy/bootstrap.example.yaml
	$(BIN)/python -m weighbridge_mesh chart mesh/chart > /dev/null
	$(BIN)/python router/chart/values_schema.py
	$(BIN)/python rollouts/chart/generated_files.py
	$(BIN)/python observability/dashboards/generated_files.py
	$(BIN)/python observability/chart/generated_files.py
	$(BIN)/python -m weighbridge.sizing.chart > models/chart/files/catalog.yaml

docs: setup ## Build the book of docs/ into build/site, strict: a dead link or a page without a place fails
	@script=$$($(BIN)/python docs/site/mermaid.py) && MERMAID_JS=$$script $(MKDOCS) build --strict

docs-serve: setup ## Read the book on localhost:8000, built anew at each change
	@script=$$($(BIN)/python docs/site/mermaid.py) && MERMAID_JS=$$script $(MKDOCS) serve

charts: setup ## Write the charts' golden renders anew (needs helm: make lab-tools)
	$(PYTEST) tests/charts -k golden --update-goldens $(ARGS)

lab-tools: setup ## Build the lab's control planes from Go modules (minutes once; kept outside the tree; TOOLS=helm for one)
	$(BIN)/python -m weighbridge_lab tools $(TOOLS)

lab: setup ## Leave a lab up: real Kubernetes and Istio, our charts (PORT=8080, CANARIES=yes); prints how to look around
	@$(BIN)/python -m weighbridge_lab up --port $(PORT) $(if $(CANARIES),--canaries)

lab-down: setup ## End that lab
	@$(BIN)/python -m weighbridge_lab down

chart-test: lab-tools ## What the charts render, and refuse, by Helm, Argo's lint, promtool and scanners
	$(PYTEST) -m lab tests/charts $(ARGS)

lab-test: lab-tools ## The charts on real control planes: routing, tuning, faults, policies, pools
	$(PYTEST) -m lab --timeout 300 tests/lab --ignore tests/lab/canaries $(ARGS)

rollout-test: lab-tools ## Canaries, good ones and sick ones, by the real Argo Rollouts, Prometheus and Envoy
	$(PYTEST) -m lab --timeout 300 tests/lab/canaries $(ARGS)

test-vllm: lab-tools ## Real vLLM (CPU): two servers behind real Envoy; a pool of the chart and a canary in the lab
	$(PYTEST) -m vllm --timeout 900 tests/vllm $(ARGS)

test-load: setup ## Thousands of streams at once through real Envoy
	$(PYTEST) -m load --timeout 600 tests/envoy $(ARGS)

k6: setup ## Promises as k6 checks them, against `weighbridge up` or URL=… (SUITES="smoke slo")
	$(BIN)/python tests/k6/run.py $(SUITES) $(if $(URL),--url $(URL)) $(ARGS)

soak: setup ## Half an hour at 200 requests a second, the router's memory watched; writes docs/benchmarks/soak.md
	$(BIN)/python tests/k6/soaking.py $(ARGS)

bench: setup ## Side by side with plain Envoy, an empty handler and LiteLLM; writes docs/benchmarks (ARGS=--quick, PEERS=: without LiteLLM)
	$(BIN)/weighbridge bench $(if $(filter --quick,$(ARGS)),,$(if $(PEERS),$(PEERS) --plots docs/benchmarks)) $(ARGS)

experiment: setup ## One of docs/experiments anew (NAME=autoscaling; --help as ARGS for the names)
	$(BIN)/python -m weighbridge_experiments $(NAME) $(if $(DATA),--data $(DATA)) $(ARGS)

base: setup ## Word pieces and encoder that artifacts rest on, from MiniLM (5 GB environment; OUT=build/base)
	@mkdir -p $(TRAIN_ENV) $(or $(OUT),build/base)
	test -x $(TRAIN_ENV)/bin/python || $(PYTHON) -m venv $(TRAIN_ENV)
	$(BIN)/uv pip install --quiet --python $(TRAIN_ENV)/bin/python --require-hashes -r constraints/train.txt
	$(TRAIN_ENV)/bin/python router/training/weighbridge_training/base.py $(or $(OUT),build/base)

train: setup ## Train the default artifact (DATA=../shared/data/routing; BASE=build/base after `make base`)
	$(BIN)/python -m weighbridge_training.train --data $(or $(DATA),../shared/data/routing) \
	  $(if $(BASE),--base $(BASE)) $(ARGS)

evaluate: setup ## Routing quality on the public sets, beside LiteLLM (DATA=../shared/data/routing)
	$(BIN)/python -m weighbridge_training.evaluate --data $(or $(DATA),../shared/data/routing) \
	  --out $(or $(OUT),build/evaluation) $(PEERS) $(ARGS)

replay: setup ## The whole of `weighbridge learn` on recorded scores, two simulators as pools (DATA=…)
	$(BIN)/python -m weighbridge_training.replay --data $(or $(DATA),../shared/data/routing) $(ARGS)

lock: setup ## Resolve constraints/ anew, with hashes and without addresses
	$(LOCK) --extra dev -o constraints/dev.txt
	$(LOCK) --extra local --extra build --constraint constraints/dev.txt -o constraints/local.txt
	$(LOCK) --constraint constraints/dev.txt -o constraints/router.txt
	$(LOCK) --extra encoder --constraint constraints/dev.txt -o constraints/router-encoder.txt
	$(BIN)/uv pip compile constraints/simulator.in --constraint constraints/dev.txt --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet -o constraints/simulator.txt
	$(BIN)/uv pip compile constraints/build.in --constraint constraints/dev.txt --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet -o constraints/build.txt
	$(BIN)/uv pip compile constraints/vllm.in --overrides constraints/vllm-overrides.txt \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes \
	  --no-annotate --no-emit-index-url --quiet \
	  --output-file router/weighbridge/local/vllm.lock.txt
	$(BIN)/uv pip compile constraints/litellm.in --overrides constraints/litellm-overrides.txt \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet \
	  --output-file router/weighbridge/bench/peers/litellm.lock.txt
	$(BIN)/uv pip compile constraints/train.in --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_28 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --quiet --output-file constraints/train.txt
	$(BIN)/uv pip compile constraints/go.in --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --quiet --output-file constraints/go.txt

clean: ## Remove the environment and all caches
	rm -rf $(VENV) build .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
