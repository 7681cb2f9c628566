"""Cells that come in any order end in their rows, beside scipy's own way of building a matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix

from python_jobs.errors import UserError
from python_jobs.interactions.columns import Columns

USERS = np.array([3, 7, 2**63, 2**64 - 1], np.uint64)
MOVIES = np.arange(6, dtype=np.uint64)
CELLS = st.sets(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=4).filter(
    lambda cells: len({row for row, _ in cells}) == USERS.size
)


def _columns(rows, weights=(None, 2.0)):
    return Columns.allocate(USERS, np.bincount(rows, minlength=USERS.size), weights, "a.mart")


def _add(columns, rows, positions):
    rows, positions = np.array(rows), np.array(positions, np.int32)
    numbers = (10 * rows + positions + 1).astype(np.int64)
    scores = numbers.astype(np.float32)
    # What a block of ClickHouse's hands over cannot be written.
    arrays = [USERS[rows], positions, numbers, numbers.astype(np.uint64) << 60, scores, scores + 1]
    for array in arrays:
        array.flags.writeable = False
    columns.add(*arrays)


@settings(deadline=None)  # The kernel may have to be compiled first.
@given(CELLS.flatmap(lambda cells: st.permutations(sorted(cells))), st.data())
def test_in_any_order_and_in_any_blocks(cells, data):
    rows, positions = map(list, zip(*cells, strict=True))
    cut = data.draw(st.integers(1, len(cells) - 1))
    columns = _columns(rows)
    _add(columns, rows[:cut], positions[:cut])
    _add(columns, rows[cut:], positions[cut:])
    read = columns.finish(MOVIES)
    numbers = 10 * np.array(rows) + np.array(positions) + 1
    places = np.array(rows), np.array(positions)
    wanted = coo_matrix((numbers, places), shape=(4, 6)).tocsr()
    wanted.sort_indices()
    for array, expected in (
        (read.matrix.indptr, wanted.indptr),
        (read.matrix.indices, wanted.indices),
        (read.matrix.data, wanted.data),
        (read.last_interacted_at, wanted.data),
        (read.under(2.0).matrix.data, wanted.data + 1),
        (read.under(2.0).matrix.indices, wanted.indices),
    ):
        np.testing.assert_array_equal(array, expected)
    sums = [sum(int(n) << 60 for n in wanted[u].data) % 2**64 for u in range(4)]
    assert read.fingerprints.tolist() == sums


@pytest.mark.parametrize(
    ("rows", "positions"),
    [
        ([0, 1, 2, 3, 3], [0, 0, 0, 0, 1]),  # one more than was counted
        ([0, 1, 2], [0, 0, 0]),  # one fewer
        ([0, 0, 2, 3], [0, 1, 0, 0]),  # as many, but another's
    ],
)
def test_a_mart_that_does_not_stay_as_it_was_counted_is_said(rows, positions):
    columns = _columns([0, 1, 2, 3])

    def read() -> None:
        _add(columns, rows, positions)
        columns.finish(MOVIES)

    with pytest.raises(UserError, match="was rebuilt while it was being read"):
        read()


def test_a_user_who_was_not_counted_is_said():
    columns = Columns.allocate(USERS[:3], np.array([1, 1, 1]), [None, 2.0], "a.mart")
    with pytest.raises(UserError, match="was rebuilt while it was being read"):
        _add(columns, [0, 3], [0, 0])
