"""The compiled loops that put cells into rows and columns, in whatever order they come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import compiled

Ids = NDArray[np.uint64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Scores = NDArray[np.float32]


@compiled(
    "i8(Array(u8, 1, 'C', readonly=True), Array(u8, 1, 'C', readonly=True), "
    "Array(i4, 1, 'C', readonly=True), i4[::1])"
)
def find(movies: Ids, movie_ids: Ids, table: Ints, positions: Ints) -> int:
    """Fill in where each movie is among the ascending ids; return how many were found.

    It stops at the first that is none of them. ``table`` has the position of every id, -1 where
    there is none; where it is empty, ids are searched for.
    """
    # Compared with a signed number, an id would become a float, which has no room for all of them.
    ids = np.uint64(table.size)
    for cell in range(movies.size):
        movie = movies[cell]
        position = -1
        if movie < ids:
            position = table[movie]
        elif ids == 0:
            at = np.searchsorted(movie_ids, movie)
            if at < movie_ids.size and movie_ids[at] == movie:
                position = at
        if position < 0:
            return cell
        positions[cell] = position
    return movies.size


@compiled(
    "i8(Array(u8, 1, 'C', readonly=True), Array(i4, 1, 'C', readonly=True), "
    "Array(i8, 1, 'C', readonly=True), Array(u8, 1, 'C', readonly=True), "
    "Array(f4, 2, 'C', readonly=True), Array(u8, 1, 'C', readonly=True), "
    "i8[::1], i8[::1], i4[::1], i8[::1], f4[:, ::1], u8[::1])"
)
def place(
    users: Ids, positions: Ints, interacted_at: Longs, hashes: Ids, scores: Scores, user_ids: Ids,
    free: Longs, ends: Longs,
    indices: Ints, times: Longs, values: Scores, fingerprints: Ids,
) -> int:  # fmt: skip
    """Put each cell at the next free place of its user's row; return how many were put.

    It stops at the first whose user is none of ``user_ids``, ascending, or has no place left.
    ``scores`` and ``values`` are weights × cells; ``free`` is moved on, and ``hashes`` are added up
    in ``fingerprints``.
    """
    row = 0
    for cell in range(users.size):
        user = users[cell]
        if cell == 0 or user != users[cell - 1]:
            row = np.searchsorted(user_ids, user)
            if row == user_ids.size or user_ids[row] != user:
                return cell
        target = free[row]
        if target == ends[row]:
            return cell
        free[row] = target + 1
        indices[target] = positions[cell]
        times[target] = interacted_at[cell]
        for weight in range(scores.shape[0]):
            values[weight, target] = scores[weight, cell]
        fingerprints[row] += hashes[cell]
    return users.size


@compiled("void(i8, i8, Array(i8, 1, 'C', readonly=True), i4[::1], i8[::1], f4[:, ::1])")
def sort_rows(
    first: int, last: int, indptr: Longs, indices: Ints, times: Longs, values: Scores
) -> None:
    """Sort the cells of rows ``first`` to ``last`` by column.

    They come in a few sorted runs, of one part of the table each, and neighbouring runs are merged
    until one is left. ``values`` is weights × cells.
    """
    longest = 0
    for row in range(first, last):
        longest = max(longest, indptr[row + 1] - indptr[row])
    keys, spare = np.empty(longest, np.int64), np.empty(longest, np.int64)
    floats = np.empty(longest, np.float32)
    for row in range(first, last):
        start, size = indptr[row], indptr[row + 1] - indptr[row]
        for i in range(size):
            # Where it was, in the lower half.
            keys[i] = (np.int64(indices[start + i]) << 32) | i
        runs = 0
        while runs != 1:
            runs = begin = 0
            while begin < size:
                middle = begin + 1
                while middle < size and keys[middle - 1] < keys[middle]:
                    middle += 1
                end = min(middle + 1, size)
                while end < size and keys[end - 1] < keys[end]:
                    end += 1
                left, right = begin, middle
                for i in range(begin, end):
                    if right == end or (left < middle and keys[left] < keys[right]):
                        spare[i] = keys[left]
                        left += 1
                    else:
                        spare[i] = keys[right]
                        right += 1
                runs += 1
                begin = end
            keys, spare = spare, keys
        for i in range(size):
            indices[start + i] = keys[i] >> 32
            keys[i] &= 0xFFFFFFFF
            spare[i] = times[start + keys[i]]
        times[start : start + size] = spare[:size]
        for weight in range(values.shape[0]):
            for i in range(size):
                floats[i] = values[weight, start + keys[i]]
            values[weight, start : start + size] = floats[:size]
