"""The compiled loops behind transitions: sums over every cut of every history, in two passes.

A history of m movies has m - 1 cuts with something on both sides. Sums over all of them run as
recursions along the history: what a step of age a counts is ``fast ** a + slow_share * slow ** a``,
and what comes h steps after the next one ``ahead ** h``, so that one more step is one more
multiplication. No sum ever needs a movies × movies matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import compiled

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]


@compiled(
    "void(i8[::1], i4[::1], f4[::1], f4[:, ::1], f4, f4, f4, f4, f4[:, ::1], f4[:, ::1], "
    "f4[:, ::1])"
)
def sum_pasts(
    starts: Offsets, movies: Ints, strengths: Floats, P: Floats,
    fast: np.float32, slow: np.float32, slow_share: np.float32, ahead: np.float32,
    reached: Floats, gram: Floats, states: Floats,
) -> None:  # fmt: skip
    """Add up ``Y'XP`` and ``X'XP``, with a row of X and of Y for each cut.

    Parameters
    ----------
    starts, movies, strengths
        Histories, each from its first movie to its last.
    P
        Movies × k.
    fast, slow, slow_share, ahead
        The decays, see the module.
    reached, gram
        Movies × k: ``Y'XP`` and ``X'XP`` are added to them.
    states
        Room for the encoded pasts of one history, at least its length × k.
    """
    k = P.shape[1]
    quick, long, summed = np.empty(k, np.float32), np.empty(k, np.float32), np.empty(k, np.float32)
    for u in range(starts.size - 1):
        first, m = starts[u], starts[u + 1] - starts[u]
        quick[:] = 0
        long[:] = 0
        summed[:] = 0
        for j in range(1, m):
            strength, row = strengths[first + j - 1], P[movies[first + j - 1]]
            state = states[j]
            for c in range(k):
                step = strength * row[c]
                quick[c] = fast * quick[c] + step
                long[c] = slow * long[c] + step
                state[c] = quick[c] + slow_share * long[c]
            strength, row = strengths[first + j], reached[movies[first + j]]
            for c in range(k):
                summed[c] = ahead * summed[c] + state[c]
                row[c] += strength * summed[c]
        quick[:] = 0
        long[:] = 0
        for j in range(m - 1, 0, -1):
            state = states[j]
            strength, row = strengths[first + j - 1], gram[movies[first + j - 1]]
            for c in range(k):
                quick[c] = fast * quick[c] + state[c]
                long[c] = slow * long[c] + state[c]
                row[c] += strength * (quick[c] + slow_share * long[c])


@compiled("void(i8[::1], i4[::1], f4[::1], f4[:, ::1], f4, f4, f4, f4, f4[:, ::1])")
def sum_nexts(
    starts: Offsets, movies: Ints, strengths: Floats, Q: Floats,
    fast: np.float32, slow: np.float32, slow_share: np.float32, ahead: np.float32,
    left: Floats,
) -> None:  # fmt: skip
    """Add up ``X'YQ``; Q and ``left`` are movies × k, the rest is as in :func:`sum_pasts`."""
    k = Q.shape[1]
    coming, quick = np.empty(k, np.float32), np.empty(k, np.float32)
    long = np.empty(k, np.float32)
    for u in range(starts.size - 1):
        first, m = starts[u], starts[u + 1] - starts[u]
        coming[:] = 0
        quick[:] = 0
        long[:] = 0
        for j in range(m - 1, 0, -1):
            strength, row = strengths[first + j], Q[movies[first + j]]
            for c in range(k):
                coming[c] = ahead * coming[c] + strength * row[c]
                quick[c] = fast * quick[c] + coming[c]
                long[c] = slow * long[c] + coming[c]
            strength, row = strengths[first + j - 1], left[movies[first + j - 1]]
            for c in range(k):
                row[c] += strength * (quick[c] + slow_share * long[c])


@compiled("UniTuple(f8, 2)(i8[::1], f4[::1], f8, f8, f8, f8)")
def sum_squares(
    starts: Offsets, strengths: Floats, fast: float, slow: float, slow_share: float, ahead: float
) -> tuple[float, float]:
    """Return the squared norms of X and of Y; a movie is in a history once."""
    pasts = nexts = 0.0
    for u in range(starts.size - 1):
        first, m = starts[u], starts[u + 1] - starts[u]
        quick = mixed = long = 0.0
        for j in range(1, m):
            square = np.float64(strengths[first + j - 1]) ** 2
            quick = fast * fast * quick + square
            mixed = fast * slow * mixed + square
            long = slow * slow * long + square
            pasts += quick + 2 * slow_share * mixed + slow_share * slow_share * long
        coming = 0.0
        for j in range(m - 1, 0, -1):
            coming = ahead * ahead * coming + np.float64(strengths[first + j]) ** 2
            nexts += coming
    return pasts, nexts


@compiled("void(f4[:, ::1], f8[:, ::1], f8[::1])")
def product_norms(W: Floats, gram: Doubles, norms: Doubles) -> None:
    """Set each row's norm of ``W H``, where ``gram`` is ``H H'``."""
    k = W.shape[1]
    product = np.empty(k, np.float64)
    for u in range(W.shape[0]):
        product[:] = 0
        for f in range(k):
            weight, row = np.float64(W[u, f]), gram[f]
            if weight != 0:
                for g in range(k):
                    product[g] += weight * row[g]
        squared = 0.0
        for f in range(k):
            squared += W[u, f] * product[f]
        norms[u] = np.sqrt(max(0.0, squared))
