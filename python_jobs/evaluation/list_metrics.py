"""How good lists of recommendations are, measured on interactions that were held out.

Relevance is binary: a movie is relevant for a user if it is one of the user's held-out movies,
whatever its score. Every movie of the catalogue that the user has not seen in the training part is
a candidate. With k the length of the list, r(i) = 1 if the movie at rank i is relevant and
otherwise 0, and R the number of the user's held-out movies, a user's metrics are:

- ``ndcg``: Σ r(i) / log2(i + 1), divided by the same sum for the best possible list, which has
  min(k, R) relevant movies on top. Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR
  techniques" (2002), with the discount of Burges et al., "Learning to rank using gradient descent"
  (2005); the ideal is truncated at k, as in trec_eval's ``ndcg_cut``.
- ``precision``: Σ r(i) / k. Places left empty in a short list count as misses.
- ``recall``: Σ r(i) / R.
- ``map``: average precision, Σ r(i) × precision at i / R. Manning, Raghavan and Schütze,
  "Introduction to Information Retrieval" (2008), section 8.4; the sum stops at k and is divided by
  R, not by min(k, R), as in trec_eval's ``map_cut``.
- ``hit_rate``: 1 if any r(i) is 1, otherwise 0. trec_eval's ``success``.

The reported figure is the mean over the users with held-out movies. Beside them, over the lists of
the same users:

- ``catalogue_coverage``: the share of the catalogue's movies that are on at least one list. Ge,
  Delgado-Battenfeld and Jannach, "Beyond accuracy" (2010).
- ``mean_popularity_rank``: the mean popularity rank of all that is recommended, where 1 is the
  movie with most interactions in the training part, ties by movie. The greater, the more novel:
  Celma and Herrera, "A new approach to evaluating novel recommendations" (2008);
- those of :mod:`python_jobs.evaluation.beyond_accuracy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.evaluation.beyond_accuracy import (
    by_blocks,
    joined,
    mixes_of,
    of_genres,
    of_popularity,
)
from python_jobs.interactions.popularity import counts_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.evaluation.holdout import Holdout

LENGTH = 10
"""Length of the lists that are judged: the 10 of ``ndcg_at_10``."""
EMPTY = -1
"""In a list, a place for which there was no movie."""
ACTIVITY_BOUNDS = {"few": (0, 30), "some": (30, 100), "many": (100, None)}
"""Groups of users by interactions in the training part: from (inclusive), to (exclusive)."""


@dataclass(frozen=True)
class Evaluation:
    """What lists were worth to the users with held-out interactions."""

    metrics: dict[str, float]
    """``ndcg_at_10``, ``recall_at_10``, ``precision_at_10``, ``map_at_10`` and ``hit_rate_at_10``
    (all 0–1), ``catalogue_coverage`` (0–1), ``mean_popularity_rank`` (1–movies), and those of
    :mod:`python_jobs.evaluation.beyond_accuracy`, the last two where genres are known."""
    by_activity: dict[str, dict[str, float]]
    """For each of ``few``, ``some`` and ``many`` that has users: ``users`` and the first five."""
    users: NDArray[np.int64]
    """Rows of the users that were judged, ascending; none where they are on many machines."""
    per_user: dict[str, NDArray[np.float64]]
    """The first five of each of these users, for comparisons in pairs."""
    seen_share: NDArray[np.float64]
    """For each movie the share of all users who have seen it in the training part, 0 to 1."""
    recommended_share: NDArray[np.float64]
    """For each movie the share of the judged users who have it on their list, 0 to 1."""


def judged_users(holdout: Holdout) -> NDArray[np.int64]:
    """Return the rows of the users with held-out interactions, ascending."""
    return np.flatnonzero(np.diff(holdout.test.indptr)).astype(np.int64)


@dataclass(frozen=True)
class Judge:
    """Judges lists on one split. What is the same for all lists is made once."""

    holdout: Holdout
    genres: csr_matrix | None = None
    """1 where a movie has a genre, movies × genres; None where they are of no interest."""

    @cached_property
    def users(self) -> NDArray[np.int64]:
        """The rows of :func:`judged_users`."""
        return judged_users(self.holdout)

    @cached_property
    def seen(self) -> csr_matrix:
        """What these users have seen in the training part."""
        train = self.holdout.train
        return train if self.users.size == train.shape[0] else train[self.users]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Interactions with each movie in the training part."""
        return counts_of(self.holdout.train)

    @cached_property
    def _active(self) -> int:
        return int(np.count_nonzero(np.diff(self.holdout.train.indptr)))

    @cached_property
    def _ranks(self) -> NDArray[np.int64]:
        return popularity_ranks(self.counts)

    @cached_property
    def _mixes(self) -> NDArray[np.float64]:
        return mixes_of(self.seen, self.genres)

    def evaluate(self, lists: NDArray[np.int32]) -> Evaluation:
        """Judge one list for each user with held-out interactions.

        Parameters
        ----------
        lists
            Movie indices, best first, users × length, one row for each of :attr:`users`;
            :data:`EMPTY` where a list is too short. They must not contain movies of the training
            part.
        """
        users, counts = self.users, self.counts
        per_user = accuracy_of(lists, self.holdout.test, users)
        metrics = {name: float(values.mean()) for name, values in per_user.items()}
        recommended = lists[lists != EMPTY]
        listed = np.bincount(recommended, minlength=counts.size)
        metrics["catalogue_coverage"] = int(np.count_nonzero(listed)) / counts.size
        ranks = self._ranks[recommended]
        metrics["mean_popularity_rank"] = float(ranks.mean()) if ranks.size else 0.0
        metrics |= of_popularity(lists, counts, self._active)
        if self.genres is not None:
            metrics |= of_genres(lists, self._mixes, self.genres)
        return Evaluation(
            metrics,
            by_activity=_by_activity(per_user, np.diff(self.seen.indptr)),
            users=users,
            per_user=per_user,
            seen_share=counts / self.holdout.train.shape[0],
            recommended_share=listed / max(users.size, 1),
        )


