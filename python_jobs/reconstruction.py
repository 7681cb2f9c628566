"""How far W × H is from the matrix, over all of its cells, without making the product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CELLS_PER_BLOCK = 1 << 12
"""Stored cells that are predicted at a time: small enough for the cache, and for memory that is
used again and not asked for anew."""


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
    W64, H64 = W.astype(np.float64), H.astype(np.float64)
    observed = _observed_sums(matrix, W64, H64)
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


def _observed_sums(matrix: csr_matrix, W: NDArray[np.float64], H: NDArray[np.float64]) -> _Sums:
    sums = _Sums()
    movie_factors = np.ascontiguousarray(H.T)
    users = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
    for start in range(0, matrix.nnz, CELLS_PER_BLOCK):
        cells = slice(start, start + CELLS_PER_BLOCK)
        left = W.take(users[cells], axis=0)
        right = movie_factors.take(matrix.indices[cells], axis=0)
        predicted = np.einsum("ck,ck->c", left, right)
        errors = matrix.data[cells] - predicted
        sums.squared_error += float(errors @ errors)
        sums.absolute_error += float(np.abs(errors).sum())
        sums.squared_prediction += float(predicted @ predicted)
        sums.prediction += float(predicted.sum())
    return sums
