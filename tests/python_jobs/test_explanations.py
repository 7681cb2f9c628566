"""Explanations against the definition, computed densely in float64."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings
from python_jobs.ranking.explanation_kernel import ENOUGH, MOST_NAMED, RANKS
from python_jobs.ranking.explanations import explain
from python_jobs.ranking.top_n import TopN, top_n_blocks


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
    answers = explain(W, H, matrix, block).strongest
    for user, movie, answer in zip(block.users, block.movies, answers, strict=True):
        expected = contributions(W, H, matrix, user, movie)
        if answer < 0:
            assert expected.max() < 1e-30
        else:
            assert matrix[user, answer] > 0
            assert expected[answer] >= expected.max() * (1 - 1e-5)


@settings(deadline=None, max_examples=60)
@given(
    movies=st.sampled_from([12, 60, 400]),
    k=st.integers(1, 6),
    history_size=st.sampled_from([1, 3, 8, 300]),
    n=st.sampled_from([4, 20, 90]),
    seed=st.integers(0, 2**32 - 1),
)
def test_names_a_movie_three_times_and_then_the_next_best(
    movies: int, k: int, history_size: int, n: int, seed: int
) -> None:
    """Against the rule in Python, step by step. Where the kernel's float32 cannot tell whether one
    contribution is as large as another, or as half of it, either answer will do."""
    rng = np.random.default_rng(seed)
    W, H = (rng.gamma(0.5, size=s).astype(np.float32) for s in ((3, k), (k, movies)))
    stars = np.zeros((3, movies), np.float32)
    for row in stars:
        row[rng.permutation(movies)[:history_size]] = rng.integers(1, 6)
    matrix = csr_matrix(stars)
    block = next(iter(top_n_blocks(W, H, matrix, n)))
    explained = explain(W, H, matrix, block)
    for user in np.unique(block.users):
        of_user = block.users == user
        named: Counter[int] = Counter()
        for movie, answer, strongest in zip(
            block.movies[of_user],
            explained.because[of_user].tolist(),
            explained.strongest[of_user].tolist(),
            strict=True,
        ):
            shares = contributions(W, H, matrix, int(user), int(movie))
            if strongest < 0:
                assert answer < 0
                continue
            if named[strongest] < MOST_NAMED:
                assert answer == strongest
            else:
                free = [m for m in np.flatnonzero(stars[user]) if named[int(m)] < MOST_NAMED]
                best = max((shares[m] for m in free), default=0.0)
                enough = ENOUGH * shares[strongest]
                if answer == strongest:
                    assert best <= enough * (1 + 1e-4)
                else:
                    assert answer in free
                    assert shares[answer] >= best * (1 - 1e-4)
                    assert best >= enough * (1 - 1e-4)
            named[answer] += 1


def one_feature(strengths: list[float], recommendable: int) -> tuple[list[int], list[int]]:
    """Explain the list of a user of one taste, whose history contributes as its scores are."""
    movies = len(strengths) + recommendable
    W, H = np.ones((1, 1), np.float32), np.ones((1, movies), np.float32)
    matrix = csr_matrix(np.array([strengths + [0.0] * recommendable], np.float32))
    explained = explain(W, H, matrix, everything(W, H, matrix))
    return explained.because.tolist(), explained.strongest.tolist()


def test_half_as_much_is_enough_and_less_is_not() -> None:
    because, strongest = one_feature([1.99, 4.0, 2.0], 8)
    assert because == [1, 1, 1, 2, 2, 2, 1, 1]
    assert strongest == [1] * 8


def test_the_larger_of_those_left_comes_first_and_the_lower_of_equal_ones() -> None:
    because, strongest = one_feature([3.0, 4.0, 3.0, 3.5], 14)
    assert because == [1, 1, 1, 3, 3, 3, 0, 0, 0, 2, 2, 2, 1, 1]
    assert strongest == [1] * 14


def test_the_count_goes_on_in_a_list_longer_than_what_is_held_at_a_time() -> None:
    because, _ = one_feature([3.0, 4.0], 2 * RANKS)
    assert because == [1] * 3 + [0] * 3 + [1] * (2 * RANKS - 6)


def test_every_list_counts_for_itself() -> None:
    W, H = np.ones((2, 1), np.float32), np.ones((1, 6), np.float32)
    matrix = csr_matrix(np.array([[4, 3, 0, 0, 0, 0]] * 2, np.float32))
    explained = explain(W, H, matrix, everything(W, H, matrix))
    assert explained.because.tolist() == [0, 0, 0, 1] * 2


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
    explained = explain(W, H, matrix, block)
    assert explained.strongest.tolist() == [6 if m % 2 == 0 else 7 for m in block.movies]


def test_equal_contributions_go_by_movie() -> None:
    W, H = np.ones((1, 1), np.float32), np.ones((1, 900), np.float32)
    matrix = csr_matrix(np.r_[0, 0, np.full(700, 3.0), np.zeros(198)][None].astype(np.float32))
    assert set(explain(W, H, matrix, everything(W, H, matrix)).strongest) == {2}
    matrix.indices, matrix.has_sorted_indices = matrix.indices[::-1].copy(), False
    assert set(explain(W, H, matrix, everything(W, H, matrix)).strongest) == {2}


def test_nothing_explains_an_empty_history_or_a_score_of_zero() -> None:
    W, H = np.array([[1], [0], [1]], np.float32), np.ones((1, 3), np.float32)
    matrix = csr_matrix(np.array([[0, 0, 0], [0, 5, 0], [0, 5, 0]], np.float32))
    block = everything(W, H, matrix)
    explained = explain(W, H, matrix, block)
    assert explained.because.tolist() == [-1, -1, -1, -1, -1, 1, 1]
    assert explained.strongest.tolist() == [-1, -1, -1, -1, -1, 1, 1]


def test_the_same_answers_in_any_blocks() -> None:
    matrix = history(400, 60, 0.2, seed=5)
    model = factorize(matrix, Settings(max_components=5, max_iter=20))
    whole = explain(model.W, model.H, matrix, next(iter(top_n_blocks(model.W, model.H, matrix, 8))))
    pieces = [
        explain(model.W, model.H, matrix, block)
        for block in top_n_blocks(model.W, model.H, matrix, 8, users_per_block=37)
    ]
    for name in ("because", "strongest"):
        joined = np.concatenate([getattr(piece, name) for piece in pieces])
        assert joined.tobytes() == getattr(whole, name).tobytes()


def test_stacked_models_explain_together() -> None:
    """Contributions under stacked factors are the sums of those under each model's."""
    matrix = history(30, 25, 0.3, seed=7)
    one, two = (factorize(matrix, Settings(max_components=k)) for k in (3, 5))
    W, H = np.hstack([one.W, two.W]) / np.float32(2), np.vstack([one.H, two.H])
    block = everything(W, H, matrix)
    answers = explain(W, H, matrix, block).strongest
    for user, movie, answer in list(zip(block.users, block.movies, answers, strict=True))[::20]:
        total = np.sum([contributions(m.W, m.H, matrix, user, movie) for m in (one, two)], axis=0)
        assert total[answer] >= total.max() * (1 - 1e-5)


def test_refuses_what_it_cannot_explain() -> None:
    matrix = history(3, 4, 0.5, seed=1)
    W, H = np.ones((3, 2), np.float32), np.ones((2, 4), np.float32)
    block = everything(W, H, matrix)
    with pytest.raises(ValueError, match="negative"):
        explain(-W, H, matrix, block)
    with pytest.raises(ValueError, match="negative"):
        explain(W, H, -matrix, block)
    with pytest.raises(ValueError, match="not finite"):
        explain(W * np.float32(np.nan), H, matrix, block)
    with pytest.raises(ValueError, match="not finite"):
        explain(W, H, matrix * np.float32(np.inf), block)
    with pytest.raises(ValueError, match="the matrix"):
        explain(W, H, csr_matrix(hstack([matrix, matrix])), block)
