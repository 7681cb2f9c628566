"""What any job that fits a model logs of it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from python_jobs.evaluation.assessment import Assessment
from python_jobs.evaluation.gate import Size
from python_jobs.evaluation.holdout import Protocol
from python_jobs.evaluation.reconstruction import reconstruction_metrics
from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.dataset import Dataset
from python_jobs.jobs.naming import fit_params
from python_jobs.model.factorization import Factorization
from python_jobs.model.settings import Settings
from python_jobs.model.warm_start import MovieFactors
from python_jobs.publishing.history import TrainingRun
from python_jobs.tracking.record import ModelRecord, Summary
from python_jobs.tracking.registry import register_model
from python_jobs.tracking.store import Tracking, log_mart, log_metrics, log_params, log_record
from python_jobs.warehouse.connection import Warehouse


def run_tags(warehouse: Warehouse, interactions: Interactions, dataset: Dataset) -> dict[str, str]:
    """Return what a run can be walked back by: data set, code, and the dbt run of the mart."""
    return {
        **dataset.tags(),
        "dbt_invocation_id": interactions.stamp.dbt_invocation_id,
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
    weighed: Interactions,
    fitted: Factorization,
    assessment: Assessment | None,
    protocol: Protocol,
) -> dict[str, float]:
    """Return the metrics of a fit: distance from the matrix, the solver's end, and the lists'.

    Those of a random holdout have a name of their own: it is easier than the latest interactions
    are, and the two do not belong in one column.
    """
    metrics = reconstruction_metrics(weighed.matrix, fitted.W, fitted.H)
    metrics |= {"iterations": float(fitted.iterations), "converged": float(fitted.converged)}
    judged = assessment.metrics() if assessment else {}
    prefix = "" if protocol == "temporal" else f"{protocol}_"
    return metrics | {f"{prefix}{name}": figure for name, figure in judged.items()}


def log_run(
    tracking: Tracking,
    run_id: str,
    interactions: Interactions,
    dataset: Dataset,
    fitted: Factorization,
    settings: Settings,
    asked: Mapping[str, object],
    metrics: dict[str, float],
    tags: dict[str, str],
    judged: Factorization | None = None,
) -> TrainingRun:
    """Log the active run, register its model, and return the run as it may be published.

    ``asked`` is logged beside the settings: what else the job was told to do. ``judged`` is the fit
    on the training part of a split by time.
    """
    users, movies = interactions.matrix.shape
    last = datetime.fromtimestamp(interactions.last_interacted_at.max() / 1000, UTC).isoformat()
    params = {
        "algorithm": "NMF" if fitted.P is None else "NMF and transitions",
        "n_components": fitted.W.shape[1],
        "matrix_shape": f"{users}x{movies}",
        **asked,
        **fit_params(settings, interactions),
    }
    params = {name: str(value) for name, value in params.items()}
    log_params(params)
    log_metrics(metrics)
    log_mart(interactions.relation, interactions.matrix.nnz, last)
    record = ModelRecord(
        W=fitted.W,
        H=fitted.H,
        user_ids=interactions.user_ids,
        movie_ids=interactions.movie_ids,
        fingerprints=interactions.fingerprints,
        summary=Summary(settings, params, metrics),
        P=fitted.P,
        judged=MovieFactors(interactions.movie_ids, judged.H, judged.P) if judged else None,
    )
    about = {"run_id": run_id, "mart": interactions.relation, "last_interacted_at": last, **tags}
    log_record(tracking, record, about)
    version = register_model(tracking, run_id, fitted.model, interactions.matrix, fitted.of_nmf)
    return TrainingRun(
        run_id=run_id,
        mlflow_run_id=run_id,
        model_name=tracking.model_name,
        model_version=version,
        dataset_id=dataset.id,
        dataset_label=dataset.label,
        users=users,
        movies=movies,
        interactions=interactions.matrix.nnz,
        recommendations=0,
        params=params,
        metrics=metrics,
        dbt_invocation_id=tags["dbt_invocation_id"],
        git_commit=tags["git_commit"],
    )
