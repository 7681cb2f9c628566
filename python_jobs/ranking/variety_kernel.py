"""The compiled loop behind variety: lists put in an order that follows the genres of histories.

Taken one place at a time, as Steck (2018) does: of the candidates left, the one with the greatest
``(1 - share) × score / best score - share × KL(history, list with it)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import compiled


@compiled(
    "void(int32[:, ::1], float32[:, ::1], int64[::1], int32[::1], int64[::1], int32[::1], "
    "int64, float64, float64, int32[:, ::1], float32[:, ::1])"
)
def reorder_users(
    candidates: NDArray[np.int32],
    scores: NDArray[np.float32],
    starts: NDArray[np.int64],
    seen: NDArray[np.int32],
    genre_starts: NDArray[np.int64],
    genres: NDArray[np.int32],
    kinds: int,
    share: float,
    smoothing: float,
    movies: NDArray[np.int32],
    movie_scores: NDArray[np.float32],
) -> None:
    """Fill ``movies`` and their scores with the best of the candidates, in their new order.

    Parameters
    ----------
    candidates, scores
        The best unseen movies of each user and their scores, users × candidates, best first; -1
        past the end.
    starts, seen
        CSR of the users' histories: ``seen[starts[u] : starts[u + 1]]``.
    genre_starts, genres
        CSR of the movies' genres.
    kinds
        Number of genres.
    share
        What genres count, 0 to 1; scores count the rest.
    smoothing
        Share of the history in the mix of a list, above 0.
    movies, movie_scores
        Users × n; filled, -1 and -inf past the end of a list.
    """
    wanted = np.empty(kinds, np.float64)
    listed = np.empty(kinds, np.float64)
    for user in range(candidates.shape[0]):
        wanted[:] = 0
        listed[:] = 0
        total = 0.0
        for at in range(starts[user], starts[user + 1]):
            first, last = genre_starts[seen[at]], genre_starts[seen[at] + 1]
            for g in range(first, last):
                wanted[genres[g]] += 1.0 / (last - first)
            total += first < last
        found = 0
        while found < candidates.shape[1] and candidates[user, found] >= 0:
            found += 1
        best = scores[user, 0] if found else np.float32(0)
        # Nothing to follow, or nothing to weigh it against: the order stays.
        weight = share if total > 0 and best > 0 else 0.0
        if total > 0:
            wanted /= total
        taken = np.zeros(found, np.bool_)
        with_genres = 0
        for place in range(min(found, movies.shape[1])):
            # The divergence of a list that gains a movie without genres, and of one whose movie has
            # genres of which the history has none; what else a movie has is taken off that.
            as_it_is = 0.0
            grown = 0.0
            if weight > 0:
                for g in range(kinds):
                    p = wanted[g]
                    if p > 0:
                        q = listed[g] / with_genres if with_genres else 0.0
                        as_it_is -= p * np.log((1 - smoothing) * q / p + smoothing)
                        q = listed[g] / (with_genres + 1)
                        grown -= p * np.log((1 - smoothing) * q / p + smoothing)
            chosen = -1
            highest = -np.inf
            for j in range(found):
                if taken[j]:
                    continue
                value = -float(j)
                if weight > 0:
                    first = genre_starts[candidates[user, j]]
                    last = genre_starts[candidates[user, j] + 1]
                    divergence = as_it_is if first == last else grown
                    for at in range(first, last):
                        g = genres[at]
                        p = wanted[g]
                        if p > 0:
                            q = listed[g] / (with_genres + 1)
                            more = (listed[g] + 1.0 / (last - first)) / (with_genres + 1)
                            divergence += p * np.log(
                                ((1 - smoothing) * q / p + smoothing)
                                / ((1 - smoothing) * more / p + smoothing)
                            )
                    value = (1 - weight) * scores[user, j] / best - weight * divergence
                if value > highest:
                    chosen, highest = j, value
            taken[chosen] = True
            movies[user, place] = candidates[user, chosen]
            movie_scores[user, place] = scores[user, chosen]
            first = genre_starts[candidates[user, chosen]]
            last = genre_starts[candidates[user, chosen] + 1]
            for at in range(first, last):
                listed[genres[at]] += 1.0 / (last - first)
            with_genres += first < last
