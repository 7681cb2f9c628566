"""What lists are like, whether or not they hit: how varied, how novel, and fair to whom.

Over the lists of the users with held-out movies, with n(i) the users who interacted with movie i in
the training part, of n users:

- ``gini_index``: Gini's index of how often each movie of the catalogue is recommended: 0 if all
  equally often, near 1 if always the same few. Fleder and Hosanagar, "Blockbuster culture's next
  rise or fall" (2009).
- ``novelty``: mean self-information of what is recommended, ``log2(n / n(i))`` bits, n(i) at least
  1; a mean over users of the means of their lists. Zhou et al., "Solving the apparent
  diversity-accuracy dilemma of recommender systems" (2010).
- ``long_tail_share``: share of a list that is not in the short head, which is the fewest movies
  that have 80 % of the interactions; a mean over users. Abdollahpouri, Burke and Mobasher,
  "Managing popularity bias in recommender systems with personalized re-ranking" (2019).

And where genres are known, with G a movie's genres as a vector of 0 and 1:

- ``intra_list_diversity``: mean of ``1 - cos(G_i, G_j)`` over the pairs of a list, a mean over
  users; a movie without genres is like no other. Ziegler et al., "Improving recommendation lists
  through topic diversification" (2005), as a distance as in Vargas and Castells (2011). A list of
  one has 0.
- ``genre_miscalibration``: Kullback-Leibler divergence, in nats, of a list's mix of genres from
  that of the user's history, 0 where both are the same; a mean over users. Each movie gives one
  part, divided evenly among its genres; the list's mix is smoothed with 1 % of the history's.
  Steck, "Calibrated recommendations" (2018), equations 2, 3 and 6 with equal weights. Users whose
  history or list has no genres are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions.genres import SMOOTHING

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

HEAD = 0.8
"""Share of the interactions that the short head has."""
USERS_PER_BLOCK = 4_096

Lists = NDArray[np.int32]
T = TypeVar("T")


def of_popularity(lists: Lists, counts: NDArray[np.integer], users: int) -> dict[str, float]:
    """Return ``gini_index``, ``novelty`` (bits) and ``long_tail_share`` (0–1).

    Parameters
    ----------
    lists
        Movie indices, users × length, below 0 where a list is too short.
    counts
        Interactions with each movie, of all users.
    users
        How many users have interactions.
    """
    recommended = np.bincount(lists[lists >= 0], minlength=counts.size)
    values = values_of_popularity(lists, counts, users)
    return {"gini_index": gini(recommended)} | means(values)


def values_of_popularity(
    lists: Lists, counts: NDArray[np.integer], users: int
) -> dict[str, NDArray[np.float64]]:
    """Return ``novelty`` and ``long_tail_share`` of each list that has movies.

    Parameters
    ----------
    lists
        As for :func:`of_popularity`; they may be of some of the users.
    counts
        Interactions with each movie, of all users.
    users
        How many users have interactions.
    """
    bits = np.log2(max(users, 1) / np.maximum(counts, 1))
    in_tail = ~short_head(counts)

    def some(span: slice) -> dict[str, NDArray[np.float64]]:
        block = lists[span]
        return {
            "novelty": _means_of_lists(bits[block], block >= 0),
            "long_tail_share": _means_of_lists(in_tail[block], block >= 0),
        }

    return joined(by_blocks(some, lists.shape[0]))


def joined(
    blocks: Iterable[dict[str, NDArray[np.float64]]],
) -> dict[str, NDArray[np.float64]]:
    """Return each metric of the users of all blocks; there is one at least."""
    every = list(blocks)
    return {name: np.concatenate([block[name] for block in every]) for name in every[0]}


def means(values: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    """Return the mean of each, 0 where there is none."""
    return {name: float(each.mean()) if each.size else 0.0 for name, each in values.items()}


def gini(counts: NDArray[np.integer]) -> float:
    """Return Gini's index of counts, 0 (all equal) to 1 - 1/n; 0 where all are 0.

    >>> gini(np.array([3, 3, 3])), round(gini(np.array([0, 0, 6])), 3)
    (0.0, 0.667)
    """
    total = counts.sum()
    if not total:
        return 0.0
    places = np.arange(1, counts.size + 1)
    return float((2 * places - counts.size - 1) @ np.sort(counts) / (counts.size * total))


def short_head(counts: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which movies are in the short head: most interactions first, of equal ones by index.

    >>> short_head(np.array([1, 5, 3, 1])).tolist()
    [False, True, True, False]
    """
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    head = np.zeros(counts.size, bool)
    head[order] = before < HEAD * counts.sum()
    return head


