"""The matrix as NMF is fastest on: its products on all cores, with the same bits as on one.

Nearly all of a fit is ``V Hᵀ`` and ``VᵀW``, which SciPy computes on one core. But SciPy lets go of
the interpreter lock meanwhile, so blocks of the matrix can be multiplied side by side: blocks of
users for the first product, blocks of movies for the second. Each sum is still made by SciPy's own
loop over the same cells in the same order. scikit-learn only ever asks for ``V @ dense``, ``V.T``
and ``V.T @ dense``, and does not notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from python_jobs.threads import thread_count

WORTH_IT = 1 << 17
"""Stored cells from which on two threads are faster than one: measured at k = 10, where both took
as long with 100,000 cells, and two thirds with 500,000."""


@contextmanager
def on_all_cores(matrix: csr_matrix) -> Iterator[csr_matrix]:
    """Yield the matrix in a form whose products with dense matrices use all cores.

    Parameters
    ----------
    matrix
        CSR with sorted indices, users × movies. A second copy of its cells, cut by movies, is held
        for the length of the ``with`` block; a small matrix, or one core, needs none of this, and
        the matrix itself is yielded.
    """
    threads = thread_count()
    if threads < 2 or matrix.nnz < WORTH_IT:
        yield matrix
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="product") as pool:
        by_movies = _Movies((matrix.data, matrix.indices, matrix.indptr), matrix.shape[::-1])
        by_movies.product = partial(_product, pool, movie_blocks(matrix, threads))
        by_users = _Users((matrix.data, matrix.indices, matrix.indptr), matrix.shape)
        by_users.product = partial(_product, pool, user_blocks(matrix, threads))
        by_users.transposed = by_movies
        by_users.has_sorted_indices = True
        yield by_users


class _Users(csr_matrix):
    """V, whose :meth:`__matmul__` and :meth:`transpose` are those that a fit spends its time on."""

    product: Any
    transposed: _Movies

    def __matmul__(self, other: Any) -> Any:
        return self.product(other)

    def transpose(self, axes: Any = None, copy: bool = False) -> Any:  # noqa: ARG002
        """Return Vᵀ, the same object each time."""
        return self.transposed


class _Movies(csc_matrix):
    """Vᵀ."""

    product: Any

    def __matmul__(self, other: Any) -> Any:
        return self.product(other)


def _product(
    pool: ThreadPoolExecutor, blocks: Sequence[csr_matrix | csc_matrix], dense: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the blocks' products, one below the other."""
    return np.vstack(list(pool.map(lambda block: block @ dense, blocks)))


def user_blocks(matrix: csr_matrix, count: int) -> list[csr_matrix]:
    """Cut V into blocks of users with about as many cells each; they share its memory."""
    blocks = []
    for first, last in pairwise(_bounds(matrix.indptr, count)):
        starts = matrix.indptr[first : last + 1]
        cells = slice(starts[0], starts[-1])
        block = csr_matrix((last - first, matrix.shape[1]), dtype=matrix.dtype)
        # Assigned, since the constructor would copy what is less than half of an array.
        block.data, block.indices = matrix.data[cells], matrix.indices[cells]
        block.indptr = starts - starts[0]
        blocks.append(block)
    return blocks


def movie_blocks(matrix: csr_matrix, count: int) -> list[csc_matrix]:
    """Cut Vᵀ into blocks of movies with about as many cells each."""
    seen = np.bincount(matrix.indices, minlength=matrix.shape[1])
    bounds = _bounds(np.concatenate(([0], np.cumsum(seen))), count)
    return [matrix[:, first:last].transpose() for first, last in pairwise(bounds)]


def _bounds(cells_before: NDArray[Any], count: int) -> list[int]:
    """Return where to cut so that the blocks have about as many cells each.

    Parameters
    ----------
    cells_before
        Cells before each row and, last, all of them.
    count
        How many blocks to make at most; none of them is empty.
    """
    wanted = np.linspace(0, cells_before[-1], count + 1)
    bounds = np.searchsorted(cells_before, wanted)
    bounds[-1] = cells_before.size - 1
    return [int(bound) for bound in np.unique(bounds)]
