"""The compiled loop behind ranking: scores, seen movies and the N best in one pass.

Scores are summed in float32, feature after feature, without fused multiply-adds or reordering, so
that a score has the same bits in every block, on every thread and in plain NumPy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
Flags = NDArray[np.uint8]

BLOCK = 512
"""Movies that are scored at a time: with their factors they fit the first-level cache."""
CHUNK = 64
"""Scores that are compared with a user's threshold at a time."""
NEVER = np.float32(-np.inf)


@compiled()
def combine(weights: Floats, rows: Floats, out: Floats) -> None:
    """Set out to weights @ rows[:, :out.size], added up row after row."""
    width = out.size
    features = weights.size
    out[:] = 0
    f = 0
    # Eight rows a pass, because the sums are loaded and stored once a pass.
    while f + 8 <= features:
        a, b, c, d = weights[f], weights[f + 1], weights[f + 2], weights[f + 3]
        e, g, h, i = weights[f + 4], weights[f + 5], weights[f + 6], weights[f + 7]
        ra, rb, rc, rd = rows[f], rows[f + 1], rows[f + 2], rows[f + 3]
        re, rg, rh, ri = rows[f + 4], rows[f + 5], rows[f + 6], rows[f + 7]
        for j in range(width):
            first = out[j] + a * ra[j] + b * rb[j] + c * rc[j] + d * rd[j]
            out[j] = first + e * re[j] + g * rg[j] + h * rh[j] + i * ri[j]
        f += 8
    while f < features:
        a, ra = weights[f], rows[f]
        for j in range(width):
            out[j] += a * ra[j]
        f += 1


@compiled()
def any_reaches(scores: Floats, threshold: np.float32) -> bool:
    """Tell whether a score is at or above the threshold."""
    reached = np.int32(0)
    for j in range(scores.size):
        # 32 bits wide like the scores, which is what lets the compiler compare eight at a time.
        reached = np.int32(reached + np.int32(scores[j] >= threshold))
    return bool(reached)


@compiled()
def insert(movies: Ints, scores: Floats, filled: int, movie: int, score: np.float32) -> int:
    """Put a movie in its place, by descending score and ascending movie; return the new length."""
    i = filled
    if filled == movies.size:
        i -= 1
    else:
        filled += 1
    while i > 0 and (scores[i - 1] < score or (scores[i - 1] == score and movies[i - 1] > movie)):
        scores[i], movies[i] = scores[i - 1], movies[i - 1]
        i -= 1
    scores[i], movies[i] = score, movie
    return filled


@compiled()
def bucket_seen(seen: Ints, position: Ints, starts: Offsets, bucketed: Ints) -> None:
    """Sort one user's seen movies by block, as places inside it: a counting sort.

    Afterwards those of block b are ``bucketed[starts[b] : starts[b + 1]]``. Movies that are not
    laid out, at place -1, make a block -1 before the first, which nothing reads.
    """
    starts[:] = 0
    for movie in seen:
        starts[position[movie] // BLOCK + 2] += 1
    for b in range(2, starts.size):
        starts[b] += starts[b - 1]
    for movie in seen:
        b = position[movie] // BLOCK
        bucketed[starts[b + 1]] = position[movie] - b * BLOCK
        starts[b + 1] += 1


@compiled()
def bound_blocks(weights: Floats, highest: Floats, lowest: Floats, bounds: Floats) -> None:
    """Bound a user's scores in every block from above.

    Rounding is monotonic, and the bound is summed in the order of the scores: it holds for them to
    the last bit.
    """
    bounds[:] = 0
    for f in range(weights.size):
        extreme = highest[f] if weights[f] >= 0 else lowest[f]
        for b in range(bounds.size):
            bounds[b] += weights[f] * extreme[b]


@compiled()
def keep_best(block: Floats, names: Ints, movies: Ints, scores: Floats, filled: int) -> int:
    """Put the block's scores that are good enough on a user's list; return its new length."""
    last = movies.size - 1
    threshold = scores[last]  # NEVER until the list is full
    for start in range(0, names.size, CHUNK):
        stop = min(names.size, start + CHUNK)
        if not any_reaches(block[start:stop], threshold):
            continue
        for j in range(start, stop):
            score = block[j]
            if score > threshold or (
                score == threshold and score > NEVER and names[j] < movies[last]
            ):
                filled = insert(movies, scores, filled, names[j], score)
                threshold = scores[last]
    return filled


@compiled()
def withhold(allowed: Flags, scores: Floats) -> None:
    """Take the scores that are not allowed out of the running."""
    for j in range(scores.size):
        # 32 bits wide like the scores, which is what lets the compiler choose eight at a time.
        scores[j] = scores[j] if np.int32(allowed[j]) != 0 else NEVER


@compiled(
    "void(f4[:, ::1], f4[:, :, ::1], f4[:, ::1], f4[:, ::1], i4[::1], i4[::1], u1[:, ::1], "
    "i4[::1], i8[::1], i4[::1], i4[:, ::1], f4[:, ::1])"
)
def rank_users(
    W: Floats, blocks: Floats, highest: Floats, lowest: Floats, order: Ints, position: Ints,
    allowed: Flags, kinds: Ints, indptr: Offsets, indices: Ints, movies: Ints, scores: Floats,
) -> None:  # fmt: skip
    """Fill movies and scores with each user's best unseen movies, in one pass over the scores.

    The users share each block of movies while it is in the cache: a hundred or so at a time.

    Parameters
    ----------
    W
        User factors, users × k.
    blocks
        Movie factors, blocks × k × BLOCK, zeros after the last movie.
    highest, lowest
        Extremes of every block's factors, k × blocks.
    order, position
        Movie at each place of ``blocks``, and place of each movie, -1 where it has none.
    allowed, kinds
        Which places may be shown to which kind of user, and each user's kind; without kinds, all
        to everyone.
    indptr, indices
        Seen movies of every user, as in CSR.
    movies, scores
        Results, users × n, holding -1 and -inf on entry and, past the end of a list, after it.
    """
    users, n = movies.shape
    count = blocks.shape[0]
    offsets = indptr - indptr[0]
    buffer = np.empty(BLOCK, np.float32)
    filled = np.zeros(users, np.int64)
    bounds = np.empty((users, count), np.float32)
    starts = np.empty((users, count + 2), np.int64)
    bucketed = np.empty(offsets[users], np.int32)
    for u in range(users):
        seen = indices[indptr[u] : indptr[u + 1]]
        bucket_seen(seen, position, starts[u], bucketed[offsets[u] : offsets[u + 1]])
        bound_blocks(W[u], highest, lowest, bounds[u])
    for b in range(count):
        names = order[b * BLOCK : (b + 1) * BLOCK]
        for u in range(users):
            if bounds[u, b] < scores[u, n - 1]:
                continue
            combine(W[u], blocks[b], buffer)
            if allowed.shape[0] > 0:
                withhold(allowed[kinds[u], b * BLOCK : (b + 1) * BLOCK], buffer)
            for i in range(offsets[u] + starts[u, b], offsets[u] + starts[u, b + 1]):
                buffer[bucketed[i]] = NEVER
            filled[u] = keep_best(buffer, names, movies[u], scores[u], filled[u])
