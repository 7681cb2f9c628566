"""The members of an ensemble: what each is fitted to, of which rank, and how they are stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.settings import Settings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def scale_users(
    matrix: csr_matrix, settings: Settings
) -> tuple[csr_matrix, NDArray[np.float32] | None]:
    """Divide each user's scores by ``norm ** user_scaling``, their norm being Euclidean.

    Returns
    -------
    tuple
        The scaled matrix and the divisors (1 for users without interactions); the matrix itself and
        None where the settings leave users as they are.
    """
    from scipy.sparse import csr_matrix

    if not settings.user_scaling:
        return matrix, None
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), np.float64)).ravel()
    divisors = np.where(norms > 0, norms, 1.0) ** settings.user_scaling
    data = matrix.data / np.repeat(divisors, np.diff(matrix.indptr))
    scaled = csr_matrix(
        (data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    return scaled, divisors.astype(np.float32)


def member_ranks(settings: Settings, total: int) -> list[int]:
    """Return the rank of each member of a stacked model.

    Parameters
    ----------
    settings
        Upper bounds of the ranks.
    total
        The stacked rank, which is less than their sum where the matrix was small.

    Raises
    ------
    ValueError
        If no matrix gives that total.
    """
    for largest in range(max(settings.ranks), 0, -1):
        ranks = [min(rank, largest) for rank in settings.ranks]
        if sum(ranks) == total:
            return ranks
    raise ValueError(f"{settings.ranks} components cannot make a stacked rank of {total}")


def stack_users(
    W_blocks: list[NDArray[np.float32]], norms: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return the members' user factors side by side, averaged and scaled back by the norms."""
    W = np.hstack(W_blocks) / np.float32(len(W_blocks))
    if norms is not None:
        W *= norms[:, np.newaxis]
    return np.ascontiguousarray(W, dtype=np.float32)
