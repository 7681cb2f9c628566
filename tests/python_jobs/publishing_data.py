"""Small runs to publish: as many rows as asked for, every list sound by construction."""

from __future__ import annotations

import numpy as np

from python_jobs.publishing import TrainingRun

FIRST_MOVIE = 1_000_000
"""Above every movie of the sample, so that nobody has seen one."""


def run_of(run_id: str, version: str = "") -> TrainingRun:
    """Return a commit row; every run has a model version of its own unless one is named."""
    return TrainingRun(
        run_id=run_id,
        model_name="dataflix-nmf",
        model_version=version or run_id,
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
        }
