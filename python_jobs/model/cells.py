"""The cells of a matrix as compiled loops read them, shared out among threads.

Users are shared out for V Hᵀ, and movies for Vᵀ W, so that every sum is made of the same cells in
the same order for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import READ_ONLY, side_by_side
from python_jobs.model.descent_kernel import (
    WIDTH,
    add_up_movies,
    add_up_users,
    copy_cells,
    find_cells,
)
from python_jobs.threads import thread_count

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]

WORTH_IT = 1 << 17
"""Stored cells from which on two threads are faster than one."""
SPANS = 8
"""Spans of users for each thread, so that none waits long for another."""
LOOKED_AT = 16
"""Of so many cells one is looked at, to see which movies have how many."""
LINE = 64
"""Bytes of a line of the cache: rows of factors that begin with one are read a third faster."""


class Rows(NamedTuple):
    """Cells, user after user, as in CSR."""

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: Floats


@dataclass(frozen=True)
class Cells:
    """V, and who reads what of it."""

    shape: tuple[int, int]
    threads: int
    rows: Rows
    spans: Sequence[slice]
    """Users with about as many cells each."""
    by_movies: Sequence[Rows]
    """The cells of some of the movies each, about as many: with several threads a second copy,
    since a thread that skips what others read is a third slower."""

    @classmethod
    def of(cls, matrix: csr_matrix) -> Cells:
        """Share out a float32 CSR matrix with sorted indices, whose memory :attr:`rows` are."""
        threads = thread_count() if matrix.nnz >= WORTH_IT else 1
        rows = Rows(
            np.require(matrix.indptr, np.int64, READ_ONLY),
            np.require(matrix.indices, np.int32, READ_ONLY),
            np.require(matrix.data, np.float32, READ_ONLY),
        )
        spans = [slice(*ends) for ends in pairwise(_bounds(rows.indptr, threads * SPANS))]
        if threads == 1:
            return cls(matrix.shape, 1, rows, spans, [rows])
        seen = np.bincount(rows.indices[::LOOKED_AT], minlength=matrix.shape[1])
        bounds = pairwise(_bounds(np.append(0, np.cumsum(seen)), threads))
        by_movies = list(side_by_side(partial(_of_movies, rows), list(bounds)))
        return cls(matrix.shape, threads, rows, spans, by_movies)

    def add_up_users(self, span: slice, movies: Floats, sums: Floats) -> None:
        """Set the span's rows of sums to those of V × movies; both are padded."""
        indptr, indices, data = self.rows
        add_up_users(indptr[span.start : span.stop + 1], indices, data, movies, sums[span])

    def movie_sums(self, users: Floats, sums: Floats) -> list[Callable[[], None]]:
        """Return the pieces of work that add Vᵀ × users to sums; both are padded."""
        return [partial(add_up_movies, *rows, users, sums) for rows in self.by_movies]


def _of_movies(rows: Rows, movies: tuple[int, int]) -> Rows:
    """Return a copy of the cells of the movies from the first to before the second."""
    users = rows.indptr.size - 1
    begin, counts = np.empty(users, np.int64), np.empty(users, np.int64)
    find_cells(rows.indptr, rows.indices, *movies, begin, counts)
    indptr = np.append(0, np.cumsum(counts))
    cells = int(indptr[-1])
    found = Rows(indptr, np.empty(cells, np.int32), np.empty(cells, np.float32))
    copy_cells(begin, indptr, rows.indices, rows.data, found.indices, found.data)
    return found


def padded(factors: Floats) -> Floats:
    """Return a copy in rows of whole vectors, zeros after the last feature."""
    rows, k = factors.shape
    copy = padded_zeros(rows, k)
    copy[:, :k] = factors
    return copy


def padded_zeros(rows: int, k: int) -> Floats:
    """Return rows of whole vectors that hold k features, each at the beginning of a cache line."""
    width = -(-k // WIDTH) * WIDTH
    size = rows * width * np.dtype(np.float32).itemsize
    room = np.zeros(size + LINE, np.uint8)
    before = -room.ctypes.data % LINE
    return room[before : before + size].view(np.float32).reshape(rows, width)


def _bounds(cells_before: NDArray[Any], count: int) -> list[int]:
    """Return where to cut so that the parts have about as many cells each.

    Parameters
    ----------
    cells_before
        Cells before each row and, last, all of them.
    count
        How many parts to make at most; none is empty, unless there are no rows.
    """
    rows = cells_before.size - 1
    wanted = np.linspace(0, cells_before[-1], count + 1)[1:-1]
    inner = np.unique(np.searchsorted(cells_before, wanted))
    return [0, *(int(cut) for cut in inner if 0 < cut < rows), rows]
