"""What a factorisation has to beat, as factors too, so that the same ranking serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.factorization import one_blas_thread
from python_jobs.model.threaded_matrix import on_all_cores

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


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
    counts = np.bincount(train.indices, minlength=train.shape[1])
    users = np.ones((train.shape[0], 1), dtype=np.float32)
    return users, counts.astype(np.float32)[np.newaxis, :]


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
    scores = train.astype(np.float64)
    if min(scores.shape) == 1:
        right = np.linalg.svd(scores.toarray(), full_matrices=False)[2]
        left = scores @ right.T
    else:
        with on_all_cores(scores) as fast, one_blas_thread():
            right = _right_vectors(fast, rank)
            left = fast @ np.ascontiguousarray(right.T)
    return np.ascontiguousarray(left, np.float32), np.ascontiguousarray(right, np.float32)


def _right_vectors(scores: csr_matrix, rank: int) -> NDArray[np.float64]:
    """Return the right singular vectors, rank × movies, by products with columns only."""
    from scipy.sparse.linalg import LinearOperator, svds

    transposed = scores.T
    operator = LinearOperator(
        scores.shape,
        matvec=lambda vector: (scores @ vector.reshape(-1, 1)).ravel(),
        rmatvec=lambda vector: (transposed @ vector.reshape(-1, 1)).ravel(),
        matmat=lambda columns: scores @ columns,
        rmatmat=lambda columns: transposed @ columns,
        dtype=np.float64,
    )
    # A fixed start makes ARPACK's result the same each time.
    return np.asarray(svds(operator, k=rank, v0=np.ones(min(scores.shape)))[2])
