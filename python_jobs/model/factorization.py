"""NMF, V ≈ W × H: one factorisation, or several of different ranks and seeds.

Members are averaged by stacking. With W_i and H_i the factors of the i-th of n members::

    W = [W_1 / n, …, W_n / n],   H = [H_1; …; H_n],   so that   W × H = mean of W_i × H_i

which is one non-negative W and one H again: everything that takes factors takes an ensemble. H
holds each member's own H, so that new users can be folded in from H and the settings alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.settings import Settings, choose_rank
from python_jobs.model.warm_start import Start, new_columns
from python_jobs.model.weighting import require_finite

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FOLD_IN_ITERATIONS = 1_000
"""Upper bound of the iterations of a fold-in, which is convex and cheap: it converges."""
FOLD_IN_TOLERANCE = 1e-6
"""Share of a user's first projected gradient at which the user's fold-in ends."""


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
        ``transform`` takes rows scaled as the settings say (:func:`scale_users`).

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
    W_blocks, models = [], []
    ranks = [choose_rank(*matrix.shape, rank) for rank in settings.ranks]
    ends = np.cumsum(ranks)
    for member, rank in enumerate(ranks):
        begun = None
        if start is not None:
            block = start.H[ends[member] - rank : ends[member]]
            begun = _begun(scaled, block, start.known, settings)
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
    )


def fold_in(rows: csr_matrix, H: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """Fit user factors to interactions with the movie factors held fixed.

    Parameters
    ----------
    rows
        Scores of the users to fold in, CSR, users × movies, the columns those of H, weighed as
        those of the fit were.
    H
        Movie factors as :func:`factorize` returned them, k × movies.
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
    return stack_users([_nearest(scaled, block, settings.alpha) for block in blocks], norms)


def _nearest(rows: csr_matrix, H: NDArray[np.float32], alpha: float) -> NDArray[np.float32]:
    """Return the W, rows × k, whose product with H is nearest to the rows, each on its own."""
    from python_jobs.compiled import over_users
    from python_jobs.model.fold_in_kernel import fold_in_users

    tall = H.astype(np.float64)
    # In rows of movies: SciPy would make a copy of that for every span.
    wide = np.ascontiguousarray(tall.T)
    W = np.empty((rows.shape[0], H.shape[0]), np.float32)
    with one_blas_thread():
        gram = tall @ tall.T
    # What scikit-learn's `alpha_W` adds.
    gram[np.diag_indices_from(gram)] += alpha * H.shape[1]

    def solve(span: slice) -> None:
        targets = np.ascontiguousarray(rows[span] @ wide)
        found = np.zeros_like(targets)
        fold_in_users(found, gram, targets, FOLD_IN_ITERATIONS, FOLD_IN_TOLERANCE)
        W[span] = found

    over_users(solve, rows.shape[0])
    return W


def _begun(
    scaled: csr_matrix, H: NDArray[np.float32], known: NDArray[np.bool_], settings: Settings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the W and H that a member goes on from: users folded in, then new movies."""
    W = _nearest(scaled, H, settings.alpha)
    H = H.copy()
    if not known.all():
        H[:, ~known] = _nearest(new_columns(scaled, known), W.T, settings.alpha).T
    return W, H


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep BLAS on one thread: its products here are of k × k matrices.

    A second thread waits for each of them by spinning. With k = 40 on MovieLens' latest-small that
    took eleven times the CPU and, where the other core had work to do, fourteen times as long.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


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


def as_fitted(model: Any, H: NDArray[np.float32], iterations: int, error: float) -> Any:
    """Return an NMF as its own ``fit`` would have left it.

    Parameters
    ----------
    model
        As :func:`new_model` returns it.
    H
        Movie factors, k × movies.
    iterations
        How many there were, from 1.
    error
        The Frobenius norm of what is left: ``reconstruction_err_``.
    """
    rank, movies = H.shape
    model.components_ = np.ascontiguousarray(H)
    model.n_iter_ = iterations
    model.n_components_ = model._n_components = rank
    model._beta_loss = 2
    model.n_features_in_ = movies
    model.reconstruction_err_ = error
    return model


def new_model(settings: Settings, rank: int, member: int, init: str) -> Any:
    """Return the NMF of a member before its fit; its init is ``custom`` where it goes on."""
    from sklearn.decomposition import NMF

    return NMF(
        n_components=rank,
        init=init,
        max_iter=settings.max_iter,
        random_state=settings.random_state + member,
        alpha_W=settings.alpha,
    )


def stack_users(
    W_blocks: list[NDArray[np.float32]], norms: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return the members' user factors side by side, averaged and scaled back by the norms."""
    W = np.hstack(W_blocks) / np.float32(len(W_blocks))
    if norms is not None:
        W *= norms[:, np.newaxis]
    return np.ascontiguousarray(W, dtype=np.float32)


def as_one_model(models: list[Any]) -> Any:
    """Return the one NMF, or a ``FeatureUnion`` of several."""
    if len(models) == 1:
        return models[0]
    from sklearn.pipeline import FeatureUnion

    names = [f"nmf_{member}" for member in range(len(models))]
    weights = dict.fromkeys(names, 1.0 / len(models))
    return FeatureUnion(list(zip(names, models, strict=True)), transformer_weights=weights)
