"""Which genres each movie has, for what is said about lists and for how varied they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.warehouse.connection import Warehouse


SMOOTHING = 0.01
"""Share of the history in the mix of a list: otherwise a genre missing from it made the divergence
of both infinite."""


def read_genres(warehouse: Warehouse, movie_ids: NDArray[np.uint64]) -> csr_matrix:
    """Return 1 where a movie has a genre, movies × genres, in the order of the ids.

    A movie of which nothing is known, or which has no genres, has an empty row.
    """
    from scipy.sparse import csr_matrix

    found = warehouse.client.query(
        f"select movie_id, arrayJoin(arrayDistinct(genres)) as genre from {warehouse.movies} "
        "order by movie_id, genre",
        column_oriented=True,
    ).result_set
    movies, names = found or ([], [])
    ids = np.asarray(movies, np.uint64)
    known = np.isin(ids, movie_ids)
    kinds, kind = np.unique(np.asarray(names, str), return_inverse=True)
    cells = (np.searchsorted(movie_ids, ids[known]), kind[known])
    ones = np.ones(int(known.sum()), np.float32)
    return csr_matrix((ones, cells), shape=(movie_ids.size, max(1, kinds.size)))
