"""Similar movies against a dense cosine matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from python_jobs.ranking.similarity import similar_movies

Pairs = dict[int, list[tuple[int, float]]]


def pairs(H: NDArray[np.float32], n: int) -> Pairs:
    found = similar_movies(H, n)
    lists: Pairs = {}
    for movie, similar, rank, cosine in zip(
        found.movies.tolist(),
        found.similar.tolist(),
        found.ranks.tolist(),
        found.cosines.tolist(),
        strict=True,
    ):
        lists.setdefault(movie, []).append((similar, cosine))
        assert rank == len(lists[movie])
    assert list(lists) == sorted(lists)
    return lists


@settings(deadline=None, max_examples=60)
@given(
    k=st.integers(1, 6),
    movies=st.one_of(st.integers(1, 30), st.just(600)),
    n=st.integers(1, 40),
    empty=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_the_dense_cosines(k: int, movies: int, n: int, empty: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    H = (rng.gamma(0.5, size=(k, movies)) * (rng.random((k, movies)) >= empty)).astype(np.float32)
    norms = np.linalg.norm(H.astype(np.float64), axis=0)
    with np.errstate(invalid="ignore"):
        cosines = np.nan_to_num((H.T.astype(np.float64) @ H) / np.outer(norms, norms))
    np.fill_diagonal(cosines, 0)
    lists = pairs(H, n)
    for movie in range(movies):
        expected = np.sort(cosines[movie][cosines[movie] > 0])[::-1][:n]
        have = lists.get(movie, [])
        np.testing.assert_allclose([c for _, c in have], expected, atol=1e-6)
        np.testing.assert_allclose([cosines[movie, s] for s, _ in have], expected, atol=1e-6)
        assert len({s for s, _ in have}) == len(have)
        assert movie not in {s for s, _ in have}


def test_movies_without_factors_resemble_nothing() -> None:
    H = np.array([[1, 0, 2, 0, 0], [0, 0, 0, 0, 3]], np.float32)
    assert pairs(H, 3) == {0: [(2, 1.0)], 2: [(0, 1.0)]}
    nothing = similar_movies(np.zeros((2, 4), np.float32), 3)
    assert [column.size for column in vars(nothing).values()] == [0, 0, 0, 0]


def test_equal_cosines_go_by_movie_and_stay_within_one() -> None:
    direction = np.array([[0.1], [0.7], [0.3]])
    lists = pairs((direction * [4, 1, 8, 2]).astype(np.float32), 2)
    assert lists[3] == [(0, 1.0), (1, 1.0)]
    twice = np.repeat(np.random.default_rng(0).random((7, 300), np.float32), 2, axis=1)
    assert similar_movies(twice, 1).cosines.max() == 1


def test_length_does_not_count() -> None:
    """A popular movie is no nearer than an obscure one in the same direction."""
    H = np.array([[1, 100, 0.5], [1, 80, 0.5]], np.float32)
    assert [similar for similar, _ in pairs(H, 2)[0]] == [2, 1]


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_refuses_what_is_not_a_factor(bad: float) -> None:
    H = np.ones((2, 3), np.float32)
    H[1, 2] = bad
    with pytest.raises(ValueError, match="negative or not finite"):
        similar_movies(H, 2)
