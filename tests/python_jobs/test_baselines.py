"""The baselines, against counting and a dense decomposition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array
from scipy.sparse.linalg import svds

from python_jobs.evaluation.baselines import CELLS_PER_PART, most_popular, pure_svd
from python_jobs.interactions.popularity import CELLS_AT_A_TIME


@pytest.fixture(scope="module")
def scores() -> csr_matrix:
    generator = np.random.default_rng(2)
    return csr_matrix(random_array((40, 25), density=0.3, rng=generator, dtype=np.float32))


def test_most_popular_scores_everyone_by_interactions(scores: csr_matrix) -> None:
    W, H = most_popular(scores)
    counts = (scores.toarray() > 0).sum(axis=0)
    assert W.shape == (40, 1)
    assert H.dtype == W.dtype == np.float32
    np.testing.assert_array_equal(W @ H, np.tile(counts, (40, 1)))


def test_more_interactions_are_counted_than_are_at_a_time() -> None:
    seen = np.random.default_rng(4).random((1_500, 1_000)) < 0.8
    matrix = csr_matrix(seen, dtype=np.float32)
    assert matrix.nnz > CELLS_AT_A_TIME
    np.testing.assert_array_equal(most_popular(matrix)[1][0], seen.sum(axis=0))


def test_pure_svd_is_the_best_approximation_of_its_rank(scores: csr_matrix) -> None:
    """Eckart and Young: the truncated dense decomposition."""
    W, H = pure_svd(scores, 5)
    assert (W.shape, H.shape) == ((40, 5), (5, 25))
    left, values, right = np.linalg.svd(scores.toarray().astype(np.float64), full_matrices=False)
    expected = (left[:, :5] * values[:5]) @ right[:5]
    np.testing.assert_allclose(W @ H, expected, atol=1e-5)


def test_pure_svd_is_scipys_own_for_any_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    drawn = random_array((3_000, 400), density=0.15, rng=generator, dtype=np.float32)
    matrix = csr_matrix(drawn)
    assert matrix.nnz > CELLS_PER_PART
    right = svds(matrix.astype(np.float64), k=4, v0=np.ones(400))[2]
    found = []
    for threads in ("1", "2", "7"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        found.append(pure_svd(matrix, 4))
    for W, H in found:
        assert np.abs(W @ H - matrix.toarray() @ right.T @ right).max() < 1e-6
        np.testing.assert_array_equal(W, found[0][0])
        np.testing.assert_array_equal(H, found[0][1])


def test_pure_svd_is_the_same_each_time(scores: csr_matrix) -> None:
    np.testing.assert_array_equal(pure_svd(scores, 5)[0], pure_svd(scores, 5)[0])


@pytest.mark.parametrize("shape", [(1, 6), (6, 1)])
def test_pure_svd_of_one_user_or_one_movie(shape: tuple[int, int]) -> None:
    matrix = csr_matrix(np.arange(1, 7, dtype=np.float32).reshape(shape))
    W, H = pure_svd(matrix, 1)
    np.testing.assert_allclose(W @ H, matrix.toarray(), rtol=1e-6)
