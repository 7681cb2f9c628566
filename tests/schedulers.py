"""Gives what docs/schedulers.md shows to the programs that it is for: ``make test-schedulers``.

Airflow with Cosmos, and Dagster, are installed in a directory that is thrown away, or taken from
DATAFLIX_SCHEDULERS, which is kept. Nothing runs: each reads its file, and says what is in it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).parents[1]
PAGE = REPOSITORY / "docs/schedulers.md"
BLOCK = re.compile(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENVIRONMENTS = {
    "airflow": ["apache-airflow", "astronomer-cosmos"],
    "dagster": ["dagster"],
}
DAGS = """
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags")
assert not bag.import_errors, bag.import_errors
for name, dag in sorted(bag.dags.items()):
    print(name, len(dag.tasks), "tasks")
assert len(bag.dags) == 2
train = bag.dags["dataflix_models"].get_task("train")
before = {task.task_id for task in train.get_flat_relatives(upstream=True)}
after = {task.task_id for task in train.get_flat_relatives(upstream=False)}
assert "marts.mart_user_movie_matrix.run" in before, before
assert not any("recommender" in task for task in before), before
assert {"dashboards.stg_recommender__current_run.run", "dashboards.int_publications.run"} <= after
"""


def environment(home: Path, name: str) -> Path:
    """Return the directory of a virtual environment's programs, made where there is none."""
    programs = home / name / "bin"
    if not programs.is_dir():
        subprocess.run([sys.executable, "-m", "venv", home / name], check=True)
        wanted = ENVIRONMENTS[name]
        subprocess.run([programs / "pip", "install", "--quiet", *wanted], check=True)
    for package in ENVIRONMENTS[name]:
        shown = subprocess.run(
            [programs / "pip", "show", package], check=True, capture_output=True, text=True
        )
        print(" ".join(re.findall(r"^(?:Name|Version): (.+)", shown.stdout, re.MULTILINE)))
    return programs


def lay_files(work: Path) -> None:
    """Write the page's files, which say where the project is."""
    for name, text in BLOCK.findall(PAGE.read_text()):
        path = work / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("/srv/dataflix", str(REPOSITORY)))


def main() -> None:
    """Check each scheduler's files, and stop at the first that is refused."""
    with TemporaryDirectory() as directory:
        work = Path(directory)
        home = Path(os.environ.get("DATAFLIX_SCHEDULERS", work / "environments"))
        lay_files(work)
        airflow, dagster = environment(home, "airflow"), environment(home, "dagster")
        variables = {
            **os.environ,
            "AIRFLOW_HOME": str(work / "airflow"),
            "DAGSTER_HOME": str(work),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "DO_NOT_TRACK": "1",
        }
        dbt = str(REPOSITORY / ".venv/bin/dbt")
        parse = [dbt, "--quiet", "parse", "--target", "server"]
        subprocess.run(parse, cwd=REPOSITORY, check=True)
        checks: tuple[list[str | Path], ...] = (
            [airflow / "airflow", "db", "migrate"],
            [airflow / "python", "-c", DAGS],
            [dagster / "dagster", "definitions", "validate", "-f", "definitions.py"],
        )
        for check in checks:
            subprocess.run(check, cwd=work, env=variables, check=True)
        if verify := shutil.which("systemd-analyze"):
            units = [work / "dataflix.service", work / "dataflix.timer"]
            # A unit is refused where its program does not exist: %h is not where this is.
            for unit in units:
                unit.write_text(unit.read_text().replace("%h/dataflix", str(REPOSITORY)))
            runtime = {**os.environ, "XDG_RUNTIME_DIR": str(work)}
            subprocess.run([verify, "--user", "verify", *units], env=runtime, check=True)
            subprocess.run([verify, "calendar", "*-*-* 02:30"], check=True)
        line = re.search(r"^```crontab\n(.+)$", PAGE.read_text(), re.MULTILINE)
        assert line
        command = " ".join(line[1].split()[5:])
        subprocess.run(["sh", "-n", "-c", command], check=True)


if __name__ == "__main__":
    main()
