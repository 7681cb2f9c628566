"""PureSVD over partitions: all that it takes of all users is RᵀR times a vector, which is a sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from python_jobs.distributed.cluster import Cluster, Handle, summed
from python_jobs.evaluation import baselines
from python_jobs.evaluation.baselines import gram_of, right_vectors
from python_jobs.evaluation.holdout import Holdout

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

    They are those of :func:`python_jobs.evaluation.baselines.pure_svd`, by the same method; what
    differs is the order in which float64 is added up.

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
    if movies == 1:
        return np.ones((1, 1))

    def gram_times(vector: Vectors) -> Vectors:
        parts = [cluster.submit(at, part_of_gram, R, vector) for at, R in enumerate(holdouts)]
        (product,) = cluster.results([summed(cluster, parts)])
        on_product()
        return np.asarray(product)

    return right_vectors(gram_times, movies, rank)


def part_of_gram(holdout: Holdout, vector: Vectors) -> Vectors:
    """Return RᵀR times a vector, of a partition's R."""
    return gram_of(holdout.train)(vector)


def users_of(holdout: Holdout, right: Vectors) -> NDArray[np.float32]:
    """Return PureSVD's user factors of a partition, users × rank."""
    return baselines.users_of(holdout.train, right)
