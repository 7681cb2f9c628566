"""How good a model's lists are: fitted on a training part, judged on what was held out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.baselines import most_popular, pure_svd
from python_jobs.evaluation.holdout import Holdout
from python_jobs.evaluation.list_metrics import LENGTH, Evaluation, Judge
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.settings import Settings, choose_rank
from python_jobs.model.stacked import fit as fit_model
from python_jobs.model.stacked import stacked_users
from python_jobs.model.warm_start import Start
from python_jobs.ranking.top_n import top_n
from python_jobs.ranking.variety import Variety

HEADLINE = "ndcg_at_10"
"""The metric that the gate, the baselines' test and the tables go by."""

Factors = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Assessment:
    """One model and its two baselines, judged on the same holdout."""

    model: Evaluation
    baselines: dict[str, Evaluation]
    """``popularity`` and ``puresvd``, the latter of the rank of the model's largest member."""
    H: NDArray[np.float32] | None = None
    """Movie factors of the model's fit on the training part, k × movies; None where they are not
    kept."""
    P: NDArray[np.float32] | None = None
    """What its transitions are made from; None where there are none."""
    started_at: Evaluation | None = None
    """Where the fit goes on from other factors, what these were worth; None where it does not."""

    def metrics(self) -> dict[str, float]:
        """Return everything flat, the baselines' metrics under ``<baseline>_<metric>``."""
        flat = dict(self.model.metrics)
        for name, baseline in self.baselines.items():
            flat |= {f"{name}_{metric}": value for metric, value in baseline.metrics.items()}
        return flat


@dataclass(frozen=True)
class Measured:
    """An assessment, with what the gate compares it to."""

    assessment: Assessment
    champion_ndcg: float | None
    """NDCG@10 of the champion's settings on the same split, or of the factors that the fit goes on
    from; None where there is no champion, or its settings are the same."""


def assess(
    holdout: Holdout,
    settings: Settings,
    genres: csr_matrix | None = None,
    start: Start | None = None,
) -> Assessment:
    """Fit the settings and the baselines on the training part, and judge them on the rest.

    Parameters
    ----------
    holdout, settings
        The split, and what is judged.
    genres
        Movies × genres, as for :class:`Judge`.
    start
        Factors to go on from, which have not seen what is held out; None to start afresh.
    """
    rank = choose_rank(*holdout.train.shape, max(settings.ranks))
    baselines: dict[str, Callable[[csr_matrix], Factors]] = {
        "popularity": most_popular,
        "puresvd": lambda train: pure_svd(train, rank),
    }
    fitted = fit_model(holdout.train, holdout.train_timestamps, settings, start=start)
    judge = Judge(holdout, genres)
    return Assessment(
        model=_judged(judge, fitted.W, fitted.H, settings.diversity),
        baselines={name: _judged(judge, *fit(holdout.train)) for name, fit in baselines.items()},
        H=fitted.H,
        P=fitted.P,
        started_at=None
        if start is None or fitted.began is None
        else _evaluate_start(start, fitted.began, settings, judge),
    )


def _evaluate_start(
    start: Start, W: NDArray[np.float32], settings: Settings, judge: Judge
) -> Evaluation:
    """Judge factors as they are, NMF's W of users folded in by the training part."""
    if start.P is None:
        return _judged(judge, W, start.H, settings.diversity)
    train, timestamps = judge.holdout.train, judge.holdout.train_timestamps
    V = latest_pasts(train, timestamps, settings) @ start.P
    both = stacked_users(W, start.H, V, start.Q, settings)
    return _judged(judge, both, np.vstack([start.H, start.Q]), settings.diversity)


def evaluate_factors(
    W: NDArray[np.float32],
    H: NDArray[np.float32],
    holdout: Holdout,
    genres: csr_matrix | None = None,
    diversity: float = 0.0,
) -> Evaluation:
    """Rank by the scores W × H, without the movies of the training part, and judge the lists.

    Parameters
    ----------
    W, H
        Factors fitted on ``holdout.train``: users × k and k × movies, of any sign.
    holdout
        The split.
    genres
        As for :class:`Judge`; needed where there is diversity.
    diversity
        How far lists follow genres, as ``Settings.diversity``.
    """
    return _judged(Judge(holdout, genres), W, H, diversity)


def _judged(
    judge: Judge, W: NDArray[np.float32], H: NDArray[np.float32], diversity: float = 0.0
) -> Evaluation:
    variety = Variety.of(diversity, judge.genres)
    lists, _ = top_n(np.ascontiguousarray(W[judge.users]), H, judge.seen, LENGTH, variety)
    return judge.evaluate(lists)


def evaluate_settings(
    settings: Settings, holdout: Holdout, genres: csr_matrix | None = None
) -> Evaluation:
    """Fit the settings on the training part, and judge their lists on the rest."""
    fitted = fit_model(holdout.train, holdout.train_timestamps, settings)
    return evaluate_factors(fitted.W, fitted.H, holdout, genres, settings.diversity)
