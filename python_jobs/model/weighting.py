"""What each interaction counts in a fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions.histories import places
from python_jobs.model.settings import Settings

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
    """
    from scipy.sparse import csr_matrix

    if settings.score_power == 1.0 and settings.recency == 0.0:
        return matrix
    weights = np.power(matrix.data, np.float32(settings.score_power))
    if settings.recency:
        interactions = np.repeat(np.diff(matrix.indptr), np.diff(matrix.indptr))
        later = interactions - 1 - places(matrix.indptr, timestamps)
        weights *= np.exp(np.float32(-settings.recency) * (later / interactions).astype(np.float32))
    weighed = csr_matrix((weights, matrix.indices, matrix.indptr), shape=matrix.shape)
    weighed.has_sorted_indices = True
    return weighed


def weighed_by(interactions: Interactions, settings: Settings) -> Interactions:
    """Return the interactions with the scores that the settings make of them."""
    matrix = weigh(interactions.matrix, interactions.last_interacted_at, settings)
    return replace(interactions, matrix=matrix)
