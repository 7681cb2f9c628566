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
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags", include_examples=False)
assert not bag.import_errors, bag.import_errors
for name, dag in sorted(bag.dags.items()):
    print(name, dag.timetable.summary, len(dag.tasks), "tasks,", "then".join(
        f" {task.task_id} " for task in dag.topological_sort() if "." not in task.task_id))
assert len(bag.dags) == 2
train = bag.dags["dataflix_models"].get_task("train")
before = {task.task_id for task in train.get_flat_relatives(upstream=True)}
after = {task.task_id for task in train.get_flat_relatives(upstream=False)}
assert any(task.startswith("marts.mart_user_movie_matrix") for task in before), before
assert any(task.startswith("dashboards.mart_user_recommendations") for task in after), after
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
            "DO_NOT_TRACK": "1",
        }
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
            subprocess.run([verify, "--user", "verify", *units], check=True)
            subprocess.run([verify, "calendar", "*-*-* 02:30"], check=True)
        line = re.search(r"^```crontab\n(.+)$", PAGE.read_text(), re.MULTILINE)
        assert line
        command = " ".join(line[1].split()[5:])
        subprocess.run(["sh", "-n", "-c", command], check=True)


if __name__ == "__main__":
    main()
