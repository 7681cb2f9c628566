"""The cells of a matrix as compiled loops read them, shared out among threads.

Users are shared out for V Hᵀ, and movies for Vᵀ W, so that every sum is made of the same cells in
the same order for any number of threads. A user's cells are sorted by movie: those of a thread's
movies lie side by side, and no copy by movies is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.descent_kernel import WIDTH, add_up_movies, add_up_users, find_cuts
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


@dataclass(frozen=True)
class Cells:
    """V, and who reads what of it."""

    shape: tuple[int, int]
    threads: int
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: Floats
    spans: Sequence[slice]
    """Users with about as many cells each."""
    cuts: NDArray[np.int64]
    """Movies with about as many cells each: those of the b-th thread are in the cells from
    ``cuts[b]`` to before ``cuts[b + 1]`` of each user."""

    @classmethod
    def of(cls, matrix: csr_matrix) -> Cells:
        """Share out a float32 CSR matrix with sorted indices, whose memory it shares."""
        threads = thread_count() if matrix.nnz >= WORTH_IT else 1
        indptr = np.require(matrix.indptr, np.int64, "CA")
        indices = np.require(matrix.indices, np.int32, "CA")
        seen = np.bincount(indices[::LOOKED_AT], minlength=matrix.shape[1])
        bounds = np.array(_bounds(np.append(0, np.cumsum(seen)), threads), np.int32)
        cuts = np.empty((bounds.size, matrix.shape[0]), np.int64)
        find_cuts(indptr, indices, bounds, cuts)
        spans = [slice(*ends) for ends in pairwise(_bounds(indptr, threads * SPANS))]
        data = np.require(matrix.data, np.float32, "CA")
        return cls(matrix.shape, threads, indptr, indices, data, spans, cuts)

    def add_up_users(self, span: slice, movies: Floats, sums: Floats) -> None:
        """Set the span's rows of sums to those of V × movies; both are padded."""
        ends = self.indptr[span.start : span.stop + 1]
        add_up_users(ends, self.indices, self.data, movies, sums[span])

    def movie_sums(self, users: Floats, sums: Floats) -> list[Callable[[], None]]:
        """Return the pieces of work that add Vᵀ × users to sums; both are padded."""
        return [
            partial(add_up_movies, begin, end, self.indices, self.data, users, sums)
            for begin, end in pairwise(self.cuts)
        ]


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
