"""How far W × H is from the matrix, over all of its cells, without making the product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


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
    return distance(sums_of(matrix, W, H), H, matrix.shape, matrix.nnz)


@dataclass(frozen=True)
class Sums:
    """Of some of the users; those of all are the sum. In float64."""

    observed: NDArray[np.float64]
    """Over the stored cells: squared and absolute errors, squared predictions, predictions."""
    WtW: NDArray[np.float64]
    W: NDArray[np.float64]
    """Of each feature over the users."""

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.observed + other.observed, self.WtW + other.WtW, self.W + other.W)


def sums_of(matrix: csr_matrix, W: NDArray[np.float32], H: NDArray[np.float32]) -> Sums:
    """Return what the metrics of some users are made of; as for :func:`reconstruction_metrics`."""
    W64, H64 = W.astype(np.float64), H.astype(np.float64)
    return Sums(_observed_sums(matrix, W64, H64), W64.T @ W64, W64.sum(axis=0))


def distance(
    sums: Sums, H: NDArray[np.float32], shape: tuple[int, int], stored: int
) -> dict[str, float]:
    """Return the metrics of :func:`reconstruction_metrics`, of the sums over all users.

    ``shape`` and ``stored`` are of the whole matrix.
    """
    H64 = H.astype(np.float64)
    squared_error, absolute_error, squared_prediction, prediction = map(float, sums.observed)
    squared_product = float(np.sum(sums.WtW * (H64 @ H64.T)))
    product = float(sums.W @ H64.sum(axis=1))
    # Rounding can leave a sum of squares just below zero where the fit is perfect.
    squared = max(0.0, squared_error - squared_prediction + squared_product)
    absolute = max(0.0, absolute_error - prediction + product)
    cells = shape[0] * shape[1]
    return {
        "rmse": float(np.sqrt(squared / cells)),
        "mae": absolute / cells,
        "reconstruction_error": float(np.sqrt(squared)),
        "rmse_observed": float(np.sqrt(squared_error / stored)),
        "mae_observed": absolute_error / stored,
        "sparsity": 100.0 * (1.0 - stored / cells),
    }


def _observed_sums(
    matrix: csr_matrix, W: NDArray[np.float64], H: NDArray[np.float64]
) -> NDArray[np.float64]:
    from python_jobs.compiled import FOR_KERNELS, over_users
    from python_jobs.evaluation.reconstruction_kernel import sum_users

    movie_factors = np.require(H.T, np.float64, FOR_KERNELS)
    indptr = np.require(matrix.indptr, np.int64, FOR_KERNELS)
    indices = np.require(matrix.indices, np.int32, FOR_KERNELS)
    data = np.require(matrix.data, np.float32, FOR_KERNELS)
    sums = np.zeros((W.shape[0], 4))

    def add_up(span: slice) -> None:
        ends = slice(span.start, span.stop + 1)
        sum_users(W[span], movie_factors, indptr[ends], indices, data, sums[span])

    over_users(add_up, W.shape[0])
    # One user after the other, so that the sums are the same for any number of threads.
    return np.asarray(sums.sum(axis=0))
