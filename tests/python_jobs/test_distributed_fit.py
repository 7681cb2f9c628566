"""The fit in partitions is the fit of one process: no cluster, no server."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from python_jobs.distributed.fit import Fitted, fit
from python_jobs.distributed.fit_tasks import size_of
from python_jobs.distributed.half_steps import (
    Sums,
    movie_step,
    sums_of,
    user_step,
)
from python_jobs.distributed.start import (
    mean_of,
    pieces,
    scale_of,
    start_of_movies,
    start_of_users,
    states_of,
)
from python_jobs.errors import UserError
from python_jobs.model.cells import Cells
from python_jobs.model.descent import TOLERANCE
from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings
from tests.python_jobs.here import Here, Made


def scores(users: int, movies: int, seed: int = 3, density: float = 0.3) -> csr_matrix:
    random = np.random.default_rng(seed)
    seen = random.random((users, movies)) < density
    seen[np.arange(users), random.integers(0, movies, users)] = True
    matrix = csr_matrix(seen * random.uniform(0.5, 6, seen.shape), dtype=np.float32)
    matrix.sort_indices()
    return matrix


def cut(matrix: csr_matrix, bounds: list[int]) -> list[csr_matrix]:
    return [matrix[a:z] for a, z in zip([0, *bounds], [*bounds, matrix.shape[0]], strict=True)]


def fitted(matrix: csr_matrix, bounds: list[int], settings: Settings) -> tuple[Fitted, np.ndarray]:
    parts = cut(matrix, bounds)
    sizes = [size_of(part) for part in parts]
    found = fit(
        Here(), [Made(part) for part in parts], sizes, matrix.shape[1], settings, lambda: None
    )
    return found, np.vstack(Here().results(found.W))


def assert_same(matrix: csr_matrix, bounds: list[int], settings: Settings) -> Fitted:
    whole = factorize(matrix, settings)
    found, W = fitted(matrix, bounds, settings)
    assert found.iterations == whole.iterations
    assert found.converged == whole.converged
    for ours, theirs in ((W, whole.W), (found.H, whole.H)):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert np.linalg.norm(ours - theirs) <= 1e-4 * np.linalg.norm(theirs)
    return found


SHAPES = {
    "two": (60, 40, [30]),
    "one user in a partition": (60, 40, [1, 2, 59]),
    "empty partitions": (60, 40, [0, 0, 20, 20, 60]),
    "more partitions than users": (3, 20, [0, 1, 1, 2, 3, 3, 3]),
    "one user": (1, 20, [0, 1]),
    "one movie": (20, 1, [7]),
    "more movies than users": (12, 90, [5]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_any_cut_gives_the_model_of_one_process(name):
    users, movies, bounds = SHAPES[name]
    assert_same(scores(users, movies), bounds, Settings(5, max_iter=30))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(1, max_iter=30),
        Settings(4, max_iter=30, alpha=0.01),
        Settings(4, max_iter=30, user_scaling=0.7),
        Settings(max_iter=30, ensemble_ranks=(2, 5), alpha=0.002, user_scaling=1.0, random_state=7),
    ],
)
def test_every_setting_gives_the_model_of_one_process(settings):
    assert_same(scores(60, 40), [11, 40], settings)


@given(st.integers(1, 25), st.integers(1, 15), st.integers(0, 99), st.data())
@pytest.mark.filterwarnings("ignore:invalid value")  # scikit-learn's own error of an exact fit
@hypothesis_settings(max_examples=25, deadline=None)
def test_any_shape_in_any_cut(users, movies, seed, data):
    bounds = sorted(data.draw(st.lists(st.integers(0, users), max_size=6)))
    # Few iterations: chaos has no time to make much of the last bit.
    assert_same(scores(users, movies, seed), bounds, Settings(3, max_iter=5))


def test_it_stops_where_one_process_stops():
    random = np.random.default_rng(0)
    exact = csr_matrix(random.random((50, 2)) @ random.random((2, 30)), dtype=np.float32)
    found = assert_same(exact, [20], Settings(2, max_iter=2_000))
    assert found.converged
    assert 1 < found.iterations < 2_000


def test_nothing_to_improve_ends_at_once():
    empty = csr_matrix(np.zeros((6, 5), np.float32))
    found, W = fitted(empty, [2], Settings(2))
    assert found.iterations == factorize(empty, Settings(2)).iterations == 1
    assert not W.any()


def test_the_model_is_scikit_learns():
    matrix, settings = scores(60, 40), Settings(ensemble_ranks=(3, 4), max_iter=40, alpha=0.01)
    whole, found = factorize(matrix, settings).model, assert_same(matrix, [30], settings).model
    for (name, theirs), (_, ours) in zip(
        whole.transformer_list, found.transformer_list, strict=True
    ):
        assert vars(ours).keys() == vars(theirs).keys(), name
        assert ours.get_params() == theirs.get_params()
        assert ours.n_iter_ == theirs.n_iter_
        assert ours.reconstruction_err_ == pytest.approx(theirs.reconstruction_err_, rel=1e-5)
    np.testing.assert_allclose(found.transform(matrix), whole.transform(matrix), atol=2e-3)


def test_the_same_cut_has_the_same_bits_for_any_number_of_cores(monkeypatch):
    matrix, settings = scores(60, 40), Settings(4, max_iter=10)
    monkeypatch.setattr("python_jobs.model.cells.WORTH_IT", 1)
    found = {}
    for threads in ("1", "2", "7"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        found[threads] = fitted(matrix, [25], settings)
    for threads in ("2", "7"):
        assert np.array_equal(found[threads][1], found["1"][1])
        assert np.array_equal(found[threads][0].H, found["1"][0].H)


def test_the_start_is_scikit_learns_to_the_bit():
    from sklearn.decomposition._nmf import _initialize_nmf

    matrix, k, seed, bounds = scores(300, 70), 6, 11, [0, 100, 101, 300]
    W, H = _initialize_nmf(matrix, k, init="random", random_state=seed)
    parts = cut(matrix, bounds)
    first, found = 0, []
    for part in parts:
        found += pieces(part.data, first, matrix.nnz, *matrix.shape)
        first += part.nnz
    scale = scale_of(mean_of(found, matrix.nnz), k)
    assert np.array_equal(start_of_movies(seed, k, 70, scale).T, H)
    sizes = [part.shape[0] for part in parts]
    states = states_of(seed, k, 70, sizes)
    ours = [
        start_of_users(state, rows, k, scale) for state, rows in zip(states, sizes, strict=True)
    ]
    assert np.array_equal(np.vstack(ours), W)


@pytest.mark.parametrize("cells", [1, 7, 100, 129, 1_000, 100_003])
def test_the_mean_is_that_of_the_whole_to_the_bit(cells):
    random = np.random.default_rng(cells)
    data = random.uniform(0.1, 5, cells).astype(np.float32)
    row = csr_matrix((data, np.arange(cells), [0, cells]), shape=(1, cells + 9))
    for parts in (1, 2, 5, 40):
        bounds = np.sort(random.integers(0, cells + 1, parts - 1))
        found, first = [], 0
        for piece in np.split(data, bounds):
            found += pieces(piece, first, cells, *row.shape)
            first += piece.size
        assert mean_of(found, cells) == row.mean()


def test_a_half_step_is_nmfs(monkeypatch):
    """scikit-learn's function is private: it must still be what NMF is made of."""
    matrix, ridge = scores(40, 30), 0.05
    W = np.random.default_rng(1).random((40, 4), np.float32)
    H = np.random.default_rng(2).random((4, 30), np.float32)
    model = NMF(4, init="custom", max_iter=1, alpha_W=ridge)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = model.fit_transform(matrix, W=W.copy(), H=H.copy())
    V, Ht = Cells.of(matrix), np.ascontiguousarray(H.T)
    users = user_step(V, W, Ht, ridge * 30)
    movies = movie_step(Ht, sums_of(V, users), ridge * 40)
    np.testing.assert_allclose(users.factors, theirs, rtol=1e-6)
    np.testing.assert_allclose(movies.factors.T, model.components_, rtol=1e-6)
    assert movies.violation > users.violation > 0


