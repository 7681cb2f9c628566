"""PureSVD over partitions: all that it takes of all users is RᵀR times a vector, which is a sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.distributed.cluster import Cluster, Handle, summed
from python_jobs.evaluation.holdout import Holdout
from python_jobs.model.factorization import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Vectors = NDArray[np.float64]

PRODUCTS = 50
"""Products of RᵀR and a vector that ARPACK takes, about, at k = 10: for a bar, which it moves."""


def singular_movies(
    cluster: Cluster,
    holdouts: Sequence[Handle],
    movies: int,
    rank: int,
    on_product: Callable[[], object] = lambda: None,
) -> Vectors:
    """Return the right singular vectors of the training part, rank × movies.

    They are those of :func:`python_jobs.evaluation.baselines.pure_svd`, by the same method: ARPACK
    on RᵀR, without making it, and then the vectors turned to be singular ones.

    Parameters
    ----------
    cluster, holdouts
        The workers, and each partition's split.
    movies
        Columns of R.
    rank
        How many, at least 1 and below both sides of R (1 where a side is 1).
    on_product
        Called after each product of RᵀR and a vector, of which there may be a hundred.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    if movies == 1:
        return np.ones((1, 1))
    scores = [cluster.submit(at, scores_of, each) for at, each in enumerate(holdouts)]

    def gram_times(vector: Vectors) -> Vectors:
        parts = [cluster.submit(at, part_of_gram, R, vector.ravel()) for at, R in enumerate(scores)]
        (product,) = cluster.results([summed(cluster, parts)])
        on_product()
        return np.asarray(product)

    gram = LinearOperator((movies, movies), matvec=gram_times, dtype=np.float64)
    with one_blas_thread():
        # A fixed start makes ARPACK's result the same each time.
        _, found = eigsh(gram, k=rank, v0=np.ones(movies))
        basis, _ = np.linalg.qr(found)
        parts = [cluster.submit(at, part_of_square, R, basis) for at, R in enumerate(scores)]
        (square,) = cluster.results([summed(cluster, parts)])
        _, turns = np.linalg.eigh(square)
        return np.ascontiguousarray((basis @ turns).T)


def scores_of(holdout: Holdout) -> csr_matrix:
    """Return R of a partition, in float64."""
    return holdout.train.astype(np.float64)


def part_of_gram(R: csr_matrix, vector: Vectors) -> Vectors:
    """Return RᵀR times a vector, of a partition's R."""
    return np.asarray(R.T @ (R @ vector))


def part_of_square(R: csr_matrix, basis: Vectors) -> Vectors:
    """Return |R × basis|², rank × rank, of a partition's R."""
    moved = R @ basis
    with one_blas_thread():
        return np.asarray(moved.T @ moved)


def users_of(holdout: Holdout, right: Vectors) -> NDArray[np.float32]:
    """Return PureSVD's user factors of a partition, users × rank."""
    return np.ascontiguousarray(scores_of(holdout) @ right.T, np.float32)