def evaluate_lists(
    lists: NDArray[np.int32], holdout: Holdout, genres: csr_matrix | None = None
) -> Evaluation:
    """Judge lists where no others are judged on the same split; as :meth:`Judge.evaluate`."""
    return Judge(holdout, genres).evaluate(lists)


def accuracy_of(
    lists: NDArray[np.int32], test: csr_matrix, users: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Return the first five metrics of each of the users with held-out interactions."""
    held_out = np.diff(test.indptr)

    def some(span: slice) -> dict[str, NDArray[np.float64]]:
        return _accuracy(_hits(lists[span], test, users[span]), held_out[users[span]])

    return joined(by_blocks(some, users.size))


def popularity_ranks(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return each movie's rank by interactions, 1 for the most; of equal ones the lower index."""
    ranks = np.empty(counts.size, dtype=np.int64)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(1, counts.size + 1)
    return ranks


def _hits(
    lists: NDArray[np.int32], test: csr_matrix, users: NDArray[np.int64]
) -> NDArray[np.bool_]:
    if not users.size:
        return np.zeros(lists.shape, bool)
    movies = test.shape[1]
    first, last = users[0], users[-1] + 1
    held_out = np.diff(test.indptr[first : last + 1])
    columns = test.indices[test.indptr[first] : test.indptr[last]]
    # Cells numbered row by row: ascending as they are stored, so that a binary search finds them.
    stored = np.repeat(np.arange(first, last), held_out) * movies + columns
    wanted = users[:, np.newaxis] * movies + lists
    at = np.minimum(np.searchsorted(stored, wanted), stored.size - 1)
    return np.asarray((stored[at] == wanted) & (lists != EMPTY))


def _accuracy(
    relevant: NDArray[np.bool_], held_out: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    length = relevant.shape[1]
    ranks = np.arange(1, length + 1)
    discounts = 1.0 / np.log2(ranks + 1)
    ideal = np.cumsum(discounts)[np.minimum(held_out, length) - 1]
    hits = relevant.sum(axis=1)
    precision_at_each_rank = np.cumsum(relevant, axis=1) / ranks
    return {
        f"ndcg_at_{length}": relevant @ discounts / ideal,
        f"recall_at_{length}": hits / held_out,
        f"precision_at_{length}": hits / length,
        f"map_at_{length}": (precision_at_each_rank * relevant).sum(axis=1) / held_out,
        f"hit_rate_at_{length}": (hits > 0).astype(np.float64),
    }


def _by_activity(
    per_user: dict[str, NDArray[np.float64]], activity: NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    groups = {}
    for name, members in activity_groups(activity).items():
        if members.any():
            means = {metric: float(values[members].mean()) for metric, values in per_user.items()}
            groups[name] = {"users": int(members.sum())} | means
    return groups


def activity_groups(activity: NDArray[np.integer]) -> dict[str, NDArray[np.bool_]]:
    """Return which users are in each group, by their interactions in the training part."""
    return {
        name: (activity >= at_least) & (activity < (below or np.inf))
        for name, (at_least, below) in ACTIVITY_BOUNDS.items()
    }


def activity_range(group: str) -> str:
    """Return a group's bounds of :data:`ACTIVITY_BOUNDS` in words: ``30 to 99``."""
    at_least, below = ACTIVITY_BOUNDS[group]
    return f"{at_least} to {below - 1}" if below else f"{at_least} or more"
