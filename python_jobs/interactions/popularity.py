"""How popular a movie is: the share of the users in the mart who interacted with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.warehouse.connection import Warehouse


CELLS_AT_A_TIME = 1 << 20
"""Interactions that are counted at a time."""


def counts_of(matrix: csr_matrix) -> NDArray[np.int64]:
    """Return how many users interacted with each movie; a stored value counts, whatever it is.

    Parameters
    ----------
    matrix
        Users × movies.
    """
    counts = np.zeros(matrix.shape[1], np.int64)
    # NumPy copies what it counts into 64 bits: a copy of everything costs more than the counting.
    for start in range(0, matrix.indices.size, CELLS_AT_A_TIME):
        some = matrix.indices[start : start + CELLS_AT_A_TIME]
        counts += np.bincount(some, minlength=counts.size)
    return counts


def popularity_of(matrix: csr_matrix) -> NDArray[np.float32]:
    """Return the share of the users who interacted with each movie (0–1).

    Parameters
    ----------
    matrix
        Everyone in the mart × movies.
    """
    return shares(counts_of(matrix), matrix.shape[0])


def popularity_in(warehouse: Warehouse, movie_ids: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Return the same of the mart as it is, for some movies, without reading it into a matrix."""
    mart = warehouse.mart
    result = warehouse.client.query(
        f"select movie_id, count(), (select uniqExact(user_id) from {mart}) from {mart} "
        "group by movie_id"
    )
    counts = {movie: count for movie, count, _ in result.result_rows}
    users = result.result_rows[0][2] if counts else 1
    return shares(np.array([counts.get(movie, 0) for movie in movie_ids.tolist()]), users)


def shares(counts: NDArray[np.int64], users: int) -> NDArray[np.float32]:
    """Return the same of counts of users."""
    return (counts / users).astype(np.float32)
