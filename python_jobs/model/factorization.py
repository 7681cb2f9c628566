"""NMF, V ≈ W × H: one factorisation, or several of different ranks and seeds.

Members are averaged by stacking. With W_i and H_i the factors of the i-th of n members::

    W = [W_1 / n, …, W_n / n],   H = [H_1; …; H_n],   so that   W × H = mean of W_i × H_i

which is one non-negative W and one H again: everything that takes factors takes an ensemble. H
holds each member's own H, so that new users can be folded in from H and the settings alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.fold_in import nearest
from python_jobs.model.members import scale_users, stack_users
from python_jobs.model.settings import Settings, choose_rank
from python_jobs.model.sklearn_nmf import as_fitted, as_one_model, new_model
from python_jobs.model.warm_start import Start, new_columns
from python_jobs.model.weighting import require_finite
from python_jobs.threads import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Factorization:
    """A fitted model: V ≈ W × H, all of it non-negative."""

    W: NDArray[np.float32]
    """User factors, users × k."""
    H: NDArray[np.float32]
    """Movie factors, k × movies."""
    model: Any
    """The fitted ``sklearn.decomposition.NMF``."""
    iterations: int
    """Iterations that the solver used, at least 1."""
    converged: bool
    """Whether it stopped because it had converged and not at ``max_iter``."""
    P: NDArray[np.float32] | None = None
    """Where transitions are stacked with it, what their part of W is made from, movies × their
    rank: :mod:`python_jobs.model.transitions`. ``iterations``, ``converged`` and ``model`` are
    NMF's. None where there are none."""
    began: NDArray[np.float32] | None = None
    """NMF's W that it went on from, users × k; None where it started afresh."""

    @property
    def of_nmf(self) -> NDArray[np.float32]:
        """The columns of W that are NMF's."""
        return self.W[:, : self.W.shape[1] - (0 if self.P is None else self.P.shape[1])]


def factorize(
    matrix: csr_matrix,
    settings: Settings,
    on_member: Callable[[], None] | None = None,
    start: Start | None = None,
) -> Factorization:
    """Fit scikit-learn's NMF, to the bit, once for each member, and stack the factors.

    Parameters
    ----------
    matrix
        Scores, float32 CSR, users × movies, non-negative, as
        :func:`python_jobs.model.weighting.weigh` returns them. float32 is what keeps scikit-learn
        from making a float64 copy.
    settings
        Ranks, seed, iterations, initialisation, regularisation and scaling.
    on_member
        Called after each member's fit.
    start
        Where to go on from; None for scikit-learn's own initialisation.

    Returns
    -------
    Factorization
        W × H approximates the matrix. ``iterations`` is the most that any member used, and
        ``converged`` whether all did. ``model`` is the NMF, or a ``FeatureUnion`` of several; its
        ``transform`` takes rows scaled as the settings say:
        :func:`python_jobs.model.members.scale_users`.

    Raises
    ------
    UserError
        If the settings make numbers that are too large to count with.

    Notes
    -----
    The solver is coordinate descent: Cichocki and Phan, "Fast local algorithms for large scale
    nonnegative matrix and tensor factorizations" (2009), as scikit-learn implements it.
    """
    scaled, norms = scale_users(matrix, settings)
    W_blocks, models, began = [], [], []
    ranks = [choose_rank(*matrix.shape, rank) for rank in settings.ranks]
    ends = np.cumsum(ranks)
    for member, rank in enumerate(ranks):
        begun = None
        if start is not None:
            block = start.H[ends[member] - rank : ends[member]]
            begun = _begun(scaled, block, start.known, settings)
            began.append(begun[0])
        model, W = _fit_member(scaled, settings, rank, member, begun)
        W_blocks.append(W)
        models.append(model)
        require_finite(settings, W, model.components_)
        if on_member:
            on_member()
    iterations = max(int(model.n_iter_) for model in models)
    return Factorization(
        W=stack_users(W_blocks, norms),
        H=np.ascontiguousarray(np.vstack([m.components_ for m in models]), dtype=np.float32),
        model=as_one_model(models),
        iterations=iterations,
        converged=iterations < settings.max_iter,
        began=stack_users(began, norms) if began else None,
    )


def _begun(
    scaled: csr_matrix, H: NDArray[np.float32], known: NDArray[np.bool_], settings: Settings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the W and H that a member goes on from: users folded in, then new movies."""
    W = nearest(scaled, H, settings.alpha)
    H = H.copy()
    if not known.all():
        H[:, ~known] = nearest(new_columns(scaled, known), W.T, settings.alpha).T
    return W, H


def _fit_member(
    matrix: csr_matrix,
    settings: Settings,
    rank: int,
    member: int,
    begun: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
) -> tuple[Any, NDArray[np.float32]]:
    # Private; the tests hold the fit against NMF's own.
    from sklearn.decomposition._nmf import _initialize_nmf

    from python_jobs.model.descent import descended

    model = new_model(settings, rank, member, "custom" if begun else settings.init)
    with one_blas_thread():
        W, H = begun or _initialize_nmf(
            matrix, rank, init=settings.init, random_state=model.random_state
        )
        found = descended(matrix, W, H, settings.max_iter, settings.alpha)
    return as_fitted(model, found.H, found.iterations, found.error), found.W
