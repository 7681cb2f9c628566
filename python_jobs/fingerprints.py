"""Who has changed: one number per user that depends on everything the user has done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions import Interactions

USERS_PER_BLOCK = 8_192
"""Users whose cells are mixed at a time, so that memory does not grow with the matrix."""


def user_fingerprints(interactions: Interactions) -> NDArray[np.uint64]:
    """Return a number per user that is the same while the user's movies and scores are.

    It is the sum, modulo 2^64, of a hash of each movie id and score, so that it depends on neither
    the other users nor on which other movies there are. The hash is the finaliser of splitmix64:
    Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).

    Returns
    -------
    (users,) uint64
        In the order of ``interactions.user_ids``.
    """
    matrix = interactions.matrix
    fingerprints = np.empty(matrix.shape[0], np.uint64)
    for first in range(0, matrix.shape[0], USERS_PER_BLOCK):
        starts = matrix.indptr[first : first + USERS_PER_BLOCK + 1].astype(np.int64)
        cells = slice(starts[0], starts[-1])
        movies = interactions.movie_ids[matrix.indices[cells]]
        scores = matrix.data[cells].view(np.uint32).astype(np.uint64)
        # Every user of the mart has a cell, so that no sum is empty.
        sums = np.add.reduceat(_mixed(_mixed(movies) + scores), starts[:-1] - starts[0])
        fingerprints[first : first + sums.size] = sums
    return fingerprints


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
