# Every verb sets up what it needs in .venv; a changed pyproject.toml is installed anew.

PYTHON ?= python3
export PYTHON
BIN := .venv/bin

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup programs demo test test-live lint typecheck generate catalog lock audit schema preview bench fuzz clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.dev programs ## Set up everything (the other verbs do it themselves)

.venv/.demo: pyproject.toml
	sh scripts/setup.sh install '.[compare]'
	@touch $@

.venv/.dev: pyproject.toml
	sh scripts/setup.sh install '.[dev]'
	@touch .venv/.demo $@

programs:
	@sh scripts/setup.sh programs

demo: .venv/.demo ## Upgrade recorded vLLM servers, replayed here, and judge it; no GPU needed
	$(BIN)/inferfleet demo

test: .venv/.dev programs ## Run all tests
	$(BIN)/pytest -n auto

test-live: .venv/.dev ## Serve a real engine, and hold the exporter against the load client
	$(BIN)/python -m scripts.live $(if $(ENGINE),--engine $(ENGINE)) $(if $(OUT),--out $(OUT))

lint: .venv/.dev ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: .venv/.dev ## Check types
	$(BIN)/mypy

generate: .venv/.dev ## Write the generated files anew
	$(BIN)/python -m scripts.generate

catalog: .venv/.dev ## Read what each release of the engines takes and shows out of its package
	$(BIN)/python -m scripts.catalog

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --upgrade
BUILD_REQUIRES := import tomllib; from pathlib import Path; \
	project = tomllib.loads(Path("pyproject.toml").read_text()); \
	print(*project["build-system"]["requires"], sep="\n")

lock: .venv/.dev ## Lock what the image installs to its newest releases, by version and hash
	sh scripts/setup.sh install '.[dev,lock]'
	$(COMPILE) --extra image pyproject.toml --output-file deploy/requirements.lock >/dev/null
	$(BIN)/python -c '$(BUILD_REQUIRES)' | $(COMPILE) - --output-file deploy/build.lock >/dev/null

audit: .venv/.dev ## Look up known faults of what the image installs
	sh scripts/setup.sh install '.[dev,lock]'
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r deploy/requirements.lock -r deploy/build.lock

NODE := dashboards/preview/node_modules

$(NODE): dashboards/preview/package-lock.json
	cd dashboards/preview && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

schema: $(NODE) ## Check the dashboards against Grafana's own types (needs Node.js 20 or later)
	cd dashboards/preview && node check/run.mjs

preview: .venv/.dev programs $(NODE) ## Draw the dashboards anew into docs/dashboards
	sh scripts/setup.sh install '.[dev,preview]'
	cd dashboards/preview && node build.mjs
	$(BIN)/python -m scripts.preview

bench: .venv/.dev ## Measure what it all costs, and how often upgrades are judged right
	$(BIN)/python -m scripts.bench
	$(BIN)/python -m scripts.bench_pods
	$(BIN)/python -m scripts.recorded_upgrades
	$(BIN)/python -m scripts.real_upgrades
	$(BIN)/python -m scripts.bench_compare
	$(BIN)/python -m scripts.bench_compare_scale

fuzz: .venv/.dev ## Feed every reader of outside texts with mutated input for ten minutes
	$(BIN)/python -m scripts.fuzz

clean: ## Remove what the other verbs made, .venv included
	rm -rf .venv .live .catalog build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
