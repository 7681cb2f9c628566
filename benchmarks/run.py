"""What is measured: the pipeline at one size, the peers beside it, and the start of a command."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.generate import LOADED_AT, Size
from benchmarks.scratch import TRANSITION_RANK, USERS, Cost, Scratch, phases_of
from python_jobs.commands.steps import REFRESH

USUAL_UP_TO, PEERS_UP_TO = 1_000_000, 20_000_000
"""The usual recipe's dense matrix does not fit into memory beyond."""
PACKAGES = (
    *("chdb-core", "dbt-core", "dbt-clickhouse", "numpy", "scipy", "scikit-learn", "numba"),
    *("pandas", "mlflow", "implicit"),
)
LIBRARIES = (
    *("skops.io", "sklearn.decomposition", "mlflow", "mlflow.store.tracking.sqlalchemy_store"),
    *("numba", "clickhouse_connect", "chdb"),
)
"""What `train` cannot do without."""
WITH_TRANSITIONS = (
    "--set", f"transition_rank={TRANSITION_RANK}", "--no-evaluate", "--no-publish",
)  # fmt: skip
"""A training that learns order too, and changes nothing."""
JUDGED = (("python_jobs", "evaluate"), ("python_jobs", "tune", "--minutes", "1"))
"""What judges and changes nothing that is live."""
TUNE_UP_TO = 20_000_000
"""It tries settings of every kind once, whatever the minutes: beyond, that takes an hour."""
COUNTS = """
import json, sys, clickhouse_connect
client = clickhouse_connect.get_client(interface="chdb", path=".chdb")
sql = "select max(interactions), max(recommendations) from ml.training_runs"
json.dump(client.query(sql).result_rows[0], open("result.json", "w"))
"""


def measure_size(size: Size, directory: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Make a size's data, run the pipeline and its steps over it, and the peers beside them."""
    scratch = Scratch.make(directory, programs=USERS)
    say(f"{size.name}: generating {size.interactions:,} interactions")
    scratch.name_load_time(LOADED_AT)
    scratch.python("-m", "benchmarks.generate", size.name)
    say(f"{size.name}: python_jobs pipeline")
    first = scratch.night()
    say(f"{size.name}: python_jobs pipeline --warm-start, a day later")
    scratch.python("-m", "benchmarks.generate", size.name, "day")
    second = scratch.night("--warm-start")
    steps = []
    for step in REFRESH:
        command = " ".join((step.program, *step.arguments))
        say(f"{size.name}: {command}")
        steps.append({"command": command, **scratch.run(step.program, *step.arguments)})
    phases = phases_of(scratch.training_metrics())
    judged = {}
    for program, *options in JUDGED:
        if "tune" in options and size.interactions > TUNE_UP_TO:
            continue
        command = " ".join((program, *options))
        say(f"{size.name}: {command}")
        judged[f"`{command}`"] = scratch.run(program, *options)
    say(f"{size.name}: the charts' queries")
    charts = results_of(scratch, "-m", "benchmarks.dashboards")
    interactions, recommendations = results_of(scratch, "-c", COUNTS)
    result = {
        "users": size.users,
        "movies": size.movies,
        "interactions": interactions,
        "recommendations": recommendations,
        **first,
        "second": second,
        "steps": steps,
        "steps_phases": phases,
        "judged": judged,
        "charts": charts,
    }
    if size.interactions <= USUAL_UP_TO:
        say(f"{size.name}: the usual recipe")
        usual = results_of(scratch, "-m", "benchmarks.usual_recipe", *scratch.factors())
        result["usual"] = {**usual, "phases": phases_of(usual["phases"])}
    if size.interactions <= PEERS_UP_TO:
        say(f"{size.name}: implicit and scikit-learn")
        result["peers"] = results_of(scratch, "-m", "benchmarks.peers", *scratch.factors())
        say(f"{size.name}: python_jobs train, with transitions")
        trained = scratch.run("python_jobs", "train", *WITH_TRANSITIONS)
        fit = phases_of(scratch.training_metrics())["fit"]
        result["transitions"] = {"train": trained, "fit": fit}
    shutil.rmtree(directory)
    return result


def results_of(scratch: Scratch, *arguments: str) -> Any:
    """Return what a program of the benchmark's own wrote into ``result.json``."""
    scratch.python(*arguments)
    return json.loads((scratch.directory / "result.json").read_text())


def measure_startup(directory: Path) -> dict[str, Cost]:
    """Measure ``--help``, ``train`` on the sample, and the bare import of what it needs."""
    scratch = Scratch.make(directory, programs=USERS)
    for arguments in (("seed",), ("run",)):
        scratch.run("dbt", *arguments)
    scratch.run("python_jobs", "train")  # makes the MLflow store
    importing = f"import gc; gc.disable(); import {', '.join(LIBRARIES)}; gc.freeze()"
    return {
        "`python_jobs --help`": scratch.run("python_jobs", "--help"),
        "`python_jobs train`": scratch.run("python_jobs", "train"),
        "– its start, in its own process": phases_of(scratch.training_metrics())["start"],
        "bare import of the libraries": scratch.run("python", "-c", importing),
    }


def machine() -> dict[str, str]:
    """Describe the machine and the versions."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "processor": names[0] if names else platform.processor(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
    }
