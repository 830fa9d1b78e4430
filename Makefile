# Every verb sets up what it needs in .venv; a changed pyproject.toml is installed anew.

PYTHON ?= python3
export PYTHON
BIN := .venv/bin

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup programs demo test lint typecheck generate schema preview bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.dev programs ## Set up everything (the other verbs do it themselves)

.venv/.app: pyproject.toml
	sh scripts/setup.sh install .
	@touch $@

.venv/.dev: pyproject.toml
	sh scripts/setup.sh install '.[dev]'
	@touch .venv/.app $@

programs:
	@sh scripts/setup.sh programs

demo: .venv/.app ## Watch recorded vLLM servers replayed on this machine; no GPU needed
	$(BIN)/inferfleet demo

test: .venv/.dev programs ## Run all tests
	$(BIN)/pytest -n auto

lint: .venv/.dev ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: .venv/.dev ## Check types
	$(BIN)/mypy

generate: .venv/.dev ## Write the generated files anew
	$(BIN)/python -m scripts.generate

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
	$(BIN)/python -m scripts.bench_rules
	$(BIN)/python -m scripts.bench_evaluation
	$(BIN)/python -m scripts.real_upgrades
	$(BIN)/python -m scripts.bench_compare
	$(BIN)/python -m scripts.bench_compare_scale

clean: ## Remove what the other verbs made, .venv included
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
