"""User factors of interactions that came after the fit, with the movie factors held fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.members import member_ranks, scale_users, stack_users
from python_jobs.model.settings import Settings
from python_jobs.threads import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FOLD_IN_ITERATIONS = 1_000
"""Upper bound of the iterations of a fold-in, which is convex and cheap: it converges."""
FOLD_IN_TOLERANCE = 1e-6
"""Share of a user's first projected gradient at which the user's fold-in ends."""


def fold_in(rows: csr_matrix, H: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """Fit user factors to interactions with the movie factors held fixed.

    Parameters
    ----------
    rows
        Scores of the users to fold in, CSR, users × movies, the columns those of H, weighed as
        those of the fit were.
    H
        Movie factors, k × movies, as :func:`python_jobs.model.factorization.factorize` returned
        them.
    settings
        What the model was fitted with.

    Returns
    -------
    (users, k) float32
        Non-negative; zeros for a user without interactions. Each row has the same bits for any
        number of threads, and for one user as for all of them.
    """
    scaled, norms = scale_users(rows, settings)
    ranks = member_ranks(settings, H.shape[0])
    blocks = np.split(H, np.cumsum(ranks)[:-1])
    return stack_users([nearest(scaled, block, settings.alpha) for block in blocks], norms)


def nearest(rows: csr_matrix, H: NDArray[np.float32], alpha: float) -> NDArray[np.float32]:
    """Return the W, rows × k, whose product with H is nearest to the rows, each on its own."""
    from python_jobs.compiled import READ_ONLY, over_users
    from python_jobs.model.fold_in_kernel import add_up_targets, fold_in_users

    tall = H.astype(np.float64)
    movies = np.ascontiguousarray(tall.T)
    indptr = np.require(rows.indptr, np.int64, READ_ONLY)
    indices = np.require(rows.indices, np.int32, READ_ONLY)
    data = np.require(rows.data, np.float32, READ_ONLY)
    W = np.empty((rows.shape[0], H.shape[0]), np.float32)
    with one_blas_thread():
        gram = tall @ tall.T
    # What scikit-learn's `alpha_W` adds.
    gram[np.diag_indices_from(gram)] += alpha * H.shape[1]

    def solve(span: slice) -> None:
        targets, found = np.zeros((2, span.stop - span.start, H.shape[0]))
        add_up_targets(indptr[span.start : span.stop + 1], indices, data, movies, targets)
        fold_in_users(found, gram, targets, FOLD_IN_ITERATIONS, FOLD_IN_TOLERANCE)
        W[span] = found

    over_users(solve, rows.shape[0])
    return W
