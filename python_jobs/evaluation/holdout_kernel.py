"""The compiled loops behind a holdout: each user's cells with the greatest keys, and the others."""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from python_jobs.compiled import FLOATS, INTS, LONGS, compiled

Offsets = NDArray[np.int64]
Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


@compiled()
def nth(keys: Offsets, count: int, n: int) -> np.int64:
    """Return the n-th least of the first so many keys, from 0; they are reordered. Quickselect."""
    low, high = 0, count - 1
    while low < high:
        pivot = keys[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += 1
                j -= 1
        if n <= j:
            high = j
        elif n >= i:
            low = i
        else:
            break
    return np.int64(keys[n])


@compiled(
    types.void(
        *(LONGS, LONGS, LONGS, LONGS, LONGS, INTS, FLOATS),
        *(types.int32[::1], types.float32[::1], types.int32[::1], types.float32[::1]),
    )
)
def split_users(
    indptr: Offsets, train_indptr: Offsets, test_indptr: Offsets, all_keys: Offsets,
    held_out: Offsets, indices: Ints, data: Floats,
    train_indices: Ints, train_data: Floats, test_indices: Ints, test_data: Floats,
) -> None:  # fmt: skip
    """Fill the two parts of some users' cells; the three ``indptr`` and ``held_out`` are theirs.

    Of equal keys the later cells are held out.
    """
    longest = 0
    for u in range(held_out.size):
        longest = max(longest, indptr[u + 1] - indptr[u])
    keys = np.empty(longest, np.int64)
    for u in range(held_out.size):
        first, after = indptr[u], indptr[u + 1]
        kept = after - first - held_out[u]
        # Keys below the bound are kept, and as many of those that equal it as there is room for.
        bound, room = np.int64(0), after - first
        if held_out[u]:
            keys[: after - first] = all_keys[first:after]
            bound = nth(keys, after - first, kept)
            room = kept
            for c in range(first, after):
                room -= all_keys[c] < bound
        a, b = train_indptr[u], test_indptr[u]
        for c in range(first, after):
            key = all_keys[c]
            equal = key == bound
            if not held_out[u] or key < bound or (equal and room > 0):
                room -= equal
                train_indices[a], train_data[a] = indices[c], data[c]
                a += 1
            else:
                test_indices[b], test_data[b] = indices[c], data[c]
                b += 1


@compiled(types.void(LONGS, LONGS, INTS, INTS, LONGS, types.int64[::1]))
def keep_times(
    train_indptr: Offsets, test_indptr: Offsets, train_indices: Ints, test_indices: Ints,
    all_times: Offsets, train_times: Offsets,
) -> None:  # fmt: skip
    """Fill in the times of the training cells of some users, whose rows the ``indptr`` are.

    A user's cells were sorted by movie before the split, and are in both parts.
    """
    for u in range(train_indptr.size - 1):
        b, last = test_indptr[u], test_indptr[u + 1]
        for a in range(train_indptr[u], train_indptr[u + 1]):
            while b < last and test_indices[b] < train_indices[a]:
                b += 1
            train_times[a] = all_times[a + b]
