# `make` lists what there is. Nothing but Python 3.11 or newer is needed for `make run`.
.DEFAULT_GOAL := help
.PHONY: help run test test-daphne check fmt e2e bench screenshots chaos up down logs psql vendor lock
SHELL := /bin/sh
BIN := .venv/bin
UV := .uv/packages/bin/uv
COMPILE := $(UV) pip compile --quiet --generate-hashes --no-header --python-version 3.11
ARGS ?=
WORKERS ?= 2
# Unset, Python keeps what it compiled: half the time of a test run is compiling it anew.
export PYTHONDONTWRITEBYTECODE :=

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: ## start Ollive with every server it needs; Ctrl-C stops it
	@deploy/bootstrap.sh run
	@exec $(BIN)/python manage.py up

test: ## run the tests; ARGS="tests/chat -x" for some of them
	@deploy/bootstrap.sh dev
	@exec $(BIN)/pytest -n $(WORKERS) $(ARGS)

test-daphne: ## run the tests of pages and websockets with daphne as the server
	@deploy/bootstrap.sh dev
	@OLLIVE_SERVER=daphne exec $(BIN)/pytest -n $(WORKERS) tests/chat/test_websocket.py tests/up/test_supervisor.py tests/e2e/test_chat.py $(ARGS)

check: ## lint, formats, types, contracts between the apps, then the tests: what CI runs
	@deploy/bootstrap.sh dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

fmt: ## format code, and mend what lint can mend
	@deploy/bootstrap.sh dev
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

e2e: ## drive a browser (Debian's chromium) through the pages
	@deploy/bootstrap.sh dev
	@exec $(BIN)/pytest tests/e2e $(ARGS)

bench: ## measure, and print one table
	@deploy/bootstrap.sh dev
	@exec $(BIN)/python -m bench $(ARGS)

screenshots: ## take the README's pictures anew (Debian's chromium)
	@deploy/bootstrap.sh dev
	@exec $(BIN)/python -m bench.screenshots

chaos: ## kill parts of a running Ollive, and count what was lost
	@deploy/bootstrap.sh dev
	@exec $(BIN)/python -m bench.chaos $(ARGS)

up: ## start Ollive in containers, with secrets made for you in .env
	@deploy/make_env.sh
	docker compose up --build --detach

down: ## stop the containers; their data stay
	docker compose down

logs: ## follow the containers' logs
	docker compose logs --follow

psql: ## open the containers' database
	docker compose exec postgres psql --username=ollive --dbname=ollive

vendor: ## fetch the front-end packages of static/vendor/vendor.json again
	python3 deploy/vendor.py

lock: ## compile requirements*.in into locks with hashes
	@deploy/bootstrap.sh dev
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-extras.in --output-file requirements-extras.txt
	$(COMPILE) requirements-dev.in --output-file requirements-dev.txt
	$(COMPILE) bench/peers.in --output-file bench/peers.txt
	$(COMPILE) requirements-embedded.in --no-deps --output-file requirements-embedded.txt
