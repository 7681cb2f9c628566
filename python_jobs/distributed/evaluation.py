"""The evaluation, as its driver sees it: the model and both baselines, judged where users are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.distributed.baselines import singular_movies, users_of
from python_jobs.distributed.cluster import Cluster, Handle, summed
from python_jobs.distributed.fit import Keeper, fit
from python_jobs.distributed.judging import Seen, evaluation_of, judged_part, seen_of
from python_jobs.distributed.partitions import size_of_train, split_part, weighed_train
from python_jobs.evaluation.assessment import HEADLINE, Assessment, Measured
from python_jobs.evaluation.list_metrics import Evaluation
from python_jobs.model.settings import Settings, choose_rank

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Split:
    """Every partition, split."""

    cluster: Cluster
    holdouts: list[Handle]
    seen: Seen
    genres: csr_matrix | None

    @classmethod
    def of(
        cls,
        cluster: Cluster,
        parts: Sequence[Handle],
        watched_weight: float | None,
        genres: csr_matrix | None,
    ) -> Split:
        """Split every partition, with scores under a weight."""
        holdouts = [
            cluster.submit(at, split_part, part, watched_weight) for at, part in enumerate(parts)
        ]
        counted = [cluster.submit(at, seen_of, each) for at, each in enumerate(holdouts)]
        (seen,) = cluster.results([summed(cluster, counted)])
        return cls(cluster, holdouts, seen, genres)

    @property
    def shape(self) -> tuple[int, int]:
        """Users × movies."""
        return self.seen.users, self.seen.counts.size

    def judge(
        self, W: Sequence[Handle | None], H: NDArray[np.float32], diversity: float = 0.0
    ) -> Evaluation:
        """Judge the lists of factors; without W every user has a one."""
        parts = [
            self.cluster.submit(
                at, judged_part, holdout, W[at], H, self.seen, self.genres, diversity
            )
            for at, holdout in enumerate(self.holdouts)
        ]
        (judged,) = self.cluster.results([summed(self.cluster, parts)])
        return evaluation_of(judged, self.seen)

    def judge_settings(
        self, settings: Settings, on_iteration: Callable[[], object], keeper: Keeper | None
    ) -> Evaluation:
        """Fit settings on the training part, and judge their lists on the rest."""
        submit = self.cluster.submit
        weighed = [
            submit(at, weighed_train, each, settings) for at, each in enumerate(self.holdouts)
        ]
        sizes = self.cluster.results(
            [submit(at, size_of_train, each) for at, each in enumerate(self.holdouts)]
        )
        movies = self.shape[1]
        fitted = fit(self.cluster, weighed, sizes, movies, settings, on_iteration, keeper)
        return self.judge(fitted.W, fitted.H, settings.diversity)

    def judge_popularity(self) -> Evaluation:
        """Judge the lists of the most popular movies, the same for everyone."""
        counts = self.seen.counts.astype(np.float32)[np.newaxis]
        return self.judge([None] * len(self.holdouts), counts)

    def judge_pure_svd(self, rank: int) -> Evaluation:
        """Judge the lists of PureSVD."""
        right = singular_movies(self.cluster, self.holdouts, self.shape[1], rank)
        W = [
            self.cluster.submit(at, users_of, each, right) for at, each in enumerate(self.holdouts)
        ]
        return self.judge(W, right.astype(np.float32))


def assess(
    cluster: Cluster,
    parts: Sequence[Handle],
    settings: Settings,
    champion: Settings | None,
    genres: csr_matrix | None,
    keepers: Callable[[str, Settings], Keeper | None] = lambda *_: None,
    on_iteration: Callable[[], object] = lambda: None,
) -> Measured | None:
    """Judge settings, the baselines and the champion's settings on a temporal holdout.

    Parameters
    ----------
    cluster, parts
        The workers, and the partitions, each of them ``Interactions``.
    settings, champion, genres
        As a :class:`python_jobs.jobs.engine.Learning` is asked.
    keepers
        Returns where a fit of a name, ``evaluate`` or ``champion``, and of settings is kept.
    on_iteration
        Called after each iteration of each fit.

    Returns
    -------
    Measured or None
        None where nobody has enough interactions to hold any out.
    """
    split = Split.of(cluster, parts, settings.watched_weight, genres)
    if not split.seen.held_out:
        return None
    rank = choose_rank(*split.shape, max(settings.ranks))
    assessment = Assessment(
        model=split.judge_settings(settings, on_iteration, keepers("evaluate", settings)),
        baselines={
            "popularity": split.judge_popularity(),
            "puresvd": split.judge_pure_svd(rank),
        },
    )
    if champion is None or champion == settings:
        return Measured(assessment, None)
    if champion.watched_weight != settings.watched_weight:
        # The same cells are held out; they only count differently.
        split = Split.of(cluster, parts, champion.watched_weight, genres)
    theirs = split.judge_settings(champion, on_iteration, keepers("champion", champion))
    return Measured(assessment, theirs.metrics[HEADLINE])
