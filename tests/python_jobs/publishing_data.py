"""Small runs to publish: as many rows as asked for, every list sound by construction."""

from __future__ import annotations

import numpy as np

from python_jobs.publishing.commit import commit
from python_jobs.publishing.history import TrainingRun, current_run, find_run
from python_jobs.publishing.publish import place_rows
from python_jobs.publishing.retention import remove_old_runs

FIRST_MOVIE = 1_000_000
"""Above every movie of the sample, so that nobody has seen one."""


def run_of(run_id: str, version: str = "", model: str = "dataflix-nmf") -> TrainingRun:
    """Return a commit row; every run has a model version of its own unless one is named."""
    return TrainingRun(
        run_id=run_id,
        mlflow_run_id=run_id,
        model_name=model,
        model_version=version or run_id,
        dataset_id="",
        dataset_label="",
        users=1,
        movies=1,
        interactions=1,
        recommendations=0,
        params={"n_components": "1"},
        metrics={"rmse": 0.5},
        dbt_invocation_id="",
        git_commit="",
    )


def lists(users: int, top: int, blocks: int = 1):
    """Yield the lists of that many users, ``top`` long, in so many blocks."""
    for ids in np.array_split(np.arange(1, users + 1, dtype=np.uint64), blocks):
        ranks = np.tile(np.arange(1, top + 1, dtype=np.uint16), ids.size)
        yield {
            "user_id": np.repeat(ids, top),
            "movie_id": FIRST_MOVIE + ranks.astype(np.uint64),
            "rank": ranks,
            "score": 1 / ranks.astype(np.float32),
            "reason": ["factors"] * ranks.size,
            "because_movie_id": np.zeros(ranks.size, np.uint64),
            "strongest_movie_id": np.zeros(ranks.size, np.uint64),
        }


def all_tables(users: int, top: int, blocks: int = 1):
    """Return rows for every published table: the lists, two similar movies and one factor."""
    pair = {
        "movie_id": np.array([1, 2], np.uint64),
        "similar_movie_id": np.array([2, 1], np.uint64),
        "rank": np.array([1, 1], np.uint16),
        "cosine": np.array([0.5, 0.5], np.float32),
    }
    factor = {
        "movie_id": np.array([1], np.uint64),
        "feature": np.array([0], np.uint16),
        "weight": np.array([1.0], np.float32),
    }
    return {
        "recommendations": lists(users, top, blocks),
        "similar_movies": [pair],
        "movie_factors": [factor],
    }


def publish(warehouse, run, tables, keep):
    """Publish without MLflow: what a job does but for the alias."""
    before = current_run(warehouse)
    run = place_rows(warehouse, run, tables)
    commit(warehouse, run, before)
    remove_old_runs(warehouse, keep)
    return run


def rollback(warehouse, run_id):
    """Commit an earlier run's row anew, whatever MLflow has."""
    commit(warehouse, find_run(warehouse, run_id).row(), current_run(warehouse))
