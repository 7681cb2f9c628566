"""What lists are like: against plain definitions, user by user, and what RecTools measured."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import entropy

from python_jobs.evaluation.beyond_accuracy import (
    HEAD,
    gini,
    mixes_of,
    of_genres,
    of_popularity,
    short_head,
)
from python_jobs.interactions.genres import SMOOTHING, read_genres
from python_jobs.warehouse.connection import Warehouse

MOVIES, GENRES = 15, 4
REFERENCE = Path(__file__).parent / "reference" / "rectools_metrics.json"


def of_all(lists: NDArray[np.int32], history: csr_matrix, genres: csr_matrix) -> dict[str, float]:
    counts = np.bincount(history.indices, minlength=history.shape[1])
    active = int(np.count_nonzero(np.diff(history.indptr)))
    of_movies = of_popularity(lists, counts, active)
    return of_movies | of_genres(lists, mixes_of(history, genres), genres)


def made_up(users: int, seed: int) -> tuple[NDArray[np.int32], csr_matrix, csr_matrix]:
    """Return lists of 0 to 6 movies, histories, and genres, of which a movie may have none."""
    random = np.random.default_rng(seed)
    lists = np.array([random.permutation(MOVIES)[:6] for _ in range(users)], np.int32)
    for row in lists:
        row[random.integers(0, 7) :] = -1
    history = random.random((users, MOVIES)) < random.random(MOVIES)
    genres = random.random((MOVIES, GENRES)) < 0.4
    # Scores do not count, what was seen does.
    seen = csr_matrix(history * random.integers(1, 6, history.shape).astype(np.float32))
    return lists, seen, csr_matrix(genres.astype(np.float32))


@effort(max_examples=60, deadline=None)
@given(users=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_figures_are_those_of_the_definitions(users: int, seed: int) -> None:
    lists, history, genres = made_up(users, seed)
    seen, G = history.toarray() > 0, genres.toarray().astype(np.float64)
    counts = seen.sum(axis=0)
    active = max(1, int(seen.any(axis=1).sum()))
    order = sorted(range(MOVIES), key=lambda movie: (-counts[movie], movie))
    head: set[int] = set()
    for movie in order:
        if counts[list(head)].sum() < HEAD * counts.sum():
            head.add(movie)
    novelty, tail, diversity, miscalibration = [], [], [], []
    for user, row in enumerate(lists):
        kept = [int(movie) for movie in row if movie >= 0]
        if kept:
            novelty.append(np.mean([np.log2(active / max(1, counts[m])) for m in kept]))
            tail.append(np.mean([m not in head for m in kept]))
        pairs = [
            1 - float(G[i] @ G[j]) / np.sqrt(G[i].sum() * G[j].sum())
            if G[i].any() and G[j].any()
            else 1.0
            for i, j in combinations(kept, 2)
        ]
        diversity.append(np.mean(pairs) if pairs else 0.0)
        p, q = (
            np.sum([G[m] / G[m].sum() for m in movies if G[m].any()] or [np.zeros(GENRES)], axis=0)
            for movies in (np.flatnonzero(seen[user]), kept)
        )
        if p.any() and q.any():
            p, q = p / p.sum(), q / q.sum()
            miscalibration.append(entropy(p, (1 - SMOOTHING) * q + SMOOTHING * p))
    found = of_all(lists, history, genres)
    assert found["novelty"] == pytest.approx(np.mean(novelty) if novelty else 0.0)
    assert found["long_tail_share"] == pytest.approx(np.mean(tail) if tail else 0.0)
    assert found["intra_list_diversity"] == pytest.approx(np.mean(diversity), abs=1e-12)
    expected = np.mean(miscalibration) if miscalibration else 0.0
    assert found["genre_miscalibration"] == pytest.approx(expected, abs=1e-12)


def test_agrees_with_rectools() -> None:
    recorded = json.loads(REFERENCE.read_text())
    history = np.zeros((len(recorded["lists"]), recorded["movies"]), np.float32)
    for user, movies in enumerate(recorded["history"]):
        history[user, movies] = 1
    lists, genres = np.array(recorded["lists"], np.int32), csr_matrix(recorded["genres"])
    seen = csr_matrix(history)
    found = of_all(lists, seen, genres)
    for metric, expected in recorded["beyond_accuracy"].items():
        assert found[metric] == pytest.approx(expected, abs=1e-9), metric


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_gini_is_half_the_mean_difference_of_two_movies_over_the_mean(counts: list[int]) -> None:
    values = np.array(counts)
    difference = np.abs(values[:, None] - values[None, :]).mean()
    expected = difference / (2 * values.mean()) if values.any() else 0.0
    assert gini(values) == pytest.approx(expected)


def test_the_short_head_is_the_fewest_movies_that_have_enough() -> None:
    assert short_head(np.array([10, 60, 20, 10])).tolist() == [False, True, True, False]
    assert short_head(np.array([1, 1, 1, 1, 1])).tolist() == [True, True, True, True, False]


def test_a_list_like_the_history_is_calibrated_and_another_is_not() -> None:
    genres = csr_matrix(np.repeat(np.eye(2, dtype=np.float32), 4, axis=0))
    history = csr_matrix(np.array([[1, 1, 0, 0, 1, 1, 0, 0]], np.float32))
    alike, other = np.array([[2, 6]], np.int32), np.array([[2, 3]], np.int32)
    assert of_all(alike, history, genres)["genre_miscalibration"] == pytest.approx(0)
    assert of_all(other, history, genres)["genre_miscalibration"] > 1
    assert history.data.tolist() == [1, 1, 1, 1]


def test_genres_are_those_of_the_movies_asked_for(warehouse: Warehouse) -> None:
    rows = warehouse.client.query(f"select movie_id, genres from {warehouse.movies}").result_rows
    known: dict[int, list[str]] = dict(rows)  # type: ignore[arg-type]
    asked = np.array([*sorted(known)[5:25], 10**9], np.uint64)
    names = sorted({genre for genres in known.values() for genre in genres})
    found = read_genres(warehouse, asked).toarray()
    assert found.shape == (21, len(names))
    for movie, row in zip(asked.tolist(), found, strict=True):
        genres = {name for name, has in zip(names, row, strict=True) if has == 1}
        assert genres == set(known.get(movie, []))
