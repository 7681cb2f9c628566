"""What a run shows of itself in MLflow beside its figures, to compare runs by eye.

Drawn with matplotlib, without a screen; MLflow shows a run's pictures beside those of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.tracking.store import Tracking, artifacts_stored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NDCG_BY_ACTIVITY = "pictures/ndcg_by_activity.png"
REACH = "pictures/reach.png"
LATENT_FEATURES = "latent_features.json"
SIZE = (7.0, 4.2)
"""Of a picture, in inches of a hundred points."""


def draw_by_activity(groups: Sequence[str], ndcg: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the NDCG@10 of a model and its baselines by how much users have done.

    Parameters
    ----------
    groups
        The groups of users, in words.
    ndcg
        For each model its NDCG@10, 0 to 1, in each group.
    """
    figure, axes = _picture("NDCG@10 by activity", "interactions of a user", "NDCG@10")
    width = 0.8 / max(len(ndcg), 1)
    for place, (name, values) in enumerate(ndcg.items()):
        axes.bar(np.arange(len(groups)) + place * width, values, width, label=name)
    axes.set_xticks(np.arange(len(groups)) + width * (len(ndcg) - 1) / 2, groups)
    axes.legend(frameon=False)
    return figure


def draw_reach(seen: NDArray[np.float64], recommended: NDArray[np.float64]) -> Figure:
    """Draw each movie by whom it has reached and whom it is recommended to.

    Parameters
    ----------
    seen, recommended
        For each movie the share of users, 0 to 1, who had seen it in the training part, and the
        share of the users that were judged who have it among ten recommendations.
    """
    figure, axes = _picture(
        f"Reach: {np.count_nonzero(recommended):,} of {recommended.size:,} movies are recommended",
        "share of users who have seen it",
        "share of users who are recommended it",
    )
    axes.scatter(seen, recommended, s=12, alpha=0.5, linewidths=0)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    return figure


def _picture(title: str, x: str, y: str) -> tuple[Figure, Any]:
    # Not pyplot, which keeps figures and looks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE)
    # Margins that are told take half the time of margins that are found.
    axes = figure.subplots(gridspec_kw={"left": 0.1, "right": 0.97, "top": 0.9, "bottom": 0.13})
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def log_pictures(
    tracking: Tracking, figures: Mapping[str, Figure], tables: Mapping[str, dict[str, list[Any]]]
) -> None:
    """Log pictures and tables as artifacts of the active run, by the names of their files."""
    import mlflow

    with artifacts_stored(tracking):
        for name, figure in figures.items():
            mlflow.log_figure(figure, name)
        for name, table in tables.items():
            mlflow.log_table(table, name)
