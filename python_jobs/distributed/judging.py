"""What a worker adds to an evaluation: sums over its users, of which the figures are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.evaluation.beyond_accuracy import (
    gini,
    mixes_of,
    values_of_genres,
    values_of_popularity,
)
from python_jobs.evaluation.holdout import Holdout
from python_jobs.evaluation.list_metrics import (
    EMPTY,
    LENGTH,
    Evaluation,
    accuracy_of,
    activity_groups,
    judged_users,
    popularity_ranks,
)
from python_jobs.interactions.popularity import counts_of
from python_jobs.ranking.top_n import top_n
from python_jobs.ranking.variety import Variety

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Values = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Seen:
    """The training parts, counted."""

    counts: NDArray[np.int64]
    """Interactions with each movie."""
    users: int
    active: int
    """Users with interactions."""
    held_out: int
    """Interactions that are held out of them."""

    def __add__(self, other: Seen) -> Seen:
        return Seen(
            self.counts + other.counts,
            self.users + other.users,
            self.active + other.active,
            self.held_out + other.held_out,
        )


@dataclass(frozen=True)
class Means:
    """Sums of values and how many they are, by name."""

    sums: dict[str, float]
    counts: dict[str, int]

    @classmethod
    def of(cls, values: Values) -> Means:
        """Add values up."""
        return cls(
            {name: float(each.sum()) for name, each in values.items()},
            {name: each.size for name, each in values.items()},
        )

    def __add__(self, other: Means) -> Means:
        return Means(
            {name: self.sums[name] + other.sums[name] for name in self.sums},
            {name: self.counts[name] + other.counts[name] for name in self.counts},
        )

    def means(self) -> dict[str, float]:
        """Return the means, 0 of nothing."""
        return {name: self.sums[name] / max(count, 1) for name, count in self.counts.items()}


@dataclass(frozen=True)
class Judged:
    """Lists of some of the users, judged."""

    accuracy: Means
    groups: dict[str, Means]
    """The same of each group of :data:`ACTIVITY_BOUNDS`."""
    beyond: Means
    listed: NDArray[np.int64]
    """How often each movie is on a list."""

    def __add__(self, other: Judged) -> Judged:
        return Judged(
            self.accuracy + other.accuracy,
            {name: group + other.groups[name] for name, group in self.groups.items()},
            self.beyond + other.beyond,
            self.listed + other.listed,
        )


def seen_of(holdout: Holdout) -> Seen:
    """Count a partition's training part."""
    train = holdout.train
    return Seen(
        counts=counts_of(train),
        users=train.shape[0],
        active=int(np.count_nonzero(np.diff(train.indptr))),
        held_out=holdout.test.nnz,
    )


def judged_part(
    holdout: Holdout,
    W: NDArray[np.float32] | None,
    H: NDArray[np.float32],
    seen: Seen,
    genres: csr_matrix | None,
    diversity: float,
) -> Judged:
    """Rank a partition's users, and judge their lists.

    Parameters
    ----------
    holdout
        The partition's split.
    W, H
        Factors, users × k and k × movies; without W every user has a one.
    seen
        Of all partitions.
    genres, diversity
        As for :func:`python_jobs.evaluation.assessment.evaluate_factors`.
    """
    users = judged_users(holdout)
    factors = np.ones((users.size, 1), np.float32) if W is None else np.ascontiguousarray(W[users])
    history = holdout.train[users]
    lists, _ = top_n(factors, H, history, LENGTH, Variety.of(diversity, genres))
    accuracy = accuracy_of(lists, holdout.test, users)
    beyond = values_of_popularity(lists, seen.counts, seen.active)
    if genres is not None:
        beyond |= values_of_genres(lists, mixes_of(history, genres), genres)
    return Judged(
        accuracy=Means.of(accuracy),
        groups={
            name: Means.of({metric: values[members] for metric, values in accuracy.items()})
            for name, members in activity_groups(np.diff(history.indptr)).items()
        },
        beyond=Means.of(beyond),
        listed=np.bincount(lists[lists != EMPTY], minlength=H.shape[1]),
    )


def evaluation_of(judged: Judged, seen: Seen) -> Evaluation:
    """Return the evaluation that the sums over all partitions make; as ``evaluate_lists`` does."""
    recommended = int(judged.listed.sum())
    ranks = popularity_ranks(seen.counts)
    users = max(judged.accuracy.counts.values())
    metrics = judged.accuracy.means() | {
        "catalogue_coverage": np.count_nonzero(judged.listed) / judged.listed.size,
        "mean_popularity_rank": float(ranks @ judged.listed) / max(recommended, 1),
        "gini_index": gini(judged.listed),
    }
    groups = {
        name: {"users": max(group.counts.values())} | group.means()
        for name, group in judged.groups.items()
        if max(group.counts.values())
    }
    return Evaluation(
        metrics=metrics | judged.beyond.means(),
        by_activity=groups,
        users=np.empty(0, np.int64),
        per_user={},
        seen_share=seen.counts / seen.users,
        recommended_share=judged.listed / max(users, 1),
    )
