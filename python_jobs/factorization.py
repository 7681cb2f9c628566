"""Non-negative matrix factorisation, V ≈ W × H, and how far W × H is from V."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CELLS_PER_BLOCK = 1 << 18
"""Stored cells that are predicted at a time: small enough for the cache."""


@dataclass(frozen=True)
class Settings:
    """What a data scientist turns; the defaults are the project's baseline."""

    max_components: int = 10
    """Upper bound of the rank k; small matrices get less, see :func:`choose_rank`."""
    max_iter: int = 200
    """Upper bound of the solver's iterations."""
    random_state: int = 42
    """Seed of the initial factors."""
    init: str = "random"
    """scikit-learn's name of the initialisation."""


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


def choose_rank(users: int, movies: int, max_components: int) -> int:
    """Return the rank of a users × movies factorisation: below both sides, and at least 1.

    >>> choose_rank(300, 200, max_components=10)
    10
    >>> choose_rank(1, 200, max_components=10)
    1
    """
    return max(1, min(max_components, min(users, movies) - 1))


def factorize(matrix: csr_matrix, settings: Settings) -> Factorization:
    """Fit scikit-learn's NMF.

    Parameters
    ----------
    matrix
        Scores, float32 CSR, users × movies, non-negative. float32 is what keeps scikit-learn from
        making a float64 copy.
    settings
        Rank, iterations, seed and initialisation.

    Notes
    -----
    The solver is coordinate descent: Cichocki and Phan, "Fast local algorithms for large scale
    nonnegative matrix and tensor factorizations" (2009), as scikit-learn implements it.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    model = NMF(
        n_components=choose_rank(*matrix.shape, settings.max_components),
        init=settings.init,
        max_iter=settings.max_iter,
        random_state=settings.random_state,
    )
    with warnings.catch_warnings():
        # Reported as the metric `converged`, where it can be compared between runs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        W = model.fit_transform(matrix)
    iterations = int(model.n_iter_)
    return Factorization(
        W=np.ascontiguousarray(W, dtype=np.float32),
        H=np.ascontiguousarray(model.components_, dtype=np.float32),
        model=model,
        iterations=iterations,
        converged=iterations < settings.max_iter,
    )


def fold_in(rows: csr_matrix, H: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """Fit user factors to interactions with the movie factors held fixed.

    Parameters
    ----------
    rows
        Scores of the users to fold in, CSR, users × movies, the columns those of H.
    H
        Movie factors, k × movies.
    settings
        What the model was fitted with.

    Returns
    -------
    (users, k) float32
        Non-negative; zeros for a user without interactions.
    """
    from sklearn.decomposition import non_negative_factorization

    W, _, _ = non_negative_factorization(
        rows,
        H=H.astype(rows.dtype),
        n_components=H.shape[0],
        init="custom",
        update_H=False,
        max_iter=settings.max_iter,
    )
    return np.ascontiguousarray(W, dtype=np.float32)


def reconstruction_metrics(
    matrix: csr_matrix, W: NDArray[np.float32], H: NDArray[np.float32]
) -> dict[str, float]:
    """Measure W × H against the matrix over all cells, without making the dense product.

    With P the predictions at the stored cells v, and W and H non-negative::

        sum((V - WH)^2) = sum((v - p)^2) - sum(p^2) + sum(W'W * HH')
        sum(|V - WH|)   = sum(|v - p|) - sum(p) + (1'W)(H1)

    Both are accumulated in float64.

    Parameters
    ----------
    matrix
        V, CSR, users × movies; cells that are not stored are zeros.
    W, H
        Factors, users × k and k × movies, non-negative.

    Returns
    -------
    dict
        ``rmse``, ``mae`` and ``reconstruction_error`` over all cells, ``rmse_observed`` and
        ``mae_observed`` over the stored ones (all in units of the score), and ``sparsity``, the
        percentage of empty cells (0–100).
    """
    observed = _observed_sums(matrix, W, H)
    W64, H64 = W.astype(np.float64), H.astype(np.float64)
    squared_product = float(np.sum((W64.T @ W64) * (H64 @ H64.T)))
    product = float(W64.sum(axis=0) @ H64.sum(axis=1))
    # Rounding can leave a sum of squares just below zero where the fit is perfect.
    squared = max(0.0, observed.squared_error - observed.squared_prediction + squared_product)
    absolute = max(0.0, observed.absolute_error - observed.prediction + product)
    cells = matrix.shape[0] * matrix.shape[1]
    return {
        "rmse": float(np.sqrt(squared / cells)),
        "mae": absolute / cells,
        "reconstruction_error": float(np.sqrt(squared)),
        "rmse_observed": float(np.sqrt(observed.squared_error / matrix.nnz)),
        "mae_observed": observed.absolute_error / matrix.nnz,
        "sparsity": 100.0 * (1.0 - matrix.nnz / cells),
    }


@dataclass
class _Sums:
    """Sums over the stored cells, float64."""

    squared_error: float = 0.0
    absolute_error: float = 0.0
    squared_prediction: float = 0.0
    prediction: float = 0.0


def _observed_sums(matrix: csr_matrix, W: NDArray[np.float32], H: NDArray[np.float32]) -> _Sums:
    sums = _Sums()
    movie_factors = np.ascontiguousarray(H.T)
    users = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
    for start in range(0, matrix.nnz, CELLS_PER_BLOCK):
        cells = slice(start, start + CELLS_PER_BLOCK)
        left = W[users[cells]].astype(np.float64)
        right = movie_factors[matrix.indices[cells]]
        predicted = np.einsum("ck,ck->c", left, right)
        errors = matrix.data[cells] - predicted
        sums.squared_error += float(errors @ errors)
        sums.absolute_error += float(np.abs(errors).sum())
        sums.squared_prediction += float(predicted @ predicted)
        sums.prediction += float(predicted.sum())
    return sums
