"""The two halves of an iteration of NMF, of one partition of the users. They know of no cluster.

W is updated row by row, given H: what that takes, HHᵀ and VHᵀ, is a partition's own. H is updated
given VᵀW and WᵀW, which are sums over the partitions. Both are scikit-learn's coordinate descent,
so that it is the model of one process; what differs is the order in which float32 is added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.factorization import one_blas_thread
from python_jobs.model.threaded_matrix import WORTH_IT, transposed_blocks, user_blocks
from python_jobs.threads import thread_count

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]

ROWS_PER_SUM = 4_096
"""Rows whose violations scikit-learn adds up in float32, where a sum near 1e9 stands still; the
sums of these are added in float64. A row has the same bits in any company."""


@dataclass(frozen=True)
class Blocks:
    """A partition's V, cut so that both products use all cores; with the bits of one core."""

    shape: tuple[int, int]
    by_users: Sequence[Any]
    """Blocks of V, one below the other."""
    by_movies: Sequence[Any]
    """Blocks of Vᵀ, one below the other."""

    @classmethod
    def of(cls, matrix: csr_matrix) -> Blocks:
        """Cut a CSR matrix with sorted indices, users × movies; it may have no users."""
        threads = thread_count() if matrix.nnz >= WORTH_IT else 1
        if threads == 1:
            return cls(matrix.shape, [matrix], [matrix.transpose()])
        return cls(matrix.shape, user_blocks(matrix, threads), transposed_blocks(matrix, threads))

    def times(self, Ht: Floats) -> Floats:
        """Return V × Hᵀ, users × k."""
        return _product(self.by_users, Ht)

    def transposed_times(self, W: Floats) -> Floats:
        """Return Vᵀ × W, movies × k."""
        return _product(self.by_movies, W)


@dataclass(frozen=True)
class Sums:
    """What H is updated from; that of two partitions together is the sum of both."""

    VtW: Floats
    """Movies × k."""
    WtW: Floats
    """k × k."""
    violation: float
    """How far the users' factors were from the best for H: scikit-learn's projected gradient."""

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.VtW + other.VtW, self.WtW + other.WtW, self.violation + other.violation)


@dataclass(frozen=True)
class Moved:
    """Factors of some users or of all movies after a half step."""

    factors: Floats
    """Rows × k."""
    violation: float = 0.0
    """How far they were from the best before: scikit-learn's projected gradient."""


def user_step(V: Blocks, W: Floats, Ht: Floats, ridge: float) -> Moved:
    """Return the partition's new W.

    Parameters
    ----------
    V
        The partition's scores, users × movies.
    W
        Its factors before, users × k; it is left as it is.
    Ht
        The movies' factors, movies × k.
    ridge
        What regularisation adds to the diagonal of HHᵀ: alpha × movies, from 0.
    """
    W, Ht = np.array(W, np.float32, order="C"), np.ascontiguousarray(Ht)
    with one_blas_thread():
        violation = _descend(W, _ridged(Ht.T @ Ht, ridge), V.times(Ht))
    return Moved(W, violation)


def sums_of(V: Blocks, users: Moved) -> Sums:
    """Return the partition's part of the sums."""
    W = users.factors
    with one_blas_thread():
        return Sums(V.transposed_times(W), W.T @ W, users.violation)


def movie_step(Ht: Floats, sums: Sums, ridge: float) -> Moved:
    """Return the movies' new factors, with the violation of both halves.

    Parameters
    ----------
    Ht
        The factors before, movies × k; it is left as it is.
    sums
        Of all partitions.
    ridge
        Alpha × the number of all users, from 0.
    """
    Ht = np.array(Ht, np.float32, order="C")
    violation = _descend(Ht, _ridged(sums.WtW, ridge), np.array(sums.VtW, order="C"))
    return Moved(Ht, sums.violation + violation)


def _ridged(gram: Floats, ridge: float) -> Floats:
    gram = np.array(gram, order="C")
    if ridge:
        gram.flat[:: gram.shape[0] + 1] += ridge
    return gram


def _descend(factors: Floats, gram: Floats, targets: Floats) -> float:
    """Improve the factors in place, row by row; return the violation, added up in float64."""
    # Private, and the same since 0.17; the tests hold it against NMF.
    from sklearn.decomposition._cdnmf_fast import _update_cdnmf_fast

    from python_jobs.compiled import side_by_side

    order = np.arange(factors.shape[1], dtype=np.intp)
    starts = range(0, factors.shape[0], ROWS_PER_SUM)
    spans = [slice(start, start + ROWS_PER_SUM) for start in starts]

    def descend(span: slice) -> float:
        return float(_update_cdnmf_fast(factors[span], gram, targets[span], order))

    return float(sum(side_by_side(descend, spans)))


def _product(blocks: Sequence[Any], dense: Floats) -> Floats:
    from python_jobs.compiled import side_by_side

    return np.vstack(list(side_by_side(lambda block: block @ dense, blocks)))
