# Thin names for plain commands. Each does its own set-up: a virtual environment in .venv, the pinned
# dependencies, and profiles.yml from the example when there is none.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo dashboards dashboards-export test test-server test-dashboards test-scale test-schedulers mutants format \
	lint lint-ruff lint-imports lint-mypy lint-sql lint-dbt bench bench-quality docs lock audit clean purge

demo: .venv/runtime profiles.yml
	@$(BIN)/python_jobs demo

# The dashboards in Superset, which has an environment of its own: it wants older libraries than ours.
PORT ?= 8088
SUPERSET := .venv-superset/bin

dashboards: .venv/runtime profiles.yml .venv-superset/installed
	@test -n "$(DATAFLIX_DASHBOARDS_URI)" || $(BIN)/python_jobs snapshot
	@exec $(SUPERSET)/python dashboards/serve.py --port $(PORT)

# What was changed in Superset's pages, back into dashboards/bundle.
dashboards-export: .venv-superset/installed
	@$(SUPERSET)/python dashboards/export.py

test: .venv/dev lint
	@$(BIN)/pytest

# The tests of the server target on a ClickHouse that runs already and is empty, at the address that the
# variables DATAFLIX_TEST_CLICKHOUSE_… say (docs/server.md); it is left empty. Its user may create users.
# Where they name a cluster, those of the cluster too.
test-server: .venv/dev
	@test -n "$$DATAFLIX_TEST_CLICKHOUSE_HOST" \
		|| { echo "Set DATAFLIX_TEST_CLICKHOUSE_HOST to an empty ClickHouse (docs/server.md)."; exit 2; }
	@$(BIN)/pytest -n 0 tests/python_jobs/test_server.py tests/python_jobs/test_cluster.py

# Training on Dask's workers, some of which are killed, on a ClickHouse of the tests' own: minutes.
test-scale: .venv/dev
	@$(BIN)/pytest -n 0 tests/scale

# What docs/schedulers.md shows, given to the real programs; Airflow, Cosmos and Dagster are installed in
# a directory that is thrown away, in minutes.
test-schedulers: .venv/dev profiles.yml
	@$(BIN)/python tests/schedulers.py

# Both dashboards as a reader's browser shows them, in a Superset of the tests' own. The README's pictures
# are made with PICTURES=docs/images.
PICTURES ?= target/dashboards
test-dashboards: .venv/dev .venv-superset/installed
	@PICTURES='$(PICTURES)' $(BIN)/pytest -n 0 tests/dashboards

# Whether the tests notice what tests/mutants.toml breaks, one thing at a time, in a copy of the tree.
# Some of them only: make mutants ONLY=gate.py
mutants: .venv/dev
	@$(BIN)/python tests/mutants.py $(ONLY)

# Mends what lint-ruff and lint-sql can mend by themselves.
format: .venv/dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --disable-progress-bar models macros tests/dbt

lint: lint-ruff lint-imports lint-mypy lint-sql lint-dbt

lint-ruff: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# Which room of python_jobs knows which; .importlinter has the rooms.
lint-imports: .venv/dev
	@$(BIN)/lint-imports --no-logo --no-cache

lint-mypy: .venv/dev
	@$(BIN)/mypy

lint-sql: .venv/dev
	@$(BIN)/sqlfluff lint --disable-progress-bar models macros tests/dbt

# Layers, access, keys and words of the dbt project; dbt-bouncer.yml has the rules.
lint-dbt: .venv/dev profiles.yml
	@$(BIN)/dbt --quiet parse
	@$(BIN)/dbt-bouncer --show-all-failures

# What can be made again, the virtual environment included.
clean:
	rm -rf target logs .user.yml .venv .venv-bench .venv-superset build *.egg-info \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What cannot: the embedded database, the dashboards as changed, the MLflow store, the profile.
KEPT = $(wildcard .chdb .dashboards mlflow.db* mlruns profiles.yml)
purge:
	@test -n "$(KEPT)" || { echo 'There is nothing to remove.'; exit; }; \
	echo 'This cannot be undone. It removes: $(KEPT)'; \
	test -t 0 || { echo 'Nothing was removed: a person has to say y, on a terminal.' >&2; exit 1; }; \
	printf 'Remove all of it? [y/N] '; read -r answer; \
	test "$$answer" = y || { echo 'Nothing was removed.' >&2; exit 1; }; \
	rm -rf $(KEPT)

# Time and memory, beside others; nothing else should run on the machine meanwhile.
SIZES ?= 1m 20m
bench: .venv/dev .venv-bench/installed
	@$(BIN)/python -m benchmarks $(SIZES)

# Quality beside others, on the mart of the profile: load MovieLens, or your own tables, before.
bench-quality: .venv/dev
	@$(BIN)/python -m benchmarks.quality

# Known vulnerabilities of what the locks pin; audit-excused.txt says which are accepted, and why.
audit: .venv/dev
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock \
		-r requirements-dev.lock --progress-spinner off \
		$$(sed -n 's/^\([A-Z][A-Za-z0-9-]*\) .*/--ignore-vuln \1/p' audit-excused.txt) \
		|| { echo "Not audited, or not clean: see above. An audit that cannot ask is no audit."; exit 1; }

docs: .venv/dev
	@$(BIN)/python docs/generate_commands.py
	@$(BIN)/python docs/images/ml_architecture.py

profiles.yml:
	cp profiles.yml.example profiles.yml

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

# The locks have everything, with hashes; nothing else is fetched, for building the package neither.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.venv/runtime: .venv/bin/python pyproject.toml requirements.lock
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/runtime requirements-dev.lock
	@$(INSTALL) --require-hashes -r requirements.lock -r requirements-dev.lock
	@touch $@

# What users have, to be measured: some libraries look through all that is installed.
.venv-bench/installed: .venv/bin/python pyproject.toml requirements.lock
	@$(PYTHON) -m venv .venv-bench
	@$(INSTALL:$(BIN)/%=.venv-bench/bin/%) --require-hashes -r requirements.lock
	@$(INSTALL:$(BIN)/%=.venv-bench/bin/%) --no-deps --no-build-isolation -e .
	@touch $@

SUPERSET_PYTHON ?= $(PYTHON)
.venv-superset/bin/python:
	@for python in '$(SUPERSET_PYTHON)' python3.12 python3.11; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
			&& "$$python" -m venv .venv-superset && exit; \
	done; \
	echo 'Superset 6.1 needs Python 3.11 or 3.12, and $(SUPERSET_PYTHON), python3.12 and python3.11 are' \
		'neither. Install one, or name it: make dashboards SUPERSET_PYTHON=/path/to/python3.12' >&2; \
	exit 1

.venv-superset/installed: .venv-superset/bin/python dashboards/requirements.lock
	@echo 'Installing Superset into .venv-superset: 1.5 GB, a few minutes, once.'
	@$(SUPERSET)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--require-hashes -r dashboards/requirements.lock
	@touch $@

# Pins stay where they are unless pyproject.toml forbids it; to renew them: make lock UPGRADE=--upgrade
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-package pip --no-strip-extras --no-annotate --no-header --quiet $(UPGRADE)
RESOLVE = $(COMPILE) pyproject.toml

lock: .venv/dev
	@$(BIN)/python -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' \
		| $(RESOLVE) - --output-file requirements.lock
	@$(RESOLVE) --all-extras --constraint requirements.lock --output-file requirements-dev.lock \
		$$(sed -n 's/^\([a-z0-9-]*\)[=[].*/--no-emit-package \1/p' requirements.lock)
	@$(COMPILE) dashboards/requirements.txt --output-file dashboards/requirements.lock
