# The commands of Paddock; `make help` lists them.
PYTHON ?= python3
export PYTHONDONTWRITEBYTECODE = 1
unexport PYTHONSAFEPATH

.DEFAULT_GOAL := help
.PHONY: help up down status setup test check bench

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

up: ## set up, and bring the local stack up, ready to answer
	@$(PYTHON) -m tools up

down: ## stop the local stack and remove its state
	@$(PYTHON) -m tools down

status: ## what the local stack serves, and how it is
	@$(PYTHON) -m tools status

setup: ## get what the local stack needs, without starting it
	@$(PYTHON) -m tools setup

test: ## every test that needs no cluster
	@$(PYTHON) -m tools test

check: ## format, lint, check types
	@$(PYTHON) -m tools check

bench: ## measure the engine's memory against the registry's formula
	@$(PYTHON) -m tools bench
