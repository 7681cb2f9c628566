"""scikit-learn's coordinate descent for NMF, on all cores, with the same bits.

An iteration has two halves: W is improved given H, row by row, and then H given W. What either
takes of the matrix is a product, V Hᵀ and Vᵀ W. Users are shared out for the first, and movies for
the second, so that every sum is still made of the same cells in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.descent_kernel import (
    WIDTH,
    add_up_movies,
    add_up_users,
    descend,
    find_cuts,
    total,
)
from python_jobs.ranking.top_n import FOR_KERNELS
from python_jobs.threads import thread_count

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Together = Callable[[Sequence[Callable[[], Any]]], list[Any]]
"""Does pieces of work, side by side, and returns what they return."""

TOLERANCE = 1e-4
"""Share of the first violation at which scikit-learn's solver ends."""
SPANS = 8
"""Spans of users for each thread, so that none waits long for another."""
LINE = 64
"""Bytes of a line of the cache: factors that begin with one are read a third faster."""


@dataclass(frozen=True)
class Cells:
    """V, and how its cells are shared out among threads."""

    shape: tuple[int, int]
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: Floats
    spans: Sequence[slice]
    """Users with about as many cells each."""
    cuts: NDArray[np.int64]
    """Movies with about as many cells each: those of the b-th thread are ``cuts[b]`` to before
    ``cuts[b + 1]`` of each user."""

    @classmethod
    def of(cls, matrix: csr_matrix, threads: int) -> Cells:
        """Share out a float32 CSR matrix with sorted indices; its cells are not copied."""
        indptr = np.require(matrix.indptr, np.int64, FOR_KERNELS)
        indices = np.require(matrix.indices, np.int32, FOR_KERNELS)
        seen = np.bincount(indices, minlength=matrix.shape[1])
        bounds = np.array(_bounds(np.append(0, np.cumsum(seen)), threads), np.int32)
        cuts = np.empty((bounds.size, matrix.shape[0]), np.int64)
        find_cuts(indptr, indices, bounds, cuts)
        spans = [slice(*ends) for ends in pairwise(_bounds(indptr, threads * SPANS))]
        data = np.require(matrix.data, np.float32, FOR_KERNELS)
        return cls(matrix.shape, indptr, indices, data, spans, cuts)

    def add_up_users(self, span: slice, movies: Floats, sums: Floats) -> None:
        """Set sums, of all users, to V × movies for some of them; both are padded."""
        ends = self.indptr[span.start : span.stop + 1]
        add_up_users(ends, self.indices, self.data, movies, sums[span])

    def movie_sums(self, users: Floats, sums: Floats) -> list[Callable[[], None]]:
        """Return the pieces of work that add Vᵀ × users to sums; both are padded."""
        return [
            lambda begin=begin, end=end: add_up_movies(  # type: ignore[misc]
                begin, end, self.indices, self.data, users, sums
            )
            for begin, end in pairwise(self.cuts)
        ]


@dataclass(frozen=True)
class Descended:
    """Where the descent ended."""

    W: Floats
    """Users × k."""
    H: Floats
    """k × movies."""
    iterations: int
    """At least 1."""
    error: float
    """|V - W × H|, in float64: scikit-learn's ``reconstruction_err_``."""


def descended(
    matrix: csr_matrix, W: Floats, H: Floats, max_iter: int, alpha: float
) -> Descended:
    """Go on from W and H as ``sklearn.decomposition.NMF(solver="cd")`` does.

    Parameters
    ----------
    matrix
        V, float32 CSR with sorted indices, users × movies, non-negative.
    W, H
        Where it begins, float32, users × k and k × movies, non-negative.
    max_iter
        Iterations at most, from 1.
    alpha
        As ``alpha_W``, from 0.
    """
    threads = thread_count()
    users, movies = matrix.shape
    k = W.shape[1]
    cells = Cells.of(matrix, threads)
    Wp, Hp = padded(W), padded(H.T)
    targets, sums = padded_zeros(users, k), padded_zeros(movies, k)
    of_users, of_movies = np.empty((k, users), np.float32), np.empty((k, movies), np.float32)
    with _together(threads) as together:

        def improve(span: slice) -> None:
            cells.add_up_users(span, Hp, targets)
            descend(Wp[span], gram, targets[span], of_users, span.start)

        first = 0.0
        for iteration in range(1, max_iter + 1):
            gram = ridged(Hp[:, :k], alpha * movies)
            together([lambda span=span: improve(span) for span in cells.spans])  # type: ignore[misc]
            sums[:] = 0
            work = [lambda: ridged(Wp[:, :k], alpha * users), lambda: total(of_users)]
            gram, violation, *_ = together([*work, *cells.movie_sums(Wp, sums)])
            descend(Hp, gram, sums, of_movies, 0)
            violation += total(of_movies)
            first = violation if iteration == 1 else first
            # In scikit-learn's words: the first may be 0, and then there is nothing to divide by.
            if first == 0 or violation / first <= TOLERANCE:
                break
        together([lambda span=span: cells.add_up_users(span, Hp, targets) for span in cells.spans])  # type: ignore[misc]
    W, Ht = np.ascontiguousarray(Wp[:, :k]), Hp[:, :k]
    return Descended(
        W=W,
        H=np.ascontiguousarray(Ht.T),
        iterations=iteration,
        error=_error(cells.data, W, Ht, targets[:, :k]),
    )


def ridged(factors: Floats, ridge: float) -> Floats:
    """Return factorsᵀ × factors with the ridge added to its diagonal, k × k."""
    gram = np.array(factors.T @ factors, order="C")
    if ridge:
        gram.flat[:: gram.shape[0] + 1] += ridge
    return gram


def padded(factors: Floats) -> Floats:
    """Return a copy in rows of whole vectors, zeros after the last feature."""
    rows, k = factors.shape
    copy = padded_zeros(rows, k)
    copy[:, :k] = factors
    return copy


def padded_zeros(rows: int, k: int) -> Floats:
    """Return rows of whole vectors that hold k features, at the beginning of a cache line."""
    width = -(-k // WIDTH) * WIDTH
    room = np.zeros(rows * width * 4 + LINE, np.uint8)
    before = -room.ctypes.data % LINE
    return room[before : before + rows * width * 4].view(np.float32).reshape(rows, width)


def _error(data: Floats, W: Floats, Ht: Floats, targets: Floats) -> float:
    stored = np.dot(data, data.astype(np.float64)) if data.size else 0.0
    cross = np.einsum("uk,uk->", W, targets, dtype=np.float64)
    gram, other = (each.T.astype(np.float64) @ each for each in (W, Ht))
    return float(np.sqrt(max(0.0, stored + np.sum(gram * other) - 2 * cross)))


def _bounds(cells_before: NDArray[Any], count: int) -> list[int]:
    """Return where to cut so that the parts have about as many cells each.

    Parameters
    ----------
    cells_before
        Cells before each row and, last, all of them.
    """
    wanted = np.linspace(0, cells_before[-1], count + 1)[1:-1]
    cuts = np.unique(np.searchsorted(cells_before, wanted))
    rows = cells_before.size - 1
    return [0, *(int(cut) for cut in cuts if 0 < cut < rows), rows]


@contextmanager
def _together(threads: int) -> Iterator[Together]:
    if threads < 2:
        yield lambda pieces: [piece() for piece in pieces]
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="descent") as pool:
        yield lambda pieces: list(pool.map(lambda piece: piece(), pieces))
