"""The compiled loop behind explanations: the largest contributions to each recommendation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import compiled

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]

CHUNK = 256
"""Movies of a history that are weighed at a time, so that a long one stays in the cache."""
RANKS = 32
"""Recommendations whose contributions are held at a time, so that a long list needs no more."""
MOST_NAMED = 3
"""Recommendations of a list that name the same movie before others are looked for."""
ENOUGH = np.float32(0.5)
"""Share of the largest contribution that another movie must have to be named in its place."""


@compiled()
def inverse_totals(
    sources: Floats, seen: Ints, strengths: Floats, own: int, past: Floats
) -> Doubles:
    """Return one over what a history has of each feature; 0 for a feature that it has not."""
    features = sources.shape[1]
    totals = np.zeros(features, np.float64)
    for i in range(seen.size):
        for f in range(own):
            totals[f] += np.float64(strengths[i]) * sources[seen[i], f]
        for f in range(own, features):
            totals[f] += np.float64(past[i]) * sources[seen[i], f]
    for f in range(features):
        if totals[f] > 0:
            totals[f] = 1 / totals[f]
    return totals


@compiled()
def contribute(
    weights: Floats, movie_factors: Floats, sources: Floats, seen: Ints, strengths: Floats,
    own: int, past: Floats, inverse: Doubles, recommended: Ints, contributions: Floats,
    largest: Ints,
) -> None:  # fmt: skip
    """Fill in what each movie of a history contributes to each recommendation.

    ``largest`` gets the place in the history of the largest contribution, -1 where all are 0.
    """
    features = weights.size
    best = np.zeros(recommended.size, np.float32)
    shares = np.zeros((features + 1, CHUNK), np.float32)
    largest[:] = -1
    for start in range(0, seen.size, CHUNK):
        width = min(CHUNK, seen.size - start)
        for i in range(width):
            strength = np.float64(strengths[start + i])
            for f in range(own):
                shares[f, i] = strength * sources[seen[start + i], f] * inverse[f]
            strength = np.float64(past[start + i])
            for f in range(own, features):
                shares[f, i] = strength * sources[seen[start + i], f] * inverse[f]
        for r in range(recommended.size):
            row = contributions[r, start : start + width]
            carried = weights[0] * movie_factors[recommended[r], 0]
            for i in range(width):
                row[i] = carried * shares[0, i]
            # Two features a pass, because the sums are loaded and stored once a pass.
            for f in range(1, features, 2):
                carried = weights[f] * movie_factors[recommended[r], f]
                carried_too = np.float32(0)
                if f + 1 < features:
                    carried_too = weights[f + 1] * movie_factors[recommended[r], f + 1]
                for i in range(width):
                    row[i] += carried * shares[f, i] + carried_too * shares[f + 1, i]
            top, place = best[r], largest[r]
            for i in range(width):
                # Rarely so, which is why the comparison that nearly always fails is by itself.
                if row[i] >= top:
                    movie = seen[start + i]
                    if row[i] > top or (place >= 0 and movie < seen[place]):
                        top, place = row[i], start + i
            best[r], largest[r] = top, place


@compiled()
def largest_but(contributions: Floats, seen: Ints, named: Ints, at_least: np.float32) -> int:
    """Return the place of the largest contribution of a movie that was not named too often.

    It is -1 where none of them is as large as asked for.
    """
    found, best = -1, at_least
    for i in range(seen.size):
        if (
            contributions[i] >= best
            and named[i] < MOST_NAMED
            and (found < 0 or contributions[i] > best or seen[i] < seen[found])
        ):
            found, best = i, contributions[i]
    return found


@compiled()
def explain_user(
    weights: Floats, movie_factors: Floats, sources: Floats, seen: Ints, strengths: Floats,
    own: int, past: Floats, recommended: Ints, because: Ints, strongest: Ints,
) -> None:  # fmt: skip
    """Explain one user's list, whose order is that of its ranks.

    The movie factors are movies × k; ``python_jobs.ranking.explanations`` defines a contribution,
    and which movie is named.
    """
    inverse = inverse_totals(sources, seen, strengths, own, past)
    contributions = np.empty((min(RANKS, recommended.size), seen.size), np.float32)
    largest = np.empty(RANKS, np.int32)
    named = np.zeros(seen.size, np.int32)
    for first in range(0, recommended.size, RANKS):
        count = min(RANKS, recommended.size - first)
        contribute(
            weights, movie_factors, sources, seen, strengths, own, past, inverse,
            recommended[first : first + count], contributions, largest[:count],
        )  # fmt: skip
        for r in range(count):
            place = largest[r]
            if place < 0:
                continue
            strongest[first + r] = seen[place]
            if named[place] >= MOST_NAMED:
                at_least = ENOUGH * contributions[r, place]
                other = largest_but(contributions[r], seen, named, at_least)
                if other >= 0:
                    place = other
            named[place] += 1
            because[first + r] = seen[place]


@compiled(
    "void(f4[:, ::1], f4[:, ::1], f4[:, ::1], i8[::1], i4[::1], f4[::1], i8, f4[::1], i8[::1], "
    "i4[::1], i4[::1], i4[::1])"
)
def explain_users(
    W: Floats, movie_factors: Floats, sources: Floats, indptr: Offsets, indices: Ints,
    data: Floats, own: int, past: Floats, row_starts: Offsets, recommended: Ints, because: Ints,
    strongest: Ints,
) -> None:  # fmt: skip
    """Explain every recommendation; ``because`` and ``strongest`` hold -1 on entry.

    User u's recommendations are at ``row_starts[u] : row_starts[u + 1]``. What a movie of the
    history brings to a feature is its row of ``sources``, movies × k, times ``data`` for the first
    ``own`` features and times ``past`` for the others.
    """
    for u in range(W.shape[0]):
        a, z = indptr[u], indptr[u + 1]
        rows = slice(row_starts[u], row_starts[u + 1])
        explain_user(
            W[u], movie_factors, sources, indices[a:z], data[a:z], own, past[a:z],
            recommended[rows], because[rows], strongest[rows],
        )  # fmt: skip
