"""The compiled loop behind the errors: sums over the cells that a user has stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import compiled

SQUARED_ERROR, ABSOLUTE_ERROR, SQUARED_PREDICTION, PREDICTION = range(4)
"""Columns of the sums."""


@compiled("void(f8[:, ::1], f8[:, ::1], i8[::1], i4[::1], f4[::1], f8[:, ::1])")
def sum_users(
    W: NDArray[np.float64], movie_factors: NDArray[np.float64], indptr: NDArray[np.int64],
    indices: NDArray[np.int32], data: NDArray[np.float32], sums: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add up each user's errors and predictions over the stored cells.

    The user factors are users × k and the movie factors movies × k; ``sums`` is users × 4 and
    holds zeros on entry.
    """
    for u in range(W.shape[0]):
        for c in range(indptr[u], indptr[u + 1]):
            movie = indices[c]
            predicted = 0.0
            for f in range(W.shape[1]):
                predicted += W[u, f] * movie_factors[movie, f]
            error = np.float64(data[c]) - predicted
            sums[u, SQUARED_ERROR] += error * error
            sums[u, ABSOLUTE_ERROR] += abs(error)
            sums[u, SQUARED_PREDICTION] += predicted * predicted
            sums[u, PREDICTION] += predicted
