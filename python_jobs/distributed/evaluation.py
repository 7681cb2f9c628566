"""The evaluation, as its driver sees it: the model and both baselines, judged where users are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.distributed.baselines import PRODUCTS, singular_movies, users_of
from python_jobs.distributed.cluster import Cluster, Handle, summed
from python_jobs.distributed.fit import Keeper, fit
from python_jobs.distributed.judging import Seen, evaluation_of, judged_part, seen_of
from python_jobs.distributed.partitions import size_of_train, split_part, weighed_train
from python_jobs.evaluation.assessment import HEADLINE, Assessment, Measured
from python_jobs.evaluation.list_metrics import Evaluation
from python_jobs.model.settings import Settings, choose_rank
from python_jobs.progress import NO_BAR, Bar

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Split:
    """Every partition, split."""

    cluster: Cluster
    holdouts: list[Handle]
    seen: Seen
    genres: csr_matrix | None
    bar: Bar
    """Advanced by an iteration of a fit, a product of PureSVD, and a partition whose lists are
    judged."""

    @classmethod
    def of(
        cls,
        cluster: Cluster,
        parts: Sequence[Handle],
        watched_weight: float | None,
        genres: csr_matrix | None,
        bar: Bar,
    ) -> Split:
        """Split every partition, with scores under a weight."""
        holdouts = [
            cluster.submit(at, split_part, part, watched_weight) for at, part in enumerate(parts)
        ]
        counted = [cluster.submit(at, seen_of, each) for at, each in enumerate(holdouts)]
        (seen,) = cluster.results([summed(cluster, counted)])
        return cls(cluster, holdouts, seen, genres, bar)

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
        together = summed(self.cluster, parts)
        self.cluster.finish(parts, lambda _: self.bar.advance())
        (judged,) = self.cluster.results([together])
        return evaluation_of(judged, self.seen)

    def judge_settings(
        self, settings: Settings, keeper: Keeper | None
    ) -> tuple[Evaluation, NDArray[np.float32]]:
        """Fit settings on the training part, and judge their lists on the rest; return H too."""
        submit = self.cluster.submit
        weighed = [
            submit(at, weighed_train, each, settings) for at, each in enumerate(self.holdouts)
        ]
        sizes = self.cluster.results(
            [submit(at, size_of_train, each) for at, each in enumerate(self.holdouts)]
        )
        movies = self.shape[1]
        with self.bar.stretch(iterations(settings)) as step:
            fitted = fit(self.cluster, weighed, sizes, movies, settings, step, keeper)
        return self.judge(fitted.W, fitted.H, settings.diversity), fitted.H

    def judge_popularity(self) -> Evaluation:
        """Judge the lists of the most popular movies, the same for everyone."""
        counts = self.seen.counts.astype(np.float32)[np.newaxis]
        return self.judge([None] * len(self.holdouts), counts)

    def judge_pure_svd(self, rank: int) -> Evaluation:
        """Judge the lists of PureSVD."""
        with self.bar.stretch(PRODUCTS) as step:
            right = singular_movies(self.cluster, self.holdouts, self.shape[1], rank, step)
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
    bar: Bar = NO_BAR,
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
    bar
        Says how far it is.

    Returns
    -------
    Measured or None
        None where nobody has enough interactions to hold any out.
    """
    others = champion if champion != settings else None
    bar.expect(steps(len(parts), settings, others))
    split = Split.of(cluster, parts, settings.watched_weight, genres, bar)
    if not split.seen.held_out:
        return None
    rank = choose_rank(*split.shape, max(settings.ranks))
    model, H = split.judge_settings(settings, keepers("evaluate", settings))
    assessment = Assessment(
        model=model,
        baselines={
            "popularity": split.judge_popularity(),
            "puresvd": split.judge_pure_svd(rank),
        },
        H=H,
    )
    if others is None:
        return Measured(assessment, None)
    if others.watched_weight != settings.watched_weight:
        # The same cells are held out; they only count differently.
        split = Split.of(cluster, parts, others.watched_weight, genres, bar)
    theirs, _ = split.judge_settings(others, keepers("champion", others))
    return Measured(assessment, theirs.metrics[HEADLINE])


def steps(parts: int, settings: Settings, champion: Settings | None) -> int:
    """Return how many steps an evaluation is, where the champion's settings are others.

    Lists of the model and of both baselines are judged, partition by partition.
    """
    expected = iterations(settings) + PRODUCTS + 3 * parts
    return expected + (iterations(champion) + parts if champion else 0)


def iterations(settings: Settings) -> int:
    """Return how many iterations a fit takes at most, all of its members together."""
    return len(settings.ranks) * settings.max_iter
