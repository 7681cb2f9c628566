# Thin names for plain commands. Each does its own set-up: a virtual environment in .venv, the pinned
# dependencies, and profiles.yml from the example when there is none.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench bench-full bench-quality docs clean purge

demo: .venv/runtime profiles.yml
	@$(BIN)/python_jobs demo

test: .venv/dev lint
	@$(BIN)/pytest

lint: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar models macros tests/dbt

# What can be made again, the virtual environment included.
clean:
	rm -rf target logs .user.yml .venv build *.egg-info \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What cannot: the embedded database, the MLflow store, the profile.
KEPT = $(wildcard .chdb mlflow.db* mlruns profiles.yml)
purge:
	@test -n "$(KEPT)" || { echo 'There is nothing to remove.'; exit; }; \
	echo 'This cannot be undone. It removes: $(KEPT)'; \
	test -t 0 || { echo 'Nothing was removed: a person has to say y, on a terminal.' >&2; exit 1; }; \
	printf 'Remove all of it? [y/N] '; read -r answer; \
	test "$$answer" = y || { echo 'Nothing was removed.' >&2; exit 1; }; \
	rm -rf $(KEPT)

# Time and memory, beside others; nothing else should run on the machine meanwhile.
bench: .venv/bench
	@$(BIN)/python -m benchmarks

bench-full: .venv/bench
	@$(BIN)/python -m benchmarks --full

# Quality beside others, on the mart of the profile, or: make bench-quality MOVIELENS=ml-latest-small
bench-quality: .venv/bench
	@$(BIN)/python -m benchmarks.quality $(if $(MOVIELENS),--movielens $(MOVIELENS))

docs: .venv/dev
	@$(BIN)/python docs/generate_commands.py
	@$(BIN)/python docs/images/ml_architecture.py

profiles.yml:
	cp profiles.yml.example profiles.yml

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/runtime: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

.venv/bench: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@
