"""A fit on all cores is scikit-learn's own, to the last bit."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF

from python_jobs.model import threaded_matrix
from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings
from python_jobs.model.threaded_matrix import movie_blocks, on_all_cores, user_blocks


def make(users, movies, density=0.2):
    rng = np.random.default_rng(1)
    stored = rng.random((users, movies)) < density
    return csr_matrix(np.where(stored, rng.random((users, movies), np.float32), np.float32(0)))


@pytest.fixture(params=[2, 3, 7])
def threads(request, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(request.param))
    monkeypatch.setattr(threaded_matrix, "WORTH_IT", 0)
    return request.param


def test_the_factors_are_scikit_learns_own(threads):
    matrix = make(300, 200)
    plain = NMF(6, init="random", max_iter=30, random_state=42)
    with warnings.catch_warnings(action="ignore"):
        W = plain.fit_transform(matrix)
    fitted = factorize(matrix, Settings(max_components=6, max_iter=30))
    assert fitted.W.tobytes() == W.tobytes()
    assert fitted.H.tobytes() == plain.components_.tobytes()
    assert fitted.iterations == plain.n_iter_


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(1, 9))
def test_blocks_are_the_matrix(users, movies, density, count):
    matrix = make(users, movies, density)
    by_users, by_movies = user_blocks(matrix, count), movie_blocks(matrix, count)
    whole = matrix.toarray()
    assert np.array_equal(np.vstack([block.toarray() for block in by_users]), whole)
    assert np.array_equal(np.vstack([block.toarray() for block in by_movies]), whole.T)
    assert max(len(by_users), len(by_movies)) <= count


def test_products_are_shared_out_and_blocks_of_users_are_no_copies(threads):
    matrix = make(400, 300)
    for blocks in (user_blocks(matrix, threads), movie_blocks(matrix, threads)):
        assert len(blocks) == threads
        assert max(block.nnz for block in blocks) < 1.2 * matrix.nnz / threads
    assert all(np.shares_memory(b.data, matrix.data) for b in user_blocks(matrix, threads))
    W, Ht = np.ones((400, 5), np.float32), np.ones((300, 5), np.float32)
    with on_all_cores(matrix) as fast:
        assert type(fast) is not csr_matrix
        assert np.array_equal(fast @ Ht, matrix @ Ht)
        assert np.array_equal(fast.T @ W, matrix.T @ W)


def test_a_small_matrix_stays_as_it_is():
    matrix = make(10, 10)
    with on_all_cores(matrix) as fast:
        assert fast is matrix
