"""What a factorisation has to beat, as factors too, so that the same ranking serves them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.evaluation.beyond_accuracy import by_blocks
from python_jobs.interactions.popularity import counts_of
from python_jobs.threads import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Doubles = NDArray[np.float64]
GramTimes = Callable[[Doubles], Doubles]

VECTORS_BESIDE, VECTORS_FOR_EACH = 14, 4
"""How many vectors ARPACK keeps, beside so many for each wanted one: with k = 10 and 20 million
interactions, half as many products as with its own choice. With 4 fewer it has to begin again."""
EIGEN_TOLERANCE = 1e-8
"""Relative accuracy of the eigenvalues. Factors are float32, which is less."""
PARTS = 8
"""Parts of the users whose sums are made side by side, at most."""
CELLS_PER_PART = 1 << 17
"""Interactions that are worth a part of their own."""


def most_popular(train: csr_matrix) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score each movie by its number of interactions, the same for everyone.

    Parameters
    ----------
    train
        Scores, CSR, users × movies.

    Returns
    -------
    tuple
        W, users × 1, of ones, and H, 1 × movies, of counts.
    """
    users = np.ones((train.shape[0], 1), dtype=np.float32)
    return users, counts_of(train).astype(np.float32)[np.newaxis, :]


def pure_svd(train: csr_matrix, rank: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factorise by a truncated SVD in which empty cells are zeros: R ≈ U Σ Q', scores = R Q Q'.

    Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation
    tasks" (2010), section 3.2.

    Parameters
    ----------
    train
        Scores, CSR, users × movies.
    rank
        Number of singular vectors, at least 1 and below both sides (1 where a side is 1).

    Returns
    -------
    tuple
        W = R Q, users × rank, and H = Q', rank × movies, of any sign.
    """
    if min(train.shape) == 1:
        right = np.linalg.svd(train.toarray().astype(np.float64), full_matrices=False)[2]
    else:
        right = right_vectors(gram_of(train), train.shape[1], rank)
    return users_of(train, right), np.ascontiguousarray(right, np.float32)


def right_vectors(gram_times: GramTimes, movies: int, rank: int) -> Doubles:
    """Return right singular vectors of R, rank × movies, by products of RᵀR with a vector only.

    Parameters
    ----------
    gram_times
        Returns RᵀR times a vector.
    movies
        Columns of R.
    rank
        How many, at least 1 and below both sides of R.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    gram = LinearOperator((movies, movies), matvec=gram_times, dtype=np.float64)
    space = min(movies, VECTORS_BESIDE + VECTORS_FOR_EACH * rank)
    with one_blas_thread():
        # A fixed start makes ARPACK's result the same each time.
        found = eigsh(gram, k=rank, v0=np.ones(movies), ncv=space, tol=EIGEN_TOLERANCE)[1]
    return np.ascontiguousarray(found.T)


def gram_of(scores: csr_matrix) -> GramTimes:
    """Return what multiplies RᵀR with a vector, on all cores, with the same bits for any number."""
    from python_jobs.compiled import READ_ONLY, side_by_side
    from python_jobs.evaluation.gram_kernel import add_gram_times

    indptr = np.require(scores.indptr, np.int64, READ_ONLY)
    indices = np.require(scores.indices, np.int32, READ_ONLY)
    data = np.require(scores.data, np.float32, READ_ONLY)
    parts = min(PARTS, 1 + scores.nnz // CELLS_PER_PART)
    bounds = np.searchsorted(indptr, np.linspace(0, scores.nnz, parts + 1)[1:-1])
    spans = list(pairwise([0, *bounds.tolist(), scores.shape[0]]))

    def gram_times(vector: Doubles) -> Doubles:
        vector = np.ascontiguousarray(vector, np.float64).ravel()

        def product(span: tuple[int, int]) -> Doubles:
            found = np.zeros(scores.shape[1])
            add_gram_times(indptr[span[0] : span[1] + 1], indices, data, vector, found)
            return found

        return np.asarray(np.sum(list(side_by_side(product, spans)), axis=0))

    return gram_times


def users_of(scores: csr_matrix, right: Doubles) -> NDArray[np.float32]:
    """Return PureSVD's user factors, users × rank."""
    # By blocks, since SciPy copies the scores to float64.
    wide = np.ascontiguousarray(right.T)
    users = by_blocks(lambda span: (scores[span] @ wide).astype(np.float32), scores.shape[0])
    return np.concatenate(list(users))
