"""The compiled loops behind folding in: coordinate descent for one user after the other."""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from python_jobs.compiled import FLOATS, INTS, LONGS, compiled

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]


@compiled(types.void(LONGS, INTS, FLOATS, types.float64[:, ::1], types.float64[:, ::1]))
def add_up_targets(
    indptr: Offsets, indices: Ints, data: Floats, movies: Doubles, targets: Doubles
) -> None:
    """Add the product of some users' cells and movie factors, movies × k, to targets, users × k."""
    for u in range(targets.shape[0]):
        for c in range(indptr[u], indptr[u + 1]):
            score, movie = np.float64(data[c]), indices[c]
            for f in range(targets.shape[1]):
                targets[u, f] += score * movies[movie, f]


@compiled("void(f8[:, ::1], f8[:, ::1], f8[:, ::1], i8, f8)")
def fold_in_users(
    W: Doubles, gram: Doubles, targets: Doubles, max_iter: int, tolerance: float
) -> None:
    """Solve ``min ½ w·gram·w - target·w`` with ``w ≥ 0`` for every row; W holds zeros on entry.

    Each row stops by itself, when its projected gradient has fallen to a share of the first one:
    scikit-learn's solver stops all rows at once, so that a row depends on which others there are.
    """
    features = W.shape[1]
    for u in range(W.shape[0]):
        first = 0.0
        for iteration in range(max_iter):
            violation = 0.0
            for f in range(features):
                gradient = -targets[u, f]
                for g in range(features):
                    gradient += gram[f, g] * W[u, g]
                violation += abs(gradient) if W[u, f] > 0 else max(0.0, -gradient)
                if gram[f, f] > 0:
                    W[u, f] = max(0.0, W[u, f] - gradient / gram[f, f])
            if iteration == 0:
                first = violation
            if violation <= tolerance * first:
                break
