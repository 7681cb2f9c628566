"""A user's factors under a model, by what the user has done by now; the same for every command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions.columns import Interactions
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.settings import Settings
from python_jobs.model.stacked import fold_in_users
from python_jobs.model.weighting import weigh
from python_jobs.ranking.explanations import Past
from python_jobs.tracking.registry import RegisteredModel

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class UserFactors:
    """Users as a model sees them by now; rows mean the same in all of it."""

    W: NDArray[np.float32]
    """Users × k."""
    folded_in: NDArray[np.bool_]
    """Whose row was folded in, and is not that of the fit."""
    matrix: csr_matrix
    """What they have interacted with, weighed as the model's settings say, users × the model's
    movies; interactions with other movies are left out."""
    past: Past | None = None
    """The same interactions as the model's transitions see them; None where it has none."""

    @classmethod
    def of_nobody(cls, model: RegisteredModel) -> UserFactors:
        """Return factors without users, for those whose history is empty."""
        from scipy.sparse import csr_matrix

        features, movies = model.record.H.shape
        nobody = np.empty((0, features), np.float32)
        return cls(nobody, np.empty(0, bool), csr_matrix(np.empty((0, movies), np.float32)))


def user_factors(
    interactions: Interactions, model: RegisteredModel, settings: Settings
) -> UserFactors:
    """Return the fit's row of W for users who are as they were then, and fold the others in.

    Parameters
    ----------
    interactions
        All that the users have done by now, at least one user, under the weight of the settings.
    model, settings
        The model, and the settings it was fitted with.

    Notes
    -----
    Models of the first release recorded fingerprints of another formula. None of them agrees with
    any of this one, so that everyone is folded in, which is right for users who have not changed
    too: their row of W is fitted anew to what it was fitted to.
    """
    weighed = weigh(interactions.matrix, interactions.last_interacted_at, settings)
    movie_ids = model.record.movie_ids
    matrix = aligned(weighed, interactions.movie_ids, movie_ids)
    user_ids = model.record.user_ids
    row = np.minimum(np.searchsorted(user_ids, interactions.user_ids), user_ids.size - 1)
    changed = np.ones(row.size, bool)
    if user_ids.size:  # all of them may have been forgotten
        changed = (user_ids[row] != interactions.user_ids) | (
            model.record.fingerprints[row] != interactions.fingerprints
        )
    P, past = model.record.P, None
    if P is not None:
        latest = latest_pasts(interactions.matrix, interactions.last_interacted_at, settings)
        past = Past(P, aligned(latest, interactions.movie_ids, movie_ids))
    W = np.zeros((row.size, model.record.H.shape[0]), np.float32)
    W[~changed] = model.record.W[row[~changed]]
    if changed.any():
        pasts = past.latest[changed] if past else None
        W[changed] = fold_in_users(matrix[changed], pasts, model.record.H, P, settings)
    return UserFactors(W, changed, matrix, past)


def aligned(
    matrix: csr_matrix, movie_ids: NDArray[np.uint64], wanted: NDArray[np.uint64]
) -> csr_matrix:
    """Return the matrix with other movies as columns; cells of movies not among them are left out.

    Parameters
    ----------
    matrix
        Users × movies, CSR with sorted indices.
    movie_ids, wanted
        Ascending ids of its columns, and of those of the result.
    """
    from scipy.sparse import csr_matrix

    if np.array_equal(movie_ids, wanted):
        return matrix
    column = np.searchsorted(wanted, movie_ids)
    cells = np.isin(movie_ids, wanted)[matrix.indices]
    ends = np.concatenate(([0], np.cumsum(cells)))[matrix.indptr]
    found = csr_matrix(
        (matrix.data[cells], column[matrix.indices[cells]].astype(np.int32), ends),
        shape=(matrix.shape[0], wanted.size),
    )
    found.has_sorted_indices = True
    return found
