"""What a command costs before it works: on the sample, where there is the least work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import measured
from benchmarks.run_size import phases_of
from benchmarks.scratch import Scratch

LIBRARIES = (
    "skops.io",
    "sklearn.decomposition",
    "mlflow",
    "mlflow.store.tracking.sqlalchemy_store",
    "numba",
    "clickhouse_connect",
    "chdb",
)
"""What `train` cannot do without."""
IMPORTING = f"import gc; gc.disable(); import {', '.join(LIBRARIES)}; gc.freeze()"
"""A program that imports them, as cheaply as can be, and does nothing else."""


def measure_startup(directory: Path) -> dict[str, Any]:
    """Measure ``--help``, ``train`` on the sample, and the bare import of what it needs."""
    scratch = Scratch.make(directory)
    scratch.run("dbt", "seed")
    scratch.run("dbt", "run")
    scratch.run("python_jobs", "train")  # makes the MLflow store, and compiles
    # The gate would fit the champion's settings as well, were they others.
    train = scratch.run("python_jobs", "train")
    phases = phases_of(scratch.training_metrics())
    importing = [sys.executable, "-c", IMPORTING]
    quiet = {**scratch.environment, "MLFLOW_DISABLE_TELEMETRY": "true"}
    return {
        "help": scratch.run("python_jobs", "--help").as_dict(),
        "train": train.as_dict(),
        "start": phases.pop("start"),
        "phases": phases,
        "libraries": measured(importing, directory, quiet, scratch.log("imports")).as_dict(),
    }
