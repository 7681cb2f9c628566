"""What each interaction counts in a fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError
from python_jobs.interactions.histories import places
from python_jobs.model.settings import Settings
from python_jobs.model.told_settings import as_pair

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.interactions.columns import Interactions


def weigh(matrix: csr_matrix, timestamps: NDArray[np.int64], settings: Settings) -> csr_matrix:
    """Return the scores that are fitted: ``score ** score_power × exp(-recency × age)``.

    Age is the share of the user's interactions that came later, from 0 (the latest) to almost 1
    (the first), so that it means the same for everyone, however long ago or often they come. Each
    user's cells depend on that user's history alone: users who are folded in later are weighed
    alike. The idea of weights that decay with time is from Ding and Li, "Time weight collaborative
    filtering" (2005).

    Parameters
    ----------
    matrix
        Scores, float32 CSR with sorted indices, users × movies, all positive.
    timestamps
        Last interaction of each stored cell, in the order of ``matrix.data``, in any unit.
    settings
        ``score_power`` and ``recency``.

    Returns
    -------
    csr_matrix
        The same cells, float32; the matrix itself where the settings leave scores as they are.

    Raises
    ------
    UserError
        If the settings make numbers that are too large to count with.
    """
    from scipy.sparse import csr_matrix

    if settings.score_power == 1.0 and settings.recency == 0.0:
        return matrix
    with np.errstate(over="ignore", invalid="ignore"):  # refused in words below
        weights = np.power(matrix.data, np.float32(settings.score_power))
        if settings.recency:
            interactions = np.repeat(np.diff(matrix.indptr), np.diff(matrix.indptr))
            later = interactions - 1 - places(matrix.indptr, timestamps)
            age = (later / interactions).astype(np.float32)
            weights *= np.exp(np.float32(-settings.recency) * age)
    require_finite(settings, weights)
    weighed = csr_matrix((weights, matrix.indices, matrix.indptr), shape=matrix.shape)
    weighed.has_sorted_indices = True
    return weighed


def require_finite(settings: Settings, *arrays: NDArray[np.float32]) -> None:
    """Make sure that settings made numbers of what they were given.

    Raises
    ------
    UserError
        If a value is infinite or not a number.
    """
    # A sum is finite only where all are; it costs no second array.
    with np.errstate(over="ignore", invalid="ignore"):
        if all(np.isfinite(array.sum(dtype=np.float64)) for array in arrays):
            return
    defaults = vars(Settings())
    told = [as_pair(*item) for item in vars(settings).items() if item[1] != defaults[item[0]]]
    raise UserError(
        f"These settings make numbers that are too large to count with: {', '.join(told)}.",
        "Give smaller values; the settings that you leave out have values that are known to work.",
    )


def weighed_by(interactions: Interactions, settings: Settings) -> Interactions:
    """Return the interactions with the scores that the settings make of them."""
    matrix = weigh(interactions.matrix, interactions.last_interacted_at, settings)
    return replace(interactions, matrix=matrix)
