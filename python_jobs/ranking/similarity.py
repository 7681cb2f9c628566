"""More like this: the movies that point the same way in factor space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from python_jobs.ranking.shown import Shown
from python_jobs.ranking.top_n import top_n_blocks


@dataclass(frozen=True)
class SimilarMovies:
    """Pairs of movies as columns of equal length, ordered by movie and rank."""

    movies: NDArray[np.int32]
    """Column of the movie in H, ascending."""
    similar: NDArray[np.int32]
    """Column of the movie that resembles it; never the movie itself."""
    ranks: NDArray[np.uint16]
    """1, 2, … without gaps in every movie's rows."""
    cosines: NDArray[np.float32]
    """Cosine of their factors, in (0, 1], descending within a movie."""


def similar_movies(
    H: NDArray[np.float32], n: int, shown: NDArray[np.bool_] | None = None
) -> SimilarMovies:
    """Find every movie's n nearest by cosine of the columns of H.

    It is the ranking of :mod:`python_jobs.ranking.top_n` with the columns of H at unit length in
    the place of the users, each of which has seen itself.

    Parameters
    ----------
    H
        Movie factors, k × movies, non-negative and finite.
    n
        Length of the longest list, at least 1.
    shown
        Which movies may be named; None for all. What resembles the others is told all the same:
        people have watched them.

    Returns
    -------
    SimilarMovies
        Fewer than n rows for a movie that shares a feature with fewer than n others: a cosine of 0
        is no likeness. None for a movie whose factors are all zero. Equal cosines have ascending
        movies.

    Raises
    ------
    ValueError
        If H is negative or not finite, n is below 1, or ranks would not fit 16 bits.
    """
    from scipy.sparse import identity

    if not (np.isfinite(H).all() and (H >= 0).all()):
        raise ValueError("H holds a value that is negative or not finite")
    norms = np.sqrt(np.einsum("km,km->m", H, H, dtype=np.float64))
    movies = np.flatnonzero(norms).astype(np.int32)
    directions = (H[:, movies] / norms[movies]).astype(np.float32)
    itself = identity(movies.size, np.float32, format="csr")
    named = None if shown is None else Shown.to_all(shown[movies], movies.size)
    rows = np.ascontiguousarray(directions.T)
    blocks = list(top_n_blocks(rows, directions, itself, n, shown=named))
    if not blocks:
        none = np.empty(0, np.int32)
        return SimilarMovies(none, none, none.astype(np.uint16), none.astype(np.float32))
    left, right, ranks, cosines = (
        np.concatenate([getattr(block, column) for block in blocks])
        for column in ("users", "movies", "ranks", "scores")
    )
    alike = cosines > 0
    return SimilarMovies(
        movies=movies[left[alike]],
        similar=movies[right[alike]],
        ranks=ranks[alike],
        # Rounding can carry the cosine of two parallel columns just past 1.
        cosines=np.minimum(cosines[alike], np.float32(1)),
    )
