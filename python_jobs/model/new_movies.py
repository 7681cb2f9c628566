"""Factors of movies that nobody has seen, from what they are.

Each latent feature of the movies that were learned is regressed on their traits, with coefficients
that are not negative, and shrunk: H ≈ (X B)ᵀ, B ≥ 0, X movies × traits. A new movie's factors are
its traits times B, so that W × H stays one non-negative product, and says of a new movie what it
says of movies like it. After Gantner et al., "Learning attribute-to-feature mappings for cold-start
recommendations" (ICDM 2010).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SHRINKAGE = 100.0
"""Weight of the squared coefficients, in movies: a trait of a hundred movies says half of what it
would say alone. Of 1, 10 and 100 it ranked best on movies that were held out (docs/quality.md)."""


def factors_of_new(
    known: csr_matrix, H: NDArray[np.float32], new: csr_matrix
) -> NDArray[np.float32]:
    """Return the factors of new movies.

    Parameters
    ----------
    known
        Traits of the movies of H, movies × traits, 0 and above.
    H
        Movie factors, k × movies, 0 and above.
    new
        Traits of the new movies, new movies × traits.

    Returns
    -------
    H : (k, new movies) float32
        Their factors, 0 and above.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Ridge

    def with_everyones(traits: csr_matrix) -> csr_matrix:
        # One that all have: what a movie gets of which little is known.
        return csr_matrix(hstack([traits, csr_matrix(np.ones((traits.shape[0], 1)))]))

    regression = Ridge(alpha=SHRINKAGE, fit_intercept=False, positive=True, solver="lbfgs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(with_everyones(known), H.T.astype(np.float64))
    coefficients = np.atleast_2d(regression.coef_)
    predicted = with_everyones(new) @ coefficients.T
    return np.ascontiguousarray(np.maximum(predicted, 0).T, dtype=np.float32)
