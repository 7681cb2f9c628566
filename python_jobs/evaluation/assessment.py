"""How good a model's lists are: fitted on a training part, judged on what was held out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.baselines import most_popular, pure_svd
from python_jobs.evaluation.holdout import Holdout
from python_jobs.evaluation.list_metrics import LENGTH, Evaluation, Judge, accuracy_of
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.settings import Settings, choose_rank
from python_jobs.model.stacked import fit as fit_model
from python_jobs.model.stacked import stacked_users
from python_jobs.model.warm_start import Start
from python_jobs.ranking.top_n import top_n
from python_jobs.ranking.variety import Variety
from python_jobs.threads import beside, one_blas_thread

HEADLINE = "ndcg_at_10"
"""The metric that the gate, the baselines' test and the tables go by."""


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
    started_at: float | None = None
    """Where the fit goes on from other factors, NDCG@10 of these; None where it does not."""

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
    judge = Judge(holdout, genres)
    # Threads that end at different times would leave BLAS with one another's number of them.
    with one_blas_thread():
        # Both have stretches that keep one core busy.
        baselines = beside(lambda: _baselines(judge, max(settings.ranks)))
        times = holdout.times_for(settings)
        fitted = fit_model(holdout.train, times, settings, start=start)
        return Assessment(
            model=_judged(judge, fitted.W, fitted.H, settings.diversity),
            H=fitted.H,
            P=fitted.P,
            started_at=None
            if start is None or fitted.began is None
            else _headline_of_start(start, fitted.began, settings, judge),
            baselines=baselines.result(),
        )


def _baselines(judge: Judge, rank: int) -> dict[str, Evaluation]:
    train = judge.holdout.train
    return {
        "popularity": _judged(judge, *most_popular(train)),
        "puresvd": _judged(judge, *pure_svd(train, choose_rank(*train.shape, rank))),
    }


def _headline_of_start(
    start: Start, W: NDArray[np.float32], settings: Settings, judge: Judge
) -> float:
    """Judge factors as they are, NMF's W of users folded in by the training part."""
    H = start.H
    if start.P is not None:
        train, timestamps = judge.holdout.train, judge.holdout.times_for(settings)
        V = latest_pasts(train, timestamps, settings) @ start.P
        W, H = stacked_users(W, H, V, start.Q, settings), np.vstack([H, start.Q])
    lists = _lists(judge, W, H, settings.diversity)
    return float(accuracy_of(lists, judge.holdout.test, judge.users)[HEADLINE].mean())


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
    return judge.evaluate(_lists(judge, W, H, diversity))


def _lists(
    judge: Judge, W: NDArray[np.float32], H: NDArray[np.float32], diversity: float
) -> NDArray[np.int32]:
    variety = Variety.of(diversity, judge.genres)
    return top_n(np.ascontiguousarray(W[judge.users]), H, judge.seen, LENGTH, variety)[0]


def evaluate_settings(
    settings: Settings, holdout: Holdout, genres: csr_matrix | None = None
) -> Evaluation:
    """Fit the settings on the training part, and judge their lists on the rest."""
    fitted = fit_model(holdout.train, holdout.times_for(settings), settings)
    return evaluate_factors(fitted.W, fitted.H, holdout, genres, settings.diversity)
