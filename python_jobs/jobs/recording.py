"""What any job that fits a model logs of it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from python_jobs.evaluation.assessment import Assessment
from python_jobs.evaluation.gate import Size
from python_jobs.evaluation.holdout import Protocol
from python_jobs.interactions.columns import Extent
from python_jobs.interactions.dataset import Dataset
from python_jobs.interactions.stamp import Stamp
from python_jobs.jobs.naming import fit_params
from python_jobs.model.settings import Settings
from python_jobs.model.warm_start import MovieFactors
from python_jobs.publishing.history import TrainingRun
from python_jobs.tracking.record import ModelParts, Summary, TrainedModel
from python_jobs.tracking.registry import register_model
from python_jobs.tracking.store import Tracking, log_mart, log_metrics, log_params, log_record
from python_jobs.warehouse.connection import Warehouse


def run_tags(warehouse: Warehouse, stamp: Stamp, dataset: Dataset) -> dict[str, str]:
    """Return what a run can be walked back by: data set, code, and the dbt run of the mart."""
    return {
        **dataset.tags(),
        "dbt_invocation_id": stamp.dbt_invocation_id,
        "dbt_target": warehouse.project.target,
        "git_commit": git_commit(warehouse.project.directory),
    }


def git_commit(directory: Path) -> str:
    """Return the commit checked out in a directory, ``-dirty`` if it was changed; or empty."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # deployed without git
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


SHOWN = "recommendable_movies"
"""What a run's ``params`` say of how many movies may be shown."""


def size_of_run(run: TrainingRun) -> Size:
    """Return how much a run was made from."""
    shown = run.params.get(SHOWN)
    return Size(run.users, run.movies, run.interactions, int(shown) if shown else None)


def fit_metrics(
    distance: dict[str, float],
    model: TrainedModel,
    assessment: Assessment | None,
    protocol: Protocol,
) -> dict[str, float]:
    """Return the metrics of a fit: distance from the matrix, the solver's end, and the lists'.

    Those of a random holdout have a name of their own: it is easier than the latest interactions
    are, and the two do not belong in one column.
    """
    metrics = distance | {
        "iterations": float(model.iterations),
        "converged": float(model.converged),
    }
    judged = assessment.metrics() if assessment else {}
    prefix = "" if protocol == "temporal" else f"{protocol}_"
    return metrics | {f"{prefix}{name}": figure for name, figure in judged.items()}


def log_run(
    tracking: Tracking,
    run_id: str,
    extent: Extent,
    dataset: Dataset,
    model: TrainedModel,
    settings: Settings,
    asked: Mapping[str, object],
    metrics: dict[str, float],
    tags: dict[str, str],
    judged: MovieFactors | None = None,
) -> TrainingRun:
    """Log the active run, register its model, and return the run as it may be published.

    ``asked`` is logged beside the settings: what else the job was told to do. ``judged`` are the
    factors of the fit on the training part of a split by time.
    """
    shape = extent.shape
    last = datetime.fromtimestamp(extent.last_interacted_at / 1000, UTC).isoformat()
    rank, own = model.H.shape[0], model.H.shape[0] - (0 if model.P is None else model.P.shape[1])
    params = {
        "algorithm": "NMF" if model.P is None else "NMF and transitions",
        "n_components": rank,
        "matrix_shape": f"{shape[0]}x{shape[1]}",
        **asked,
        **fit_params(settings, extent.stamp),
    }
    params = {name: str(value) for name, value in params.items()}
    log_params(params)
    log_metrics(metrics)
    log_mart(extent.relation, extent.interactions, last)
    about = {"run_id": run_id, "mart": extent.relation, "last_interacted_at": last, **tags}
    summary = Summary(settings, params, metrics)
    parts = ModelParts(model.H, model.P, extent.movie_ids, summary, model.users, judged)
    log_record(tracking, parts, about)
    version = register_model(tracking, run_id, model.model, shape[1], own)
    return TrainingRun(
        run_id=run_id,
        mlflow_run_id=run_id,
        model_name=tracking.model_name,
        model_version=version,
        dataset_id=dataset.id,
        dataset_label=dataset.label,
        users=shape[0],
        movies=shape[1],
        interactions=extent.interactions,
        recommendations=0,
        params=params,
        metrics=metrics,
        dbt_invocation_id=tags["dbt_invocation_id"],
        git_commit=tags["git_commit"],
    )
