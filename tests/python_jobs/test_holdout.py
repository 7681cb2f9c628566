"""The splits, against a plain sort of each user's interactions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from python_jobs.errors import UserError
from python_jobs.evaluation.holdout import Holdout, hold_out
from python_jobs.interactions import histories

Cells = list[tuple[int, int, int]]


def matrix_of(cells: Cells, shape: tuple[int, int]) -> tuple[csr_matrix, Any]:
    """Return (matrix, timestamps) of (user, movie, time) triples."""
    cells = sorted(cells)
    users, movies, times = (np.array(column) for column in zip(*cells, strict=True))
    scores = np.arange(1, len(cells) + 1, dtype=np.float32)
    return csr_matrix((scores, (users, movies)), shape=shape), times.astype(np.int64)


def cells_of(part: csr_matrix) -> set[tuple[int, int, float]]:
    users, movies = part.nonzero()
    return set(zip(users.tolist(), movies.tolist(), part.data.tolist(), strict=True))


@st.composite
def interactions(draw: st.DrawFn) -> Cells:
    pairs = st.tuples(st.integers(0, 6), st.integers(0, 14))
    drawn = draw(st.dictionaries(pairs, st.integers(0, 4), min_size=1, max_size=80))
    return [(user, movie, time) for (user, movie), time in drawn.items()]


@given(interactions())
@settings(deadline=None)
def test_temporal_is_the_tail_of_each_users_history(cells: Cells) -> None:
    matrix, timestamps = matrix_of(cells, (7, 15))
    expected = set()
    for user in range(7):
        history = sorted((time, movie) for who, movie, time in cells if who == user)
        if len(history) >= 5:
            tail = history[-math.ceil(len(history) / 5) :]
            expected |= {(user, movie) for _, movie in tail}
    if not expected:
        with pytest.raises(UserError, match="5 interactions"):
            hold_out(matrix, timestamps)
        return
    split = hold_out(matrix, timestamps)
    assert {(user, movie) for user, movie, _ in cells_of(split.test)} == expected
    assert cells_of(split.test) | cells_of(split.train) == cells_of(matrix)
    assert split.test.nnz + split.train.nnz == matrix.nnz
    assert split.train.has_canonical_format
    assert split.train.shape == split.test.shape == matrix.shape


@pytest.mark.parametrize("cells_per_block", [1, 7, 1 << 20])
def test_blocks_do_not_change_the_split(
    cells_per_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(3)
    cells = [
        (user, int(movie), int(generator.integers(0, 9)))
        for user in range(20)
        for movie in generator.permutation(40)[: generator.integers(0, 30)]
    ]
    matrix, timestamps = matrix_of(cells, (20, 40))
    expected = hold_out(matrix, timestamps)
    monkeypatch.setattr(histories, "CELLS_PER_BLOCK", cells_per_block)
    assert cells_of(hold_out(matrix, timestamps).test) == cells_of(expected.test)


@pytest.mark.parametrize(
    ("count", "held_out"), [(4, 0), (5, 1), (6, 2), (10, 2), (11, 3), (15, 3), (35, 7)]
)
def test_a_fifth_is_rounded_up_and_few_interactions_are_kept(count: int, held_out: int) -> None:
    cells = [(0, movie, movie) for movie in range(count)]
    cells += [(1, movie, movie) for movie in range(5)]
    split = hold_out(*matrix_of(cells, (2, 40)))
    assert split.test[0].nnz == held_out


def test_nothing_of_the_future_is_in_the_training_part() -> None:
    """Whatever is planted as a user's latest interaction, the training part is byte for byte the
    same: neither the movie, nor its score, nor its time gets through."""

    def split_with(movie: int, score: float, time: int) -> Holdout:
        cells = [(user, other, 10 + other) for user in range(3) for other in range(0, 12, 2)]
        matrix, timestamps = matrix_of([*cells, (1, movie, time)], (3, 13))
        matrix.data = 1.0 + matrix.indices
        matrix[1, movie] = score
        return hold_out(matrix, timestamps)

    planted = [split_with(1, 1.0, 50), split_with(11, 5.0, 10**12)]
    for name in ("data", "indices", "indptr"):
        first, second = (getattr(split.train, name).tobytes() for split in planted)
        assert first == second
    assert planted[0].train_timestamps.tobytes() == planted[1].train_timestamps.tobytes()
    assert planted[0].test[1, 1] == 1.0
    assert planted[1].test[1, 11] == 5.0


def test_the_training_part_can_be_split_again() -> None:
    cells = [(0, movie, 100 - movie) for movie in range(25)]
    split = hold_out(*matrix_of(cells, (1, 25)))
    assert split.train_timestamps.tolist() == [100 - movie for movie in split.train.indices]
    inner = hold_out(split.train, split.train_timestamps)
    assert inner.test.indices.tolist() == [5, 6, 7, 8]


def test_random_holds_out_a_quarter_of_each_user_and_follows_its_seed() -> None:
    generator = np.random.default_rng(5)
    sizes = [1, 2, 4, 5, 8, 39]
    cells = [
        (user, int(movie), 0)
        for user, size in enumerate(sizes)
        for movie in generator.permutation(40)[:size]
    ]
    matrix, timestamps = matrix_of(cells, (len(sizes), 40))
    split = hold_out(matrix, timestamps, "random", seed=1)
    assert np.diff(split.test.indptr).tolist() == [0, 1, 1, 2, 2, 10]
    again = hold_out(matrix, timestamps, "random", seed=1)
    other = hold_out(matrix, timestamps, "random", seed=2)
    assert cells_of(again.test) == cells_of(split.test) != cells_of(other.test)


def test_random_draws_every_movie_alike() -> None:
    """Over many users, each of 20 movies is held out a quarter of the time (five sigma)."""
    cells = [(user, movie, 0) for user in range(4000) for movie in range(20)]
    split = hold_out(*matrix_of(cells, (4000, 20)), "random")
    held_out = np.bincount(split.test.indices, minlength=20)
    assert np.abs(held_out - 1000).max() < 5 * math.sqrt(4000 * 0.25 * 0.75)
