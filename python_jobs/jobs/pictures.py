"""The pictures of a run: its assessment drawn, and what its latent features stand for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.evaluation.assessment import HEADLINE, Assessment
from python_jobs.evaluation.list_metrics import activity_range
from python_jobs.tracking.pictures import (
    LATENT_FEATURES,
    NDCG_BY_ACTIVITY,
    REACH,
    draw_by_activity,
    draw_reach,
    log_pictures,
)
from python_jobs.tracking.store import Tracking
from python_jobs.warehouse.connection import Warehouse

STRONGEST = 10
"""Movies that a latent feature is known by, as in `mart_latent_features`."""


def log_run_pictures(
    warehouse: Warehouse,
    tracking: Tracking,
    movie_ids: NDArray[np.uint64],
    H: NDArray[np.float32],
    assessment: Assessment | None,
) -> None:
    """Log the active run's pictures; those of the assessment only where it was evaluated."""
    figures = {}
    if assessment:
        judged = {"this model": assessment.model, **assessment.baselines}
        groups = list(assessment.model.by_activity)
        by_model = {
            name: [found.by_activity[group][HEADLINE] for group in groups]
            for name, found in judged.items()
        }
        figures = {
            NDCG_BY_ACTIVITY: draw_by_activity(
                [activity_range(group) for group in groups], by_model
            ),
            REACH: draw_reach(assessment.model.seen_share, assessment.model.recommended_share),
        }
    log_pictures(tracking, figures, {LATENT_FEATURES: latent_features(warehouse, movie_ids, H)})


def latent_features(
    warehouse: Warehouse, movie_ids: NDArray[np.uint64], H: NDArray[np.float32]
) -> dict[str, list[Any]]:
    """Return a table of the latent features: the genres and the movies that weigh most in each.

    Parameters
    ----------
    warehouse
        Has the movies' titles and genres.
    movie_ids, H
        The movies of the columns of H, which is features × movies.
    """
    strongest = np.argsort(-H, axis=1, kind="stable")[:, :STRONGEST]
    result = warehouse.client.query(
        f"select movie_id, label, genres from {warehouse.movies} "
        "where movie_id in {movies:Array(UInt64)}",
        parameters={"movies": movie_ids[np.unique(strongest)].tolist()},
    )
    known = {movie: (label, genres) for movie, label, genres in result.result_rows}
    table: dict[str, list[Any]] = {"feature": [], "genres": [], "movies": []}
    for feature, columns in enumerate(strongest):
        weights: Counter[str] = Counter()
        labels = []
        for column in columns[H[feature, columns] > 0]:
            label, genres = known.get(int(movie_ids[column]), ("", []))
            labels.append(label)
            weights.update(dict.fromkeys(genres, float(H[feature, column])))
        table["feature"].append(feature)
        table["genres"].append(", ".join(genre for genre, _ in weights.most_common(2)))
        table["movies"].append("; ".join(filter(None, labels)))
    return table
