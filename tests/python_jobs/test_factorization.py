import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_matrix

from python_jobs.evaluation.reconstruction import reconstruction_metrics
from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings, choose_rank

SIDES = st.integers(1, 9)


def _dense_metrics(V, W, H):
    errors = V.astype(np.float64) - W.astype(np.float64) @ H.astype(np.float64)
    stored = V != 0
    return {
        "rmse": np.sqrt(np.mean(errors**2)),
        "mae": np.mean(np.abs(errors)),
        "reconstruction_error": np.linalg.norm(errors),
        "rmse_observed": np.sqrt(np.mean(errors[stored] ** 2)),
        "mae_observed": np.mean(np.abs(errors[stored])),
        "sparsity": 100 * np.mean(~stored),
    }


@st.composite
def _matrix_and_factors(draw):
    users, movies, rank = draw(SIDES), draw(SIDES), draw(st.integers(1, 4))
    score = st.sampled_from([0, 0, 0.5, 1, 3.5, 6])
    V = draw(arrays(np.float32, (users, movies), elements=score))
    V[draw(st.integers(0, users - 1)), draw(st.integers(0, movies - 1))] = 4
    factor = st.floats(0, 3, width=32)
    W = draw(arrays(np.float32, (users, rank), elements=factor))
    H = draw(arrays(np.float32, (rank, movies), elements=factor))
    return V, W, H


@settings(deadline=None)  # The first example may have to wait for the compiler.
@given(_matrix_and_factors())
def test_metrics_equal_the_dense_computation(drawn):
    V, W, H = drawn
    measured = reconstruction_metrics(csr_matrix(V), W, H)
    assert measured == pytest.approx(_dense_metrics(V, W, H), rel=1e-6, abs=1e-6)


def test_metrics_equal_the_dense_computation_over_several_spans(monkeypatch):
    monkeypatch.setattr("python_jobs.compiled.USERS_PER_SPAN", 7)
    random = np.random.default_rng(1)
    V = (random.random((40, 30)) < 0.3) * random.integers(1, 7, (40, 30)).astype(np.float32)
    W, H = random.random((40, 5), np.float32), random.random((5, 30), np.float32)
    measured = reconstruction_metrics(csr_matrix(V, dtype=np.float32), W, H)
    assert measured == pytest.approx(_dense_metrics(V, W, H), rel=1e-6)


def test_a_perfect_fit_measures_zero():
    W, H = np.ones((3, 1), np.float32), np.full((1, 4), 2, np.float32)
    measured = reconstruction_metrics(csr_matrix(W @ H), W, H)
    assert measured["rmse"] == measured["mae"] == measured["sparsity"] == 0


@pytest.mark.parametrize(
    ("users", "movies", "max_components", "rank"),
    [(300, 200, 10, 10), (5, 200, 10, 4), (300, 3, 10, 2), (1, 200, 10, 1), (300, 1, 10, 1)],
)
def test_the_rank_stays_below_both_sides(users, movies, max_components, rank):
    assert choose_rank(users, movies, max_components) == rank


def test_a_planted_product_is_found_again_in_float32():
    random = np.random.default_rng(2)
    V = random.random((60, 3), np.float32) @ random.random((3, 50), np.float32)
    fitted = factorize(csr_matrix(V), Settings(max_components=3, max_iter=2000))
    assert fitted.W.dtype == fitted.H.dtype == np.float32
    assert (fitted.W >= 0).all()
    assert (fitted.H >= 0).all()
    assert np.abs(fitted.W @ fitted.H - V).max() < 0.05 * V.max()


def test_it_says_whether_it_converged():
    V = csr_matrix(np.random.default_rng(3).random((30, 20), np.float32))
    stopped = factorize(V, Settings(max_components=5, max_iter=2))
    assert (stopped.iterations, stopped.converged) == (2, False)
    finished = factorize(V, Settings(max_components=1, max_iter=500))
    assert finished.iterations < 500
    assert finished.converged


def test_the_same_seed_gives_the_same_factors():
    V = csr_matrix(np.random.default_rng(4).random((30, 20), np.float32))
    first, second, other = (factorize(V, Settings(random_state=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.W, second.W)
    assert not np.array_equal(first.W, other.W)
