"""Fits and fold-ins, against scikit-learn, the mean of separate fits and least squares."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse import csr_matrix, random_array
from sklearn.decomposition import NMF

from python_jobs.model.factorization import factorize
from python_jobs.model.fold_in import fold_in
from python_jobs.model.members import member_ranks, scale_users
from python_jobs.model.settings import Settings

RANKS = (2, 5, 3)


@pytest.fixture(scope="module")
def scores() -> csr_matrix:
    generator = np.random.default_rng(4)
    matrix = csr_matrix(random_array((60, 40), density=0.25, rng=generator, dtype=np.float32))
    matrix.data = 1.0 + 4.0 * matrix.data
    return matrix


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
def test_the_defaults_are_scikit_learns_plain_fit(scores: csr_matrix) -> None:
    plain = NMF(n_components=10, init="random", max_iter=200, random_state=42)
    W = plain.fit_transform(scores)
    fitted = factorize(scores, Settings())
    np.testing.assert_array_equal(fitted.W, W)
    np.testing.assert_array_equal(fitted.H, plain.components_)
    assert fitted.iterations == plain.n_iter_
    assert isinstance(fitted.model, NMF)


@pytest.mark.parametrize("settings", [Settings(), Settings(alpha=0.01, user_scaling=0.5)])
def test_a_stacked_ensemble_scores_the_mean_of_its_members(
    scores: csr_matrix, settings: Settings
) -> None:
    together = factorize(scores, dataclasses.replace(settings, ensemble_ranks=RANKS))
    alone = [
        factorize(
            scores,
            dataclasses.replace(settings, max_components=rank, random_state=42 + member),
        )
        for member, rank in enumerate(RANKS)
    ]
    expected = np.mean([fit.W.astype(np.float64) @ fit.H for fit in alone], axis=0)
    np.testing.assert_allclose(together.W @ together.H, expected, rtol=1e-5, atol=1e-6)
    assert together.W.shape == (60, 10)
    assert together.H.shape == (10, 40)
    assert together.W.dtype == together.H.dtype == np.float32
    assert min(together.W.min(), together.H.min()) >= 0
    assert together.iterations == max(fit.iterations for fit in alone)
    assert together.converged == all(fit.converged for fit in alone)


def brute_force_fold_in(
    row: NDArray[np.float32], H: NDArray[np.float32], ridge: float
) -> NDArray[np.float64]:
    """Minimise |row - w H|² + ridge × |w|² over w >= 0 by active sets (Lawson and Hanson)."""
    k = H.shape[0]
    stacked = np.vstack([H.T.astype(np.float64), np.sqrt(ridge) * np.eye(k)])
    solution, _ = nnls(stacked, np.concatenate([row.astype(np.float64), np.zeros(k)]))
    return np.asarray(solution)


@pytest.mark.parametrize("alpha", [0.0, 0.02])
@pytest.mark.parametrize("user_scaling", [0.0, 0.5])
def test_fold_in_is_the_least_squares_of_each_member(
    scores: csr_matrix, alpha: float, user_scaling: float
) -> None:
    settings = Settings(alpha=alpha, user_scaling=user_scaling, ensemble_ranks=RANKS)
    H = factorize(scores, settings).H
    W = fold_in(scores, H, settings)
    for user in range(5):
        row = scores[user].toarray().ravel()
        norm = np.linalg.norm(row) ** user_scaling
        blocks = np.split(H, np.cumsum(RANKS)[:-1])
        expected = [brute_force_fold_in(row / norm, block, alpha * 40) for block in blocks]
        np.testing.assert_allclose(W[user], norm * np.concatenate(expected) / 3, atol=2e-4)


@pytest.mark.parametrize("ranks", [(), RANKS])
def test_fold_in_of_a_trained_user_lands_on_its_factors(
    scores: csr_matrix, ranks: tuple[int, ...]
) -> None:
    settings = Settings(4, 3000, alpha=0.02, user_scaling=0.5, ensemble_ranks=ranks)
    fitted = factorize(scores, settings)
    folded = fold_in(scores, fitted.H, settings)
    np.testing.assert_allclose(folded, fitted.W, atol=0.02 * fitted.W.max())


def test_a_user_is_folded_in_the_same_alone(scores: csr_matrix) -> None:
    settings = Settings(ensemble_ranks=RANKS, alpha=0.01, user_scaling=1.0)
    H = factorize(scores, settings).H
    together = fold_in(scores, H, settings)
    alone = [fold_in(scores[user], H, settings) for user in range(scores.shape[0])]
    assert np.vstack(alone).tobytes() == together.tobytes()


def test_users_without_interactions_fold_in_to_nothing(scores: csr_matrix) -> None:
    settings = Settings(ensemble_ranks=RANKS, user_scaling=0.5)
    H = factorize(scores, settings).H
    assert not fold_in(csr_matrix(np.zeros((2, 40), np.float32)), H, settings).any()


@pytest.mark.parametrize("ranks", [(), RANKS])
def test_the_logged_model_folds_in_too(scores: csr_matrix, ranks: tuple[int, ...]) -> None:
    """From the file that MLflow keeps, read back without pickle."""
    import skops.io

    settings = Settings(4, 500, user_scaling=0.5, alpha=0.02, ensemble_ranks=ranks)
    fitted = factorize(scores, settings)
    model = skops.io.loads(skops.io.dumps(fitted.model), trusted=[])
    scaled, norms = scale_users(scores, settings)
    assert norms is not None
    W = model.transform(scaled) * norms[:, np.newaxis]
    np.testing.assert_allclose(W, fitted.W, atol=0.05 * fitted.W.max())


def test_user_scaling_makes_users_count_alike(scores: csr_matrix) -> None:
    """A user whose scores are ten times as high has the same lists, and ten times the scores."""
    louder = scores.copy()
    louder.data[: louder.indptr[1]] *= 10.0
    settings = Settings(4, user_scaling=1.0)
    usual, changed = (factorize(matrix, settings) for matrix in (scores, louder))
    np.testing.assert_allclose(changed.H, usual.H, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(changed.W[0], 10 * usual.W[0], rtol=1e-3, atol=1e-3)


def test_small_matrices_have_smaller_members() -> None:
    matrix = csr_matrix(np.arange(1, 13, dtype=np.float32).reshape(3, 4))
    settings = Settings(ensemble_ranks=RANKS)
    H = factorize(matrix, settings).H
    assert H.shape == (6, 4)
    assert member_ranks(settings, 6) == [2, 2, 2]
    assert fold_in(matrix, H, settings).shape == (3, 6)
    assert member_ranks(settings, 10) == [2, 5, 3]
    with pytest.raises(ValueError, match="stacked rank of 7"):
        member_ranks(settings, 7)
