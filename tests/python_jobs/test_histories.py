"""The order of users' histories, beside each user's own sort."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from python_jobs.interactions.histories import CELLS_PER_BLOCK, places


def test_places_are_those_of_a_stable_sort_of_each_user_in_any_block() -> None:
    random = np.random.default_rng(5)
    # Users with nothing at both ends and between, and one who fills blocks alone.
    sizes = [0, 0, *random.integers(0, 300, 200), 3 * CELLS_PER_BLOCK, 0, 7, CELLS_PER_BLOCK, 1, 0]
    indptr = np.concatenate(([0], np.cumsum(sizes)))
    keys = random.integers(0, 50, indptr[-1])  # many are alike
    expected = np.empty(indptr[-1], np.int32)
    for first, last in pairwise(indptr.tolist()):
        own = keys[first:last].tolist()
        order = sorted(range(last - first), key=own.__getitem__)
        expected[first + np.array(order, int)] = np.arange(last - first)
    np.testing.assert_array_equal(places(indptr, keys), expected)


def test_nobody_has_no_places() -> None:
    assert places(np.array([0]), np.empty(0, np.int64)).size == 0
    assert places(np.array([0, 0]), np.empty(0, np.int64)).size == 0
