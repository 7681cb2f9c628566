"""Users' pasts as transitions see them: in order, weighed, and fading with every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions.histories import places
from python_jobs.model.settings import Settings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]

PARTS = 8
"""Parts of the users whose sums are made side by side, at most."""
CELLS_PER_PART = 1 << 17
"""Interactions that are worth a part of their own: each part holds two arrays as large as P."""


def strengths_of(
    matrix: csr_matrix, timestamps: NDArray[np.int64], settings: Settings
) -> tuple[NDArray[np.int32], Floats]:
    """Return how many of the user's interactions came later than each, and how much each counts.

    An interaction counts ``score ** transition_power``, divided by the user's mean of that.

    Parameters
    ----------
    matrix
        Scores, float32 CSR with sorted indices, users × movies, all positive.
    timestamps
        Last interaction of each stored cell. Of two at the same time the one with the higher movie
        index counts as the later.
    settings
        ``transition_power``.
    """
    sizes = np.diff(matrix.indptr)
    interactions = np.repeat(sizes, sizes)
    later = (interactions - 1 - places(matrix.indptr, timestamps)).astype(np.int32)
    if not settings.transition_power:
        return later, np.ones(matrix.nnz, np.float32)
    rows = np.repeat(np.arange(sizes.size), sizes)
    # As shares of the user's largest score: no power takes these out of what a number can be.
    largest = np.zeros(sizes.size, np.float64)
    np.maximum.at(largest, rows, matrix.data)
    powers = (matrix.data / largest[rows]) ** settings.transition_power
    totals = np.bincount(rows, powers, minlength=sizes.size)
    return later, (powers * interactions / totals[rows]).astype(np.float32)


def latest_pasts(
    matrix: csr_matrix, timestamps: NDArray[np.int64], settings: Settings
) -> csr_matrix:
    """Return each user's past as it is now, which is what a user is encoded from.

    Parameters
    ----------
    matrix, timestamps, settings
        As for :func:`strengths_of`; ``transition_memory``, ``transition_long_memory`` and
        ``transition_long_share`` too.

    Returns
    -------
    csr_matrix
        The same cells, float32: ``s_l · κ(m - l)``. ``latest_pasts(…) @ P`` is W.
    """
    from scipy.sparse import csr_matrix

    later, strengths = strengths_of(matrix, timestamps, settings)
    fast, slow, share, _ = decays_of(settings)
    ages = np.arange(int(later.max(initial=0)) + 1)
    with np.errstate(over="ignore"):  # the model that is made of it is refused
        kept = (fast**ages + share * slow**ages).astype(np.float32)
    pasts = csr_matrix((strengths * kept[later], matrix.indices, matrix.indptr), matrix.shape)
    pasts.has_sorted_indices = True
    return pasts


@dataclass(frozen=True)
class Histories:
    """Everyone's movies in the order of time, and how they count."""

    starts: NDArray[np.int64]
    """Where each history begins, and where the last ends."""
    movies: NDArray[np.int32]
    strengths: Floats
    decays: tuple[float, float, float, float]
    """See :func:`decays_of`."""
    ridge: float
    """λ."""
    nexts: float
    """|Y|²."""
    parts: tuple[int, ...]
    """Users at which a part begins, and the number of users last."""

    @classmethod
    def of(cls, matrix: csr_matrix, timestamps: NDArray[np.int64], settings: Settings) -> Histories:
        """Put everyone's movies in order."""
        from python_jobs.model.transitions_kernel import sum_squares

        later, counted = strengths_of(matrix, timestamps, settings)
        starts = matrix.indptr.astype(np.int64)
        sizes = np.diff(starts)
        at = np.repeat(starts[1:], sizes) - 1 - later
        movies, strengths = np.empty(matrix.nnz, np.int32), np.empty(matrix.nnz, np.float32)
        movies[at], strengths[at] = matrix.indices, counted
        decays = decays_of(settings)
        pasts, nexts = sum_squares(starts, strengths, *decays)
        # As many parts as the data asks for, so that sums do not depend on the machine.
        count = max(1, min(PARTS, matrix.nnz // CELLS_PER_PART))
        wanted = np.linspace(0, matrix.nnz, count + 1)
        bounds = np.unique(np.searchsorted(starts, wanted))
        bounds[-1] = sizes.size
        return cls(
            starts=starts,
            movies=movies,
            strengths=strengths,
            decays=decays,
            ridge=settings.transition_shrinkage * pasts,
            nexts=nexts,
            parts=tuple(int(bound) for bound in bounds),
        )


def decays_of(settings: Settings) -> tuple[float, float, float, float]:
    """Return what one step multiplies by: recent past, long past, its share, and what comes."""
    return (
        float(np.exp(-1 / settings.transition_memory)),
        float(np.exp(-1 / settings.transition_long_memory)),
        float(settings.transition_long_share),
        float(np.exp(-1 / settings.transition_horizon)),
    )
