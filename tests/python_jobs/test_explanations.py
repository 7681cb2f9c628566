"""Explanations against the definition, computed densely in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from python_jobs.explanations import because
from python_jobs.factorization import factorize
from python_jobs.ranking import TopN, top_n_blocks
from python_jobs.settings import Settings


def contributions(
    W: NDArray[np.float32], H: NDArray[np.float32], matrix: csr_matrix, user: int, movie: int
) -> NDArray[np.float64]:
    """Return the contribution of every movie to one user's score of one movie."""
    strengths = matrix[[user]].toarray()[0] * H.astype(np.float64)
    totals = strengths.sum(axis=1)
    carried = W[user].astype(np.float64) * H[:, movie]
    shares = np.divide(strengths, totals[:, None], where=totals[:, None] > 0, out=strengths * 0)
    return np.asarray(carried @ shares)


def everything(W: NDArray[np.float32], H: NDArray[np.float32], matrix: csr_matrix) -> TopN:
    (block,) = top_n_blocks(W, H, matrix, H.shape[1])
    return block


def history(users: int, movies: int, density: float, seed: int) -> csr_matrix:
    rng = np.random.default_rng(seed)
    stars = rng.integers(1, 6, (users, movies)) * (rng.random((users, movies)) < density)
    return csr_matrix(stars.astype(np.float32))


@settings(deadline=None, max_examples=60)
@given(
    users=st.integers(1, 5),
    movies=st.one_of(st.integers(2, 30), st.just(1100)),
    k=st.integers(1, 20),
    density=st.sampled_from([0.1, 0.5, 0.9]),
    zeros=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_names_the_largest_contribution(
    users: int, movies: int, k: int, density: float, zeros: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    W, H = (
        (rng.gamma(0.5, size=shape) * (rng.random(shape) >= zeros)).astype(np.float32)
        for shape in ((users, k), (k, movies))
    )
    matrix = history(users, movies, density, seed)
    block = next(iter(top_n_blocks(W, H, matrix, 7)))
    answers = because(W, H, matrix, block)
    for user, movie, answer in zip(block.users, block.movies, answers, strict=True):
        expected = contributions(W, H, matrix, user, movie)
        if answer < 0:
            assert expected.max() < 1e-30
        else:
            assert matrix[user, answer] > 0
            assert expected[answer] >= expected.max() * (1 - 1e-5)


def test_contributions_sum_to_the_score() -> None:
    """The property that the definition stands on, with factors that a fit has made."""
    matrix = history(60, 40, 0.3, seed=3)
    model = factorize(matrix, Settings(max_components=6))
    block = everything(model.W, model.H, matrix)
    for user, movie, score in list(zip(block.users, block.movies, block.scores, strict=True))[::50]:
        shares = contributions(model.W, model.H, matrix, user, movie)
        assert shares.min() >= 0
        assert shares.sum() == pytest.approx(score, rel=1e-5)


def test_planted_tastes() -> None:
    """Two genres and a user who has seen both: each recommendation owes to its own genre."""
    genre = np.arange(20) % 2
    W, H = np.ones((1, 2), np.float32), np.array([genre == 0, genre == 1]).astype(np.float32)
    matrix = csr_matrix(([1.0, 4.0, 5.0], ([0, 0, 0], [2, 6, 7])), shape=(1, 20))
    block = everything(W, H, matrix)
    assert because(W, H, matrix, block).tolist() == [6 if m % 2 == 0 else 7 for m in block.movies]


def test_equal_contributions_go_by_movie() -> None:
    W, H = np.ones((1, 1), np.float32), np.ones((1, 900), np.float32)
    matrix = csr_matrix(np.r_[0, 0, np.full(700, 3.0), np.zeros(198)][None].astype(np.float32))
    assert set(because(W, H, matrix, everything(W, H, matrix))) == {2}
    matrix.indices, matrix.has_sorted_indices = matrix.indices[::-1].copy(), False
    assert set(because(W, H, matrix, everything(W, H, matrix))) == {2}


def test_nothing_explains_an_empty_history_or_a_score_of_zero() -> None:
    W, H = np.array([[1], [0], [1]], np.float32), np.ones((1, 3), np.float32)
    matrix = csr_matrix(np.array([[0, 0, 0], [0, 5, 0], [0, 5, 0]], np.float32))
    block = everything(W, H, matrix)
    assert because(W, H, matrix, block).tolist() == [-1, -1, -1, -1, -1, 1, 1]


def test_the_same_answers_in_any_blocks() -> None:
    matrix = history(400, 60, 0.2, seed=5)
    model = factorize(matrix, Settings(max_components=5, max_iter=20))
    whole = because(model.W, model.H, matrix, next(iter(top_n_blocks(model.W, model.H, matrix, 8))))
    pieces = [
        because(model.W, model.H, matrix, block)
        for block in top_n_blocks(model.W, model.H, matrix, 8, users_per_block=37)
    ]
    assert np.concatenate(pieces).tobytes() == whole.tobytes()


def test_stacked_models_explain_together() -> None:
    """Contributions under stacked factors are the sums of those under each model's."""
    matrix = history(30, 25, 0.3, seed=7)
    one, two = (factorize(matrix, Settings(max_components=k)) for k in (3, 5))
    W, H = np.hstack([one.W, two.W]) / np.float32(2), np.vstack([one.H, two.H])
    block = everything(W, H, matrix)
    answers = because(W, H, matrix, block)
    for user, movie, answer in list(zip(block.users, block.movies, answers, strict=True))[::20]:
        total = np.sum([contributions(m.W, m.H, matrix, user, movie) for m in (one, two)], axis=0)
        assert total[answer] >= total.max() * (1 - 1e-5)


def test_refuses_what_it_cannot_explain() -> None:
    matrix = history(3, 4, 0.5, seed=1)
    W, H = np.ones((3, 2), np.float32), np.ones((2, 4), np.float32)
    block = everything(W, H, matrix)
    with pytest.raises(ValueError, match="negative"):
        because(-W, H, matrix, block)
    with pytest.raises(ValueError, match="negative"):
        because(W, H, -matrix, block)
    with pytest.raises(ValueError, match="not finite"):
        because(W * np.float32(np.nan), H, matrix, block)
    with pytest.raises(ValueError, match="not finite"):
        because(W, H, matrix * np.float32(np.inf), block)
    with pytest.raises(ValueError, match="the matrix"):
        because(W, H, csr_matrix(hstack([matrix, matrix])), block)
