"""A project directory of the benchmark's own, and the real commands in it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Usage, measured
from python_jobs.dbt.project import DbtOptions
from python_jobs.warehouse.connection import Warehouse, open_warehouse

REPOSITORY = Path(__file__).parents[1]
PROJECT_FILES = ("dbt_project.yml", "selectors.yml", "models", "macros", "seeds", "tests/dbt")


@dataclass(frozen=True)
class Scratch:
    """The project's files on an embedded database and an MLflow store of their own."""

    directory: Path

    @classmethod
    def make(cls, directory: Path) -> Scratch:
        """Make it anew."""
        shutil.rmtree(directory, ignore_errors=True)
        for name in PROJECT_FILES:
            source, target = REPOSITORY / name, directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)
        shutil.copy(REPOSITORY / "profiles.yml.example", directory / "profiles.yml")
        return cls(directory)

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment without what would lead to another project or store."""
        ours = ("DBT_", "MLFLOW_", "DATAFLIX_", "CLICKHOUSE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**kept, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "PYTHONPATH": str(REPOSITORY)}

    def run(self, program: str, *arguments: str) -> Usage:
        """Measure a program of this Python's environment, dbt or python_jobs."""
        command = [str(Path(sysconfig.get_path("scripts")) / program), *arguments]
        return measured(command, self.directory, self.environment, self.log(program))

    def run_module(self, module: str, *arguments: str) -> Usage:
        """Measure one of the benchmark's own modules."""
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        return measured(command, self.directory, self.environment, self.log(module))

    def log(self, name: str) -> Path:
        """Return the file that holds what a program printed last."""
        return self.directory / f"{name}.log"

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """Open the embedded database in this process."""
        options = DbtOptions(self.directory, self.directory)
        with open_warehouse(options, create=True) as warehouse:
            yield warehouse

    def training_metrics(self) -> dict[str, float]:
        """Return the metrics that the latest ``train`` logged, its phases among them."""
        with closing(sqlite3.connect(self.directory / "mlflow.db")) as store:
            rows = store.execute(
                "select key, value from latest_metrics where run_uuid ="
                " (select run_uuid from runs order by start_time desc limit 1)"
            )
            return dict(rows.fetchall())

    def artifact(self, name: str) -> Path:
        """Return the file that the latest ``train`` logged under a name."""
        found = sorted(self.directory.glob(f"mlruns/**/{name}"), key=lambda p: p.stat().st_mtime)
        return found[-1]
