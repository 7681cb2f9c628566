"""The compiled loop behind explanations: the largest contribution to each recommendation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]

CHUNK = 256
"""Movies of a history that are weighed at a time, so that a long one stays in the cache."""


@compiled()
def explain_user(
    weights: Floats, movie_factors: Floats, seen: Ints, strengths: Floats,
    recommended: Ints, because: Ints,
) -> None:  # fmt: skip
    """Find the largest contribution to each of one user's recommendations.

    The movie factors are movies × k; ``python_jobs.explanations`` defines a contribution.
    """
    features = weights.size
    totals = np.zeros(features, np.float64)
    for i in range(seen.size):
        for f in range(features):
            totals[f] += np.float64(strengths[i]) * movie_factors[seen[i], f]
    inverse = np.zeros(features, np.float64)
    for f in range(features):
        if totals[f] > 0:
            inverse[f] = 1 / totals[f]
    best = np.zeros(recommended.size, np.float32)
    shares = np.empty((features, CHUNK), np.float32)
    contributions = np.empty(CHUNK, np.float32)
    for start in range(0, seen.size, CHUNK):
        width = min(CHUNK, seen.size - start)
        for i in range(width):
            strength = np.float64(strengths[start + i])
            for f in range(features):
                shares[f, i] = strength * movie_factors[seen[start + i], f] * inverse[f]
        for r in range(recommended.size):
            contributions[:width] = 0
            for f in range(features):
                carried = weights[f] * movie_factors[recommended[r], f]
                for i in range(width):
                    contributions[i] += carried * shares[f, i]
            for i in range(width):
                movie = seen[start + i]
                if contributions[i] > best[r] or (
                    contributions[i] == best[r] and movie < because[r]
                ):
                    best[r], because[r] = contributions[i], movie


@compiled("void(f4[:, ::1], f4[:, ::1], i8[::1], i4[::1], f4[::1], i8[::1], i4[::1], i4[::1])")
def explain_users(
    W: Floats, movie_factors: Floats, indptr: Offsets, indices: Ints, data: Floats,
    row_starts: Offsets, recommended: Ints, because: Ints,
) -> None:  # fmt: skip
    """Explain every recommendation; ``because`` holds -1 on entry.

    User u's recommendations are at ``row_starts[u] : row_starts[u + 1]``.
    """
    for u in range(W.shape[0]):
        a, z = indptr[u], indptr[u + 1]
        rows = slice(row_starts[u], row_starts[u + 1])
        explain_user(W[u], movie_factors, indices[a:z], data[a:z], recommended[rows], because[rows])
