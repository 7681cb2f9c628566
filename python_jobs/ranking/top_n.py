"""The best unseen movies of every user: scores W × H, seen movies left out, N kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.ranking.movie_blocks import MovieBlocks
    from python_jobs.ranking.shown import Shown
    from python_jobs.ranking.variety import Variety

CANDIDATES = 100
"""Movies by score of which a list of some variety is made. The same for any length of list, so that
a shorter list is the beginning of a longer one, and what is judged at 10 is what is published at
20. A longer list goes on by score."""
USERS_PER_BLOCK = 8_192
"""Users whose lists are held at a time while publishing."""
NO_KINDS = np.empty(0, np.int32)
"""Kinds of users where all movies may be shown to everyone."""


@dataclass(frozen=True)
class TopN:
    """Recommendations as columns of equal length, ordered by user and rank."""

    users: NDArray[np.int32]
    """Row of the user in W, ascending."""
    movies: NDArray[np.int32]
    """Column of the movie in H."""
    ranks: NDArray[np.uint16]
    """1, 2, … without gaps in every user's rows."""
    scores: NDArray[np.float32]
    """Value of W × H, descending within a user where there is no variety; equal scores have
    ascending movies then."""


def top_n(
    W: NDArray[np.float32],
    H: NDArray[np.float32],
    seen: csr_matrix,
    n: int,
    variety: Variety | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Rank the movies that each user has not seen.

    Parameters
    ----------
    W, H
        Factors, users × k and k × movies, finite, of either sign.
    seen
        Users × movies; a movie is seen where a value is stored, whatever the value.
    n
        Length of the longest list, at least 1; may exceed the number of movies.
    variety
        How far lists follow the genres of what was seen; None for the best scores.

    Returns
    -------
    movies : (users, n) int32
        Columns of H, best first, equal scores by ascending column; -1 past the end of a list,
        which is shorter than n for users with fewer than n unseen movies.
    scores : (users, n) float32
        Their scores; -inf past the end.

    Raises
    ------
    ValueError
        If shapes disagree, n is below 1, or scores could be infinite or not a number.

    Notes
    -----
    The result has the same bits for any number of threads, and for one user as for all of them.
    There are as many threads as cores, or ``NUMBA_NUM_THREADS``.

    Movies are laid out by falling norm and scored in blocks. A block is passed over where even the
    product of the user's factors and its largest factors stays below the user's N-th score so far.
    That is exact, and where few movies are popular it leaves a few blocks of a hundred. (The idea
    of bounding blocks by norm is from Teflioudi, Gemulla and Mykytiuk, "LEMP: Fast retrieval of
    large entries in a matrix product", SIGMOD 2015.)
    """
    W, layout = _validated(W, H, seen, n)
    return _rank(W, layout, NO_KINDS, seen.indptr, seen.indices, n, variety)


def top_n_blocks(
    W: NDArray[np.float32],
    H: NDArray[np.float32],
    seen: csr_matrix,
    n: int,
    users_per_block: int = USERS_PER_BLOCK,
    shown: Shown | None = None,
    variety: Variety | None = None,
) -> Iterator[TopN]:
    """Yield the lists of :func:`top_n` as columns, block of users after block of users.

    Memory depends on the size of a block and not on the number of users. Arguments are checked
    when this is called and not at the first block.

    Parameters
    ----------
    W, H, seen, n, variety
        As :func:`top_n` has them.
    users_per_block
        Users whose lists are made at a time.
    shown
        Which movies may be on whose list; None for all, on everyone's. The others take no part in
        the ranking, so that lists are as long as ever, and scores have the bits that they have
        without it.

    Raises
    ------
    ValueError
        As :func:`top_n` does; also if ranks would not fit 16 bits, a block has no users, or
        ``shown`` is of other users or movies.
    """
    if users_per_block < 1:
        raise ValueError(f"users_per_block is {users_per_block}; it must be at least 1")
    if min(n, H.shape[-1]) > np.iinfo(np.uint16).max:
        raise ValueError(f"n is {n}; ranks go up to {np.iinfo(np.uint16).max}")
    if shown is not None:
        shown.check(W.shape[0], H.shape[-1])
    W, layout = _validated(W, H, seen, n, None if shown is None else shown.masks)
    kinds = NO_KINDS if shown is None or not layout.allowed.size else shown.kinds
    return _blocks(W, layout, kinds, seen, min(n, H.shape[1]), users_per_block, variety)


def _blocks(
    W: NDArray[np.float32],
    layout: MovieBlocks,
    kinds: NDArray[np.int32],
    seen: csr_matrix,
    n: int,
    users_per_block: int,
    variety: Variety | None,
) -> Iterator[TopN]:
    for start in range(0, W.shape[0], users_per_block):
        stop = min(W.shape[0], start + users_per_block)
        indptr = seen.indptr[start : stop + 1]
        indices = seen.indices[indptr[0] : indptr[-1]]
        movies, scores = _rank(
            W[start:stop], layout, kinds[start:stop], indptr - indptr[0], indices, n, variety
        )
        users, places = np.nonzero(movies >= 0)
        yield TopN(
            users=(users + start).astype(np.int32),
            movies=movies[users, places],
            ranks=(places + 1).astype(np.uint16),
            scores=scores[users, places],
        )


def check_factors(W: NDArray[np.float32], H: NDArray[np.float32]) -> None:
    """Make sure that no score, and no part of one, can be infinite or not a number.

    Raises
    ------
    ValueError
        If one could.
    """
    largest_w, largest_h = (
        max(float(factors.max(initial=0)), -float(factors.min(initial=0))) for factors in (W, H)
    )
    # Written so that a comparison with NaN refuses too.
    if not largest_w * largest_h * (W.shape[1] + 1) < float(np.finfo(np.float32).max):
        raise ValueError("W or H holds a value that is not finite, or too large to multiply")


def _validated(
    W: NDArray[np.float32],
    H: NDArray[np.float32],
    seen: csr_matrix,
    n: int,
    masks: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], MovieBlocks]:
    from python_jobs.ranking.movie_blocks import MovieBlocks

    if W.ndim != 2 or H.ndim != 2 or W.shape[1] != H.shape[0]:
        raise ValueError(
            f"W is {W.shape} and H is {H.shape}; they must be users × k and k × movies"
        )
    if seen.shape != (W.shape[0], H.shape[1]):
        raise ValueError(f"seen is {seen.shape}; W × H is {(W.shape[0], H.shape[1])}")
    if n < 1:
        raise ValueError(f"n is {n}; it must be at least 1")
    W, H = np.asarray(W, dtype=np.float32), np.asarray(H, dtype=np.float32)
    check_factors(W, H)
    return W, MovieBlocks.of(H, masks)


def _rank(
    W: NDArray[np.float32],
    layout: MovieBlocks,
    kinds: NDArray[np.int32],
    indptr: NDArray[np.integer],
    indices: NDArray[np.integer],
    n: int,
    variety: Variety | None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    from python_jobs.compiled import FOR_KERNELS, over_users
    from python_jobs.ranking.top_n_kernel import rank_users

    if variety:
        found = _rank(W, layout, kinds, indptr, indices, max(n, CANDIDATES), None)
        history = indptr.astype(np.int64), np.require(indices, np.int32, FOR_KERNELS)
        return variety.reordered(*found, *history, n)
    movies = np.full((W.shape[0], n), -1, np.int32)
    scores = np.full((W.shape[0], n), -np.inf, np.float32)
    factors = np.require(W, np.float32, FOR_KERNELS)
    theirs = np.require(kinds, np.int32, FOR_KERNELS)
    starts = np.require(indptr, np.int64, FOR_KERNELS)
    seen = np.require(indices, np.int32, FOR_KERNELS)

    def rank(span: slice) -> None:
        rank_users(
            factors[span],
            layout.blocks,
            layout.highest,
            layout.lowest,
            layout.order,
            layout.position,
            layout.allowed,
            theirs[span],
            starts[span.start : span.stop + 1],
            seen,
            movies[span],
            scores[span],
        )

    over_users(rank, W.shape[0])
    return movies, scores
