"""What runs are called, and what their figures are figures of."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from python_jobs.interactions.stamp import Stamp
from python_jobs.jobs.options import Origin
from python_jobs.model.settings import Settings, choose_rank
from python_jobs.model.told_settings import as_pair

RANKS = ("max_components", "ensemble_ranks")
"""Settings of which only one counts in a fit."""


def train_name(settings: Settings, origin: Origin, shape: tuple[int, int]) -> str:
    """Return what a training is called: by its rank, or whose settings it has, and what is changed.

    >>> train_name(Settings(6, recency=1.5), Origin("", {"recency": 1.5}), (300, 200))
    'train k=6, recency=1.5'
    >>> train_name(Settings(6), Origin("v4", {}), (300, 200))
    'train like v4'
    """
    if origin.like:
        return _told(f"train like {origin.like}", origin.told)
    told = {name: value for name, value in origin.told.items() if name not in RANKS}
    return _told(f"train k={ranks(settings, shape)}", told)


def tune_name(origin: Origin) -> str:
    """Return what a search is called: by whose settings it starts from, if not the defaults."""
    return _told(f"tune like {origin.like}" if origin.like else "tune", origin.told)


def ranks(settings: Settings, shape: tuple[int, int]) -> str:
    """Return the rank of a fit of users × movies; an ensemble's members with ``+`` between."""
    return "+".join(str(choose_rank(*shape, rank)) for rank in settings.ranks)


def _told(name: str, told: dict[str, Any]) -> str:
    return ", ".join([name, *(as_pair(*item) for item in told.items())])


def fit_params(settings: Settings, stamp: Stamp) -> dict[str, Any]:
    """Return the settings as they are logged: those that count in the fit, with what scores are."""
    unused = RANKS[0] if settings.ensemble_ranks else RANKS[1]
    told = {name: value for name, value in asdict(settings).items() if name != unused}
    if not settings.transition_rank:
        others = {name for name in told if name.startswith("transition_")} - {"transition_rank"}
        told = {name: value for name, value in told.items() if name not in others}
    return {**told, "score_weights": score_weights(settings, stamp.weights)}


def score_weights(settings: Settings, mart: tuple[float, float] | None) -> str:
    """Return what a score is made of: RMSE and MAE are in its unit, and only there comparable.

    Parameters
    ----------
    settings
        What the fit makes of scores.
    mart
        The vars ``rating_weight`` and ``watched_weight`` of the mart; None where it does not say.
    """
    weights = mart if settings.watched_weight is None else (1.0, settings.watched_weight)
    if weights is None:
        words = "the mart's"
    else:
        words = f"{weights[0]:g} × rating + {weights[1]:g} × watched"
    if settings.score_power != 1.0:
        words = f"({words}) ^ {settings.score_power:g}"
    return f"{words}, recency {settings.recency:g}" if settings.recency else words
