"""The two halves of an iteration of NMF, of one partition of the users. They know of no cluster.

W is updated row by row, given H: what that takes, HHᵀ and VHᵀ, is a partition's own. H is updated
given VᵀW and WᵀW, which are sums over the partitions. Both are scikit-learn's coordinate descent,
so that it is the model of one process; what differs is the order in which float32 is added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.cells import Cells, padded, padded_zeros
from python_jobs.model.descent import gram_of, ridged, user_halves, working_together
from python_jobs.model.descent_kernel import descend
from python_jobs.threads import one_blas_thread

Floats = NDArray[np.float32]


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


def user_step(V: Cells, W: Floats, Ht: Floats, ridge: float) -> Moved:
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
    users, k = W.shape
    of_users, of_movies = padded(W), padded(Ht)
    sums, slopes = padded_zeros(users, k), np.empty((k, users), np.float32)
    with one_blas_thread(), working_together(V.threads) as together:
        gram = ridged(gram_of(of_movies, k), ridge)
        together(user_halves(V, of_users, of_movies, gram, sums, slopes))
    return Moved(np.ascontiguousarray(of_users[:, :k]), _violation(slopes))


def times(V: Cells, Ht: Floats) -> Floats:
    """Return V × Hᵀ, users × k."""
    of_movies, sums = padded(Ht), padded_zeros(V.shape[0], Ht.shape[1])
    with working_together(V.threads) as together:
        together(partial(V.add_up_users, span, of_movies, sums) for span in V.spans)
    return sums[:, : Ht.shape[1]]


def sums_of(V: Cells, users: Moved) -> Sums:
    """Return the partition's part of the sums."""
    k = users.factors.shape[1]
    of_users, sums = padded(users.factors), padded_zeros(V.shape[1], k)
    with one_blas_thread(), working_together(V.threads) as together:
        gram, *_ = together([partial(gram_of, of_users, k), *V.movie_sums(of_users, sums)])
    return Sums(np.ascontiguousarray(sums[:, :k]), gram, users.violation)


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
    movies, k = Ht.shape
    of_movies, slopes = padded(Ht), np.empty((k, movies), np.float32)
    descend(of_movies, ridged(sums.WtW, ridge), padded(sums.VtW), slopes, 0)
    return Moved(np.ascontiguousarray(of_movies[:, :k]), sums.violation + _violation(slopes))


def _violation(slopes: Floats) -> float:
    """Add up in float64: a sum of several partitions cannot have the bits of scikit-learn's."""
    return float(slopes.sum(dtype=np.float64))
