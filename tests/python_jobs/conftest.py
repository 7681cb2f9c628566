"""A real project for the tests: this repository's files in a directory of their own, built once.

Every command runs in a process of its own, as a user's does: the embedded ClickHouse belongs to one
process at a time, and nothing a command imports or leaves open reaches the next one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from python_jobs.dbt.project import DbtOptions
from python_jobs.warehouse.connection import Warehouse, open_warehouse
from tests.python_jobs.processes import MAINS, run_main

if TYPE_CHECKING:
    from python_jobs.tracking.store import Tracking

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
PROJECT_FILES = (
    "dbt_project.yml",
    "selectors.yml",
    "models",
    "macros",
    "seeds",
    "tests/dbt",
)

Command = list[str]


SLOWEST = (
    "test_gate.py",
    "test_server.py",
    "test_first_day.py",
    "test_datasets.py",
    "test_forget.py",
    "test_outcomes.py",
    "test_experiment.py",
    "test_mistakes.py",
    "test_movielens_processes.py",
    "test_readme.py",
    "test_pipeline.py",
    "test_nightly_mart.py",
    "test_bad_input.py",
    "test_crashes.py",
    "test_docs.py",
    "test_dbt_project.py",
    "test_publishing.py",
    "test_scoring.py",
)
"""Begun first, so that no worker sits idle at the end. The first two need different projects, and
need not wait until the other worker has built theirs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the slowest files first; pyproject.toml has xdist keep the order."""
    turn = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: turn.get(item.path.name, len(SLOWEST)))


@dataclass(frozen=True)
class Project:
    """A project directory, and its commands as a user types them."""

    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment without what would lead to another project or store."""
        ours = ("DBT_", "MLFLOW_", "DATAFLIX_", "CLICKHOUSE_", "DASK_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            # One test runs them all; among the builds of others they would take half of the time.
            "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
            # python_jobs sets it too; `many` puts the variables back between its commands.
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "COLUMNS": "100",
        }

    def run(
        self, program: str, *arguments: str, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment in the project's directory."""
        environment = {**self.environment, **variables}
        if program in MAINS:
            return run_main(program, arguments, self.directory, environment)
        return subprocess.run(
            [str(SCRIPTS / program), *arguments],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def dbt(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run dbt, and fail the test with its output where dbt fails."""
        done = self.run("dbt", *arguments, **variables)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return done

    def python_jobs(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run python_jobs; whether it succeeded is for the test to say."""
        return self.run("python_jobs", *arguments, **variables)

    def many(
        self, commands: Sequence[Command | tuple[Command, dict[str, str]]]
    ) -> list[subprocess.CompletedProcess[str]]:
        """Run commands of python_jobs, some with variables, one after the other in a process.

        many_commands.py says what else can stand between them, such as ``["query", SELECT]``.
        """
        told = [each if isinstance(each, tuple) else (each, {}) for each in commands]
        done = run_main("many_commands", (), self.directory, self.environment, json.dumps(told))
        assert done.returncode == 0, done.stderr
        return [
            subprocess.CompletedProcess(arguments, *outcome)
            for (arguments, _), outcome in zip(told, json.loads(done.stdout), strict=True)
        ]

    def query(self, sql: str) -> list[list]:
        """Return the rows of a query against the project's embedded ClickHouse."""
        (rows,) = self.queries(sql)
        return rows

    def queries(self, *selects: str) -> list[list[list]]:
        """Return the rows of several queries; each process that opens the database costs a second.

        ``many`` runs them between commands.
        """
        return [rows_of(done) for done in self.many([["query", sql] for sql in selects])]

    def execute(self, *statements: str) -> None:
        """Run statements in the project's embedded ClickHouse."""
        self.many([["execute", statement] for statement in statements])

    def copy(self, directory: Path) -> Project:
        """Return a copy to change; the MLflow artifacts stay where the store says they are."""
        # That the database is open says a file, which is gone with the reader of another worker's.
        opened = shutil.ignore_patterns("status")
        shutil.copytree(self.directory, directory, dirs_exist_ok=True, symlinks=True, ignore=opened)
        return Project(directory)


def rows_of(done: subprocess.CompletedProcess[str]) -> list[list]:
    """Return the rows of a query or of a look into the store, among many commands."""
    rows: list[list] = json.loads(done.stdout)
    return rows


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory) -> Project:
    """The project's files and a profile; no database yet. Not to be changed."""

    def copy_files(directory: Path) -> None:
        for name in PROJECT_FILES:
            source, target = REPOSITORY / name, directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)
        shutil.copy(REPOSITORY / "profiles.yml.example", directory / "profiles.yml")

    return made_once(tmp_path_factory, "empty", copy_files)


@pytest.fixture(scope="session")
def seeded_project(empty_project, tmp_path_factory) -> Project:
    """The sample in the raw tables, and nothing else. Not to be changed."""

    def seed(directory: Path) -> None:
        empty_project.copy(directory).dbt("seed")

    return made_once(tmp_path_factory, "seeded", seed)


@pytest.fixture(scope="session")
def built_project(seeded_project, tmp_path_factory) -> Project:
    """The sample seeded and everything built; nothing trained. Not to be changed."""

    def build(directory: Path) -> None:
        # The very first run, on the raw tables alone.
        seeded_project.copy(directory).dbt("run")

    return made_once(tmp_path_factory, "built", build)


@pytest.fixture(scope="session")
def trained_project(seeded_project, tmp_path_factory) -> Project:
    """The whole pipeline, once, with defaults, as its very first run. Not to be changed."""

    def train(directory: Path) -> None:
        done = seeded_project.copy(directory).python_jobs("pipeline")
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr

    return made_once(tmp_path_factory, "trained", train)


def made_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Project:
    """Return the project that ``make`` makes, made by whichever of the test workers comes first.

    tests/mutants.py names a directory that outlives the run, for its next ones.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    shared = Path(os.environ.get("DATAFLIX_TEST_PROJECTS", shared))
    directory, finished = shared / f"project_{name}", shared / f"project_{name}.finished"
    with (shared / f"project_{name}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not finished.exists():
            directory.mkdir()
            make(directory)
            finished.touch()
    return Project(directory)


@pytest.fixture
def project(trained_project: Project, tmp_path: Path) -> Project:
    """A copy of the trained project for one test to change."""
    return trained_project.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def warehouse(built_project, tmp_path_factory) -> Iterator[Warehouse]:
    """The built sample, open in this process; the only embedded database that it can open."""
    project = built_project.copy(tmp_path_factory.mktemp("warehouse"))
    with open_warehouse(DbtOptions(project.directory, project.directory)) as opened:
        yield opened


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Iterator[Tracking]:
    """An MLflow store of the module's own, reached from this process."""
    from python_jobs.tracking.store import open_tracking

    directory = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        # MLflow leaves the variable behind, for all that comes later in the process.
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{directory / 'mlflow.db'}")
        yield open_tracking(directory, "experiment", "dataflix-nmf")
