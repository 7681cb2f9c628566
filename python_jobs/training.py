"""One training run, from the mart to the published lists."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from python_jobs import tracking as mlflow_store
from python_jobs.errors import UserError
from python_jobs.factorization import Factorization, Settings, factorize, reconstruction_metrics
from python_jobs.interactions import Interactions, read_interactions
from python_jobs.progress import Phases
from python_jobs.publishing import Columns, TrainingRun, publish
from python_jobs.ranking import TopN, top_n_blocks
from python_jobs.tracking import ModelRecord, Tracking, tracked_run
from python_jobs.warehouse import Warehouse


@dataclass(frozen=True)
class TrainOptions:
    """What one run is asked to do."""

    settings: Settings
    top: int = 20
    """Recommendations per user."""
    publish: bool = True
    """Whether the run goes live; without it, it is logged and registered only."""
    keep: int = 5
    """Published runs kept for rollbacks, the current one included."""


@dataclass(frozen=True)
class TrainReport:
    """What a run was, for the screen."""

    run: TrainingRun
    published: bool


def train(
    warehouse: Warehouse, tracking: Tracking, options: TrainOptions, phases: Phases
) -> TrainReport:
    """Train on the mart, log and register the model, and publish every user's top-N.

    Raises
    ------
    UserError
        If the mart cannot be trained on, or ``options.top`` does not fit it. Nothing is published
        then, and no version is registered.
    """
    with phases.phase("read"):
        interactions = read_interactions(warehouse)
    require_top(options.top, interactions.movie_ids.size)
    tags = {
        "dbt_invocation_id": interactions.dbt_invocation_id,
        "dbt_target": warehouse.project.target,
        "git_commit": git_commit(warehouse.project.directory),
    }
    with tracked_run(tracking, "train", tags) as run_id:
        with phases.phase("fit"):
            fitted = factorize(interactions.matrix, options.settings)
        with phases.phase("metrics"):
            metrics = measure(interactions, fitted)
        with phases.phase("log"):
            params = params_of(interactions, fitted, options)
            version = log_model(tracking, run_id, interactions, fitted, params, metrics, tags)
        run = TrainingRun(
            run_id=run_id,
            model_name=tracking.model_name,
            model_version=version,
            users=interactions.user_ids.size,
            movies=interactions.movie_ids.size,
            interactions=interactions.matrix.nnz,
            recommendations=0,
            params=params,
            metrics=metrics,
            dbt_invocation_id=tags["dbt_invocation_id"],
            git_commit=tags["git_commit"],
        )
        if options.publish:
            run = publish_run(warehouse, tracking, run, interactions, fitted, options, phases)
        mlflow_store.log_metrics(phases.metrics())
    return TrainReport(run, options.publish)


def require_top(top: int, movies: int) -> None:
    """Refuse a list length that is not between 1 and the number of movies.

    Raises
    ------
    UserError
        If it is not.
    """
    if not 1 <= top <= movies:
        raise UserError(
            f"A list of {top} recommendations cannot be made from {movies:,} movies.",
            f"Give --top a number from 1 to {movies}.",
        )


def measure(interactions: Interactions, fitted: Factorization) -> dict[str, float]:
    """Return the metrics of a fit: its distance from the matrix, and how the solver ended."""
    metrics = reconstruction_metrics(interactions.matrix, fitted.W, fitted.H)
    return {
        **metrics,
        "iterations": float(fitted.iterations),
        "converged": float(fitted.converged),
    }


def params_of(
    interactions: Interactions, fitted: Factorization, options: TrainOptions
) -> dict[str, str]:
    """Return what MLflow and the commit row call the run's parameters."""
    users, movies = interactions.matrix.shape
    chosen = {
        "algorithm": "NMF",
        "n_components": fitted.W.shape[1],
        "matrix_shape": f"{users}x{movies}",
        "top": options.top,
        **asdict(options.settings),
    }
    return {name: str(value) for name, value in chosen.items()}


def log_model(
    tracking: Tracking,
    run_id: str,
    interactions: Interactions,
    fitted: Factorization,
    params: dict[str, str],
    metrics: dict[str, float],
    tags: dict[str, str],
) -> str:
    """Log everything that design names to the active run, and return the registered version."""
    last = datetime.fromtimestamp(interactions.last_interacted_at.max() / 1000, UTC)
    mlflow_store.log_params(params)
    mlflow_store.log_metrics(metrics)
    mlflow_store.log_mart(interactions.relation, interactions.matrix.nnz, last.isoformat())
    metadata = {
        "run_id": run_id,
        "mart": interactions.relation,
        "last_interacted_at": last.isoformat(),
        **tags,
        "params": params,
        "metrics": metrics,
        "user_ids": interactions.user_ids.tolist(),
        "movie_ids": interactions.movie_ids.tolist(),
    }
    mlflow_store.log_record(ModelRecord(fitted.W, fitted.H, metadata))
    return mlflow_store.register_model(
        tracking, run_id, fitted.model, interactions.matrix, fitted.W
    )


def publish_run(
    warehouse: Warehouse,
    tracking: Tracking,
    run: TrainingRun,
    interactions: Interactions,
    fitted: Factorization,
    options: TrainOptions,
    phases: Phases,
) -> TrainingRun:
    """Score every user, publish the lists, and move the champion to the published version."""
    with phases.phase("publish", total=interactions.user_ids.size) as bar:
        blocks = top_n_blocks(fitted.W, fitted.H, interactions.matrix, options.top)

        def recommendations() -> Iterator[Columns]:
            for block in phases.timed("score", blocks):
                yield columns_of(block, interactions)
                bar.advance(np.unique(block.users).size)

        published = publish(
            warehouse, run, {"recommendations": recommendations()}, keep=options.keep
        )
    mlflow_store.set_champion(tracking, run.model_version)
    return published


def columns_of(block: TopN, interactions: Interactions) -> Columns:
    """Return a block of lists as columns of ``ml.recommendations``, with ids for indices."""
    return {
        "user_id": interactions.user_ids[block.users],
        "movie_id": interactions.movie_ids[block.movies],
        "rank": block.ranks,
        "score": block.scores,
        "reason": ["factors"] * block.users.size,
    }


def git_commit(directory: Path) -> str:
    """Return the commit checked out in a directory, ``-dirty`` if it was changed; or empty."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # deployed without git
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
