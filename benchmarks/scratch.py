"""A project directory of the benchmark's own, and the real commands in it, measured."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_jobs.progress import MEBIBYTE

REPOSITORY = Path(__file__).parents[1]
OURS = Path(sysconfig.get_path("scripts"))
"""Where this Python's environment has its programs."""
USERS = REPOSITORY / ".venv-bench/bin"
"""Where an environment has them that holds what users install and nothing besides; `make bench`
makes it. Some libraries look through all that is installed, developers' tools too."""
PROJECT_FILES = ("dbt_project.yml", "selectors.yml", "models", "macros", "seeds", "tests/dbt")
TRANSITION_RANK = 80
"""Rank at which transitions are fitted, and ALS once more beside them."""
MART = "analytics.mart_user_movie_matrix"
Cost = dict[str, float]
"""``wall_seconds``, ``cpu_seconds`` (of all threads and of the children that it waited for) and
``peak_rss_mib`` of a process or a phase."""


@dataclass(frozen=True)
class Scratch:
    """The project's files on an embedded database and an MLflow store of their own."""

    directory: Path
    variables: dict[str, str] = field(default_factory=dict)
    """Of its commands' environment besides, such as where a server is."""
    programs: Path = OURS
    """Where dbt and python_jobs are."""

    @classmethod
    def make(
        cls, directory: Path, variables: dict[str, str] | None = None, programs: Path = OURS
    ) -> Scratch:
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
        return cls(directory, variables or {}, programs)

    def name_load_time(self, column: str) -> None:
        """Set the var that says when a raw row was loaded."""
        settings = self.directory / "dbt_project.yml"
        text, unset = settings.read_text(), "  raw_loaded_at: null\n"
        if unset not in text:
            raise ValueError(f"{settings} has no line {unset!r}")
        settings.write_text(text.replace(unset, f"  raw_loaded_at: {column}\n"))

    def night(self, *options: str) -> dict[str, Any]:
        """Measure `python_jobs pipeline`, with what dbt says of its mart and `train` of itself."""
        whole, mart = self.built(MART, "python_jobs", "pipeline", *options)
        metrics = self.training_metrics()
        return {
            "pipeline": whole,
            "mart_seconds": mart,
            "phases": phases_of(metrics),
            "metrics": {k: v for k, v in metrics.items() if not k.startswith("phase_")},
        }

    def built(self, table: str, program: str, *arguments: str) -> tuple[Cost, float]:
        """Measure a program that runs dbt; return with it dbt's own seconds for a table."""
        said = self.directory / "logs/dbt.log"
        said.unlink(missing_ok=True)
        whole = self.run(program, *arguments)
        ended = rf"{table.replace('.', '`.`')}` \.* \[OK in ([0-9.]+)s\]"
        (seconds,) = re.findall(ended, re.sub("\x1b\\[[0-9]*m", "", said.read_text()))
        return whole, float(seconds)

    def run(self, program: str, *arguments: str) -> Cost:
        """Measure dbt or python_jobs, or the Python beside them."""
        command = [str(self.programs / program), *arguments]
        return measured(command, self.directory, self.environment(), self.log)

    def python(self, *arguments: str) -> Cost:
        """Measure a program that this Python runs; what it prints goes to ``log``."""
        return measured([sys.executable, *arguments], self.directory, self.environment(), self.log)

    def environment(self) -> dict[str, str]:
        """Return the environment of its commands."""
        # Without what would lead to another project or store.
        ours = ("DBT_", "MLFLOW_", "DATAFLIX_", "CLICKHOUSE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        return {**kept, **quiet, "PYTHONPATH": str(REPOSITORY), **self.variables}

    @property
    def log(self) -> Path:
        """What the last program printed."""
        return self.directory / "printed.log"

    def training_metrics(self) -> dict[str, float]:
        """Return the metrics that the latest ``train`` logged, its phases among them."""
        with closing(sqlite3.connect(self.directory / "mlflow.db")) as store:
            rows = store.execute(
                "select key, value from latest_metrics where run_uuid ="
                " (select run_uuid from runs order by start_time desc limit 1)"
            )
            return dict(rows.fetchall())

    def factors(self) -> list[str]:
        """Return the files of W and H that the latest ``train`` logged."""
        names = ("user_features.npy", "movie_features.npy")
        found = (self.directory.glob(f"mlruns/**/{name}") for name in names)
        return [str(max(files, key=lambda file: file.stat().st_mtime)) for files in found]


def phases_of(metrics: dict[str, float]) -> dict[str, Cost]:
    """Return wall and CPU seconds and peak memory of each phase that was logged."""
    phases: dict[str, Cost] = {}
    for key, value in metrics.items():
        for ending in ("_cpu_seconds", "_seconds", "_peak_rss_mib"):
            if key.startswith("phase_") and key.endswith(ending):
                name = key.removeprefix("phase_").removesuffix(ending)
                field = "wall_seconds" if ending == "_seconds" else ending.removeprefix("_")
                phases.setdefault(name, {})[field] = value
                break
    return phases


def measured(
    command: Sequence[str], directory: Path, environment: dict[str, str], log: Path
) -> Cost:
    """Run a command to its end and return what the kernel says it took.

    The kernel lets a process inherit the peak memory of the one that started it, so that the caller
    must itself be smaller than what it measures: it works with files and lets others hold the data.

    Raises
    ------
    SystemExit
        If it fails, with the end of what it printed.
    """
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        # Popen's own wait would throw the usage away.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text(errors='replace')[-4000:]}")
    # Linux counts kilobytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "wall_seconds": wall,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_rss_mib": usage.ru_maxrss * unit / MEBIBYTE,
    }
