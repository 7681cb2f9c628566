"""Variety: lists that have the genres of a user's history in the history's own shares.

Of each user's best movies by score a list takes those that keep it both high in score and close to
the mix of the history. Steck, "Calibrated recommendations" (RecSys 2018), with
scores divided by the user's best, so that the share means the same for every user and model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import over_users
from python_jobs.interactions.genres import SMOOTHING
from python_jobs.ranking.top_n import CANDIDATES

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Variety:
    """How far lists follow the genres of histories."""

    genres: csr_matrix
    """A value where a movie has a genre, movies × genres."""
    share: float
    """What genres count, above 0 to 1; scores count the rest."""

    @classmethod
    def of(cls, share: float, genres: csr_matrix | None) -> Variety | None:
        """Return what a share stands for; None where it is 0, and lists go by score alone.

        Raises
        ------
        ValueError
            If there is a share, and no genres are given.
        """
        if not share:
            return None
        if genres is None:
            raise ValueError("lists of some diversity need the movies' genres")
        return cls(genres, share)

    def reordered(
        self,
        movies: NDArray[np.int32],
        scores: NDArray[np.float32],
        starts: NDArray[np.int64],
        seen: NDArray[np.int32],
        n: int,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return lists of n out of longer ones, each movie with the score that it had.

        Parameters
        ----------
        movies, scores
            Best first, users × at least n; movies are -1 past the end.
        starts, seen
            CSR of the users' histories.
        n
            Length of the lists, at least 1.
        """
        from python_jobs.ranking.variety_kernel import reorder_users

        users, found = movies.shape
        pool = min(CANDIDATES, found)
        first = min(n, pool)
        best = np.full((users, n), -1, np.int32)
        values = np.full((users, n), -np.inf, np.float32)
        genre_starts = self.genres.indptr.astype(np.int64)
        kinds = self.genres.indices.astype(np.int32)

        def reorder(span: slice) -> None:
            picked = np.full((span.stop - span.start, first), -1, np.int32)
            theirs = np.full(picked.shape, -np.inf, np.float32)
            reorder_users(
                np.ascontiguousarray(movies[span, :pool]),
                np.ascontiguousarray(scores[span, :pool]),
                starts[span.start : span.stop + 1],
                seen,
                genre_starts,
                kinds,
                self.genres.shape[1],
                self.share,
                SMOOTHING,
                picked,
                theirs,
            )
            best[span, :first], values[span, :first] = picked, theirs

        over_users(reorder, users)
        best[:, first:], values[:, first:] = movies[:, first:n], scores[:, first:n]
        return best, values
