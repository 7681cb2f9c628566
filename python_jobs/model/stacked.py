"""The whole model: NMF, and transitions stacked with it where the settings say so.

With W₁ and H₁ of NMF, and W₂ = pasts × P and Q of transitions, β their weight, and n(u) the norm of
a user's row of a product::

    W = [W₁, β · n₁/n₂ · W₂] / (1 + β),   H = [H₁; Q]

so that W × H is a weighted mean of what both say of a user, each as loud as NMF, in the unit of
its scores. It is one non-negative W and one H again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.factorization import Factorization, factorize
from python_jobs.model.fold_in import fold_in
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.settings import Settings
from python_jobs.model.transitions import Transitions, fit_transitions
from python_jobs.model.warm_start import Start, iterations
from python_jobs.model.weighting import require_finite, weigh
from python_jobs.threads import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]


def fit(
    matrix: csr_matrix,
    timestamps: NDArray[np.int64],
    settings: Settings,
    on_step: Callable[[], None] | None = None,
    start: Start | None = None,
) -> Factorization:
    """Fit what the settings say.

    Parameters
    ----------
    matrix
        Scores as they are, float32 CSR with sorted indices, users × movies, all positive.
    timestamps
        Last interaction of each stored cell, in the order of ``matrix.data``; looked at only where
        ``settings.use_times``.
    settings
        All of them count. Without transitions it is NMF, to the bit.
    on_step
        Called as often as :func:`steps` says.
    start
        Where to go on from, with fewer iterations, see :mod:`python_jobs.model.warm_start`; None to
        start from random numbers.

    Raises
    ------
    UserError
        If the settings make numbers that are too large to count with.
    """
    if start is not None:
        settings = iterations(settings)
    fitted = factorize(weigh(matrix, timestamps, settings), settings, on_step, start)
    if not settings.transition_rank:
        return fitted
    transitions = fit_transitions(matrix, timestamps, settings, on_step, start)
    return stack(fitted, transitions, latest_pasts(matrix, timestamps, settings), settings)


def steps(settings: Settings, start: Start | None = None) -> int:
    """Return how many steps a fit has."""
    if start is not None:
        settings = iterations(settings)
    transitions = settings.transition_seeds * settings.transition_iterations
    return len(settings.ranks) + (transitions if settings.transition_rank else 0)


def stack(
    nmf: Factorization, transitions: Transitions, pasts: csr_matrix, settings: Settings
) -> Factorization:
    """Return both as one model; ``pasts`` are of the users of the fit.

    Raises
    ------
    UserError
        As :func:`fit` does.
    """
    require_finite(settings, pasts.data, transitions.P, transitions.Q)
    W = stacked_users(nmf.W, nmf.H, pasts @ transitions.P, transitions.Q, settings)
    return replace(nmf, W=W, H=np.vstack([nmf.H, transitions.Q]), P=transitions.P)


def fold_in_users(
    rows: csr_matrix, pasts: csr_matrix | None, H: Floats, P: Floats | None, settings: Settings
) -> Floats:
    """Return factors of users by what they have done, with H and P held fixed.

    Parameters
    ----------
    rows
        Their scores, weighed as those of the fit were, users × movies.
    pasts
        The same cells as :func:`latest_pasts` has them; None where P is.
    H, P
        As :func:`fit` returned them.
    settings
        What the model was fitted with.

    Returns
    -------
    (users, k) float32
        Each row has the same bits for any number of threads, and for one user as for all of them.
    """
    if P is None or pasts is None:
        return fold_in(rows, H, settings)
    own = H.shape[0] - P.shape[1]
    folded = fold_in(rows, H[:own], settings)
    return stacked_users(folded, H[:own], pasts @ P, H[own:], settings)


def stacked_users(W: Floats, H: Floats, V: Floats, Q: Floats, settings: Settings) -> Floats:
    """Return NMF's user factors W and transitions' V, side by side, V as loud as W.

    A user of whom NMF says nothing has V at norm 1: such a user's order is all that counts.
    """
    share = settings.transition_weight / (1 + settings.transition_weight)
    loudness, norms = norms_of_products(W, H), norms_of_products(V, Q)
    loudness[loudness == 0] = 1.0
    factors = np.divide(share * loudness, norms, out=np.zeros_like(norms), where=norms > 0)
    # In float64 on the way: where a past has faded to 1e-40, the factor is too large for less.
    beside = np.empty_like(V, dtype=np.float32)
    np.multiply(V, factors[:, np.newaxis], out=beside, casting="same_kind")
    return np.hstack([W * np.float32(1 / (1 + settings.transition_weight)), beside]).astype(
        np.float32, copy=False
    )


def norms_of_products(W: Floats, H: Floats) -> NDArray[np.float64]:
    """Return the norm of each row of W × H, without making the product."""
    from python_jobs.compiled import over_users
    from python_jobs.model.transitions_kernel import product_norms

    tall = H.astype(np.float64)
    with one_blas_thread():
        gram = tall @ tall.T
    factors, norms = np.ascontiguousarray(W, np.float32), np.empty(W.shape[0])

    def measure(span: slice) -> None:
        product_norms(factors[span], gram, norms[span])

    over_users(measure, W.shape[0])
    return norms