def of_genres(lists: Lists, histories: NDArray[np.float64], genres: csr_matrix) -> dict[str, float]:
    """Return ``intra_list_diversity`` (0–1) and ``genre_miscalibration`` (nats, from 0).

    Parameters
    ----------
    lists
        Movie indices, users × length, below 0 where a list is too short.
    histories
        What :func:`mixes_of` makes of what the same users have seen.
    genres
        1 where a movie has a genre, CSR, movies × genres.
    """
    return means(values_of_genres(lists, histories, genres))


def mixes_of(seen: csr_matrix, genres: csr_matrix | None) -> NDArray[np.float64]:
    """Return how much of each genre users have seen, users × genres; none without genres.

    Parameters
    ----------
    seen
        What each has interacted with, CSR, users × movies.
    genres
        As for :func:`of_genres`.
    """
    if genres is None:
        return np.empty((seen.shape[0], 0))
    mixes, _ = _of_movies(genres)

    def mix(span: slice) -> NDArray[np.float64]:
        some = seen[span]
        some.data = np.ones_like(some.data)
        return np.asarray(some @ mixes)

    return np.concatenate(list(by_blocks(mix, seen.shape[0])))


def values_of_genres(
    lists: Lists, histories: NDArray[np.float64], genres: csr_matrix
) -> dict[str, NDArray[np.float64]]:
    """Return the same of each list, of those that count; as for :func:`of_genres`."""
    mixes, directions = _of_movies(genres)
    both, has_genres = np.hstack([mixes, directions]), np.asarray(directions.any(axis=1))

    def some(span: slice) -> dict[str, NDArray[np.float64]]:
        summed = _on_lists(lists[span], both.shape[0]) @ both
        of_lists, directed = np.hsplit(summed, 2)
        return {
            "intra_list_diversity": _diversity(lists[span], directed, has_genres),
            "genre_miscalibration": _divergence(of_lists, histories[span]),
        }

    return joined(by_blocks(some, lists.shape[0]))


def _on_lists(lists: Lists, movies: int) -> csr_matrix:
    """Return 1 where a list has a movie, lists × movies."""
    from scipy.sparse import csr_matrix

    kept = lists >= 0
    ends = np.append(0, np.cumsum(kept.sum(axis=1)))
    columns = lists[kept]
    return csr_matrix((np.ones(columns.size), columns, ends), shape=(lists.shape[0], movies))


def _of_movies(genres: csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each movie's genres as parts of 1, and as a vector of length 1."""
    parts = genres.toarray().astype(np.float64)
    each = parts.sum(axis=1, keepdims=True)
    mixes = np.divide(parts, each, out=np.zeros_like(parts), where=each > 0)
    return mixes, np.divide(parts, np.sqrt(each), out=np.zeros_like(parts), where=each > 0)


def by_blocks(work: Callable[[slice], T], users: int) -> Iterator[T]:
    """Yield what work makes of the users, block after block, made side by side; one at least."""
    from python_jobs.compiled import side_by_side

    starts = range(0, max(users, 1), USERS_PER_BLOCK)
    return side_by_side(work, [slice(start, start + USERS_PER_BLOCK) for start in starts])


def _diversity(
    lists: Lists, directed: NDArray[np.float64], has_genres: NDArray[np.bool_]
) -> NDArray[np.float64]:
    kept = lists >= 0
    sizes = kept.sum(axis=1)
    # Σ over ordered pairs of cosines is |Σ directions|², less that of each movie with itself: 1, or
    # 0 without genres.
    summed = (directed**2).sum(axis=1) - (has_genres[lists] & kept).sum(axis=1)
    pairs = sizes * (sizes - 1)
    return np.asarray((pairs - summed) / np.maximum(pairs, 1))


def _divergence(
    of_lists: NDArray[np.float64], of_history: NDArray[np.float64]
) -> NDArray[np.float64]:
    known = (of_history.sum(axis=1) > 0) & (of_lists.sum(axis=1) > 0)
    p, q = (mix[known] / mix[known].sum(axis=1, keepdims=True) for mix in (of_history, of_lists))
    q = (1 - SMOOTHING) * q + SMOOTHING * p
    terms = p * np.log(np.divide(p, q, out=np.ones_like(p), where=p > 0))
    return np.asarray(terms.sum(axis=1))


def _means_of_lists(values: NDArray[np.generic], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean over each list; lists without movies are left out."""
    sizes = kept.sum(axis=1)
    some = sizes > 0
    sums = np.where(kept, values, 0).sum(axis=1)
    return np.asarray(sums[some] / sizes[some])