def test_violations_are_added_up_in_float64():
    rows = 12_288
    matrix = csr_matrix(np.full((rows, 1), 3, np.float32))
    W, Ht = np.full((rows, 1), 1.0, np.float32), np.ones((1, 1), np.float32)
    one = user_step(Cells.of(matrix[:1]), W[:1], Ht, 0.0)
    all_ = user_step(Cells.of(matrix), W, Ht, 0.0)
    assert all_.violation == rows * one.violation
    large = Sums(np.zeros((1, 1), "f4"), np.zeros((1, 1), "f4"), 2.0**26)
    small = Sums(np.zeros((1, 1), "f4"), np.zeros((1, 1), "f4"), 1.0)
    # In float32 a hundred ones would leave it where it is.
    assert sum([small] * 99, large + small).violation == 2.0**26 + 100


def test_what_a_step_was_given_is_left_as_it_is():
    matrix = scores(40, 30)
    W, Ht = np.ones((40, 3), np.float32), np.ones((30, 3), np.float32)
    for array in (W, Ht):
        array.flags.writeable = False
    V = Cells.of(matrix)
    users = user_step(V, W, Ht, 0.0)
    movie_step(Ht, sums_of(V, users), 0.0)
    assert (W == 1).all()
    assert (Ht == 1).all()
    assert not (users.factors == 1).all()


def test_too_large_numbers_are_refused_in_words():
    matrix = scores(20, 10)
    matrix.data[:] = np.float32(3e38)
    with np.errstate(all="ignore"), pytest.raises(UserError, match="too large to count with"):
        fitted(matrix, [5], Settings(3, max_iter=3, alpha=0.5))


def test_tolerance_is_scikit_learns():
    assert NMF().tol == TOLERANCE
