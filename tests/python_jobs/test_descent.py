"""A fit on all cores is scikit-learn's own, to the last bit."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF

from python_jobs.model import cells
from python_jobs.model.cells import Cells, padded, padded_zeros
from python_jobs.model.descent import descended
from python_jobs.model.descent_kernel import WIDTH
from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings


def make(users, movies, density=0.2):
    rng = np.random.default_rng(1)
    stored = rng.random((users, movies)) < density
    return csr_matrix(np.where(stored, rng.random((users, movies), np.float32), np.float32(0)))


@pytest.fixture(params=[1, 2, 7])
def threads(request, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(request.param))
    monkeypatch.setattr(cells, "WORTH_IT", 0)
    return request.param


# The rank fills a vector, and it does not; there is a penalty, and there is none.
@pytest.mark.parametrize(
    "settings",
    [
        Settings(max_components=6, max_iter=30),
        Settings(max_components=WIDTH + 3, max_iter=30, alpha=0.01),
        Settings(max_components=WIDTH, max_iter=10, init="nndsvda"),
        Settings(max_components=2, max_iter=2_000),
    ],
    ids=["part of a vector", "penalty", "whole vector", "converges"],
)
def test_the_factors_are_scikit_learns_own(threads, settings):
    matrix = make(300, 200)
    plain = NMF(
        settings.max_components,
        init=settings.init,
        max_iter=settings.max_iter,
        alpha_W=settings.alpha,
        random_state=settings.random_state,
    )
    with warnings.catch_warnings(action="ignore"):
        W = plain.fit_transform(matrix)
    fitted = factorize(matrix, settings)
    assert fitted.W.tobytes() == W.tobytes()
    assert fitted.H.tobytes() == plain.components_.tobytes()
    assert fitted.iterations == plain.n_iter_
    assert vars(fitted.model).keys() == vars(plain).keys()
    # Its own is in float32.
    assert fitted.model.reconstruction_err_ == pytest.approx(plain.reconstruction_err_, rel=1e-4)
    left = np.linalg.norm(matrix.toarray() - fitted.W.astype(np.float64) @ fitted.H)
    assert fitted.model.reconstruction_err_ == pytest.approx(left, rel=1e-6)


def test_it_goes_on_from_factors_as_scikit_learn_does(threads):
    matrix = make(300, 200)
    rng = np.random.default_rng(2)
    W, H = rng.random((300, 5), np.float32), rng.random((5, 200), np.float32)
    H[2] = 0  # whose row of HHᵀ is zero: it cannot move W
    plain = NMF(5, init="custom", max_iter=7)
    with warnings.catch_warnings(action="ignore"):
        expected = plain.fit_transform(matrix, W=W.copy(), H=H.copy())
    found = descended(matrix, W, H, 7, 0.0)
    assert found.W.tobytes() == expected.tobytes()
    assert found.H.tobytes() == plain.components_.tobytes()


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(1, 20))
def test_the_products_are_scipys(users, movies, density, k):
    matrix, rng = make(users, movies, density), np.random.default_rng(3)
    W, Ht = rng.random((users, k), np.float32), rng.random((movies, k), np.float32)
    of, user_sums, movie_sums = Cells.of(matrix), padded_zeros(users, k), padded_zeros(movies, k)
    for span in of.spans:
        of.add_up_users(span, padded(Ht), user_sums)
    for work in of.movie_sums(padded(W), movie_sums):
        work()
    assert np.array_equal(user_sums[:, :k], matrix @ Ht)
    assert np.array_equal(movie_sums[:, :k], matrix.T @ W)
    assert not user_sums[:, k:].any()


def test_cells_are_shared_out(threads):
    matrix = make(400, 300)
    of = Cells.of(matrix)
    assert np.shares_memory(of.rows.data, matrix.data)
    assert np.shares_memory(of.rows.indices, matrix.indices)
    assert [span.start for span in of.spans[1:]] == [span.stop for span in of.spans[:-1]]
    each = [of.rows.indptr[span.stop] - of.rows.indptr[span.start] for span in of.spans]
    assert sum(each) == matrix.nnz
    assert max(each) < 1.5 * matrix.nnz / len(of.spans)
    each = [rows.data.size for rows in of.by_movies]
    assert sum(each) == matrix.nnz
    assert len(each) == threads
    assert max(each) < 1.2 * matrix.nnz / threads
    if threads == 1:
        assert of.by_movies[0] is of.rows


def test_rows_of_factors_begin_with_a_line_of_the_cache():
    factors = padded(np.ones((3, 5), np.float32))
    assert factors.ctypes.data % 64 == 0
    assert factors.strides == (64, 4)
    assert factors.sum() == 15


def test_a_small_matrix_takes_one_thread(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "4")
    assert Cells.of(make(10, 10)).threads == 1
