"""Movies that nobody has seen: their factors, and the places that lists keep for them."""

from __future__ import annotations

from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from python_jobs.interactions.recommendable import Recommendable
from python_jobs.model.new_movies import SHRINKAGE, factors_of_new
from python_jobs.publishing.new_movies import NewMovies, with_new_movies
from tests.python_jobs.conftest import Project, rows_of


def test_factors_are_those_of_the_least_squares_that_are_not_negative() -> None:
    """One trait, and one that all have: two equations with two unknowns, solved by hand."""
    known = csr_matrix(np.array([[1.0], [1.0], [0.0]] * 100))
    H = np.tile(np.array([[3.0, 3.0, 0.5]], np.float32), 100)
    # Gram of (trait, everyone's), shrunk: [[200 + s, 200], [200, 300 + s]] b = [600, 650]
    gram = np.array([[200 + SHRINKAGE, 200.0], [200.0, 300 + SHRINKAGE]])
    own, everyones = np.linalg.solve(gram, [600.0, 650.0])
    assert own > 0
    assert everyones > 0
    found = factors_of_new(known, H, csr_matrix(np.array([[1.0], [0.0]])))
    np.testing.assert_allclose(found, [[own + everyones, everyones]], rtol=1e-3)


def test_a_genre_that_weakens_a_feature_takes_nothing_off() -> None:
    known = csr_matrix(np.array([[1.0], [0.0]] * 300))
    H = np.tile(np.array([[0.0, 2.0]], np.float32), 300)
    found = factors_of_new(known, H, csr_matrix(np.array([[1.0], [0.0]])))
    assert found.min() >= 0
    assert found[0, 0] == pytest.approx(found[0, 1])


def test_a_movie_of_the_genre_that_a_user_watches_is_worth_more() -> None:
    genres = np.repeat([0, 1], 150)
    known = csr_matrix(np.eye(2)[genres])
    H = np.array([np.where(genres == 0, 2, 0.1), np.where(genres == 1, 2, 0.1)], np.float32)
    found = factors_of_new(known, H, csr_matrix(np.eye(2)))
    only_the_first = np.array([1.0, 0.0], np.float32)
    assert only_the_first @ found[:, 0] > 3 * (only_the_first @ found[:, 1])


def lists(users: int, length: int) -> tuple[dict, np.ndarray]:
    """Return full lists of so many users: of user u the movies u * 100 + rank."""
    rows = np.repeat(np.arange(users, dtype=np.int32), length)
    ranks = np.tile(np.arange(1, length + 1), users)
    columns = {
        "user_id": rows.astype(np.uint64) + 1,
        "movie_id": (rows * 100 + ranks).astype(np.uint64),
        "rank": ranks.astype(np.uint16),
        "score": (1 / ranks).astype(np.float32),
        "reason": np.full(rows.size, "factors", object),
        "because_movie_id": ranks.astype(np.uint64),
        "strongest_movie_id": ranks.astype(np.uint64),
    }
    return columns, rows


@given(
    users=st.integers(1, 4),
    length=st.integers(1, 12),
    top=st.integers(1, 12),
    new=st.integers(1, 5),
    share=st.sampled_from([0.05, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.9, 1.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_places(users: int, length: int, top: int, new: int, share: float, seed: int) -> None:
    length = min(length, top)
    generator = np.random.default_rng(seed)
    W = generator.random((users, 3), np.float32)
    H = generator.random((3, new), np.float32)
    ids = np.arange(9_000, 9_000 + new, dtype=np.uint64)
    user_ids = np.arange(1, users + 1, dtype=np.uint64)
    columns, rows = lists(users, length)
    mixed = with_new_movies(columns, rows, W, user_ids, NewMovies(ids, H, share), top)
    for user in range(users):
        own = mixed["user_id"] == user + 1
        movies = mixed["movie_id"][own].tolist()
        assert mixed["rank"][own].tolist() == list(range(1, len(movies) + 1))
        is_new = [movie >= 9_000 for movie in movies]
        kept = min(new, floor(top * share + 1e-9))
        assert len(movies) == min(top, length + kept)
        if length == top:
            for place in range(1, top + 1):
                wanted = min(kept, floor(place * share + 1e-9))
                assert sum(is_new[:place]) == wanted
        best = sorted(range(new), key=lambda one: (-float(W[user] @ H[:, one]), one))
        assert [movie for movie in movies if movie >= 9_000] == [
            9_000 + one for one in best[: sum(is_new)]
        ]
        others = [movie for movie in movies if movie < 9_000]
        assert others == [user * 100 + rank for rank in range(1, len(others) + 1)]
        reasons = mixed["reason"][own].tolist()
        assert [reason == "new" for reason in reasons] == is_new


def test_only_what_may_be_shown_takes_a_place() -> None:
    columns, rows = lists(2, 4)
    ids = np.array([9_000, 9_001], np.uint64)
    H = np.array([[2.0, 1.0]], np.float32)
    at_home = Recommendable(
        masks=np.array([[False, True], [True, True]]),
        anywhere=np.array([True, True]),
        user_ids=np.array([2], np.uint64),
        kinds=np.array([1], np.int32),
    )
    new = NewMovies(ids, H, 0.25, at_home)
    user_ids = np.array([1, 2], np.uint64)
    mixed = with_new_movies(columns, rows, np.ones((2, 1), np.float32), user_ids, new, 4)
    assert list(mixed["movie_id"]) == [1, 2, 3, 9_001, 101, 102, 103, 9_000]


ANNOUNCED = 777_777


def test_train_score_and_recommend_show_a_movie_that_nobody_has_seen(
    trained_project: Project, tmp_path: Path
) -> None:
    project = trained_project.copy(tmp_path)
    genres, director, released = "Crime|Thriller", "Nobody Known", 2026
    project.execute(
        "insert into raw.movies (movie_id, title, genres, director, release_year) "
        f"values ({ANNOUNCED}, 'Tomorrow''s Heist', '{genres}', '{director}', {released})"
    )
    built = project.dbt("build", "--select", "mart_movies", "int_recommendable_movies")
    assert built.returncode == 0, built.stdout
    listed = f"""
        select count(), min(rank), max(rank), groupUniqArray(reason), max(because_movie_id)
        from ml.recommendations
        where movie_id = {ANNOUNCED} and run_id = (select run_id from ml.current_run)
    """
    whole = """
        select uniqExact(user_id), max(rank), count() from ml.recommendations
        where run_id = (select run_id from ml.current_run) and reason != 'popular'
    """
    plain, before, trained, after, length, scored, again, shown = project.many(
        [
            ["train", "--force"],
            ["query", listed],
            ["train", "--new-share", "0.1", "--force"],
            ["query", listed],
            ["query", whole],
            ["score"],
            ["query", listed],
            ["recommend", "--user", "42", "--top", "20"],
        ]
    )
    done = (plain, trained, scored, shown)
    assert [one.returncode for one in done] == [0, 0, 0, 0], trained.stderr
    assert rows_of(before)[0][0] == 0
    [[users, last, rows]] = rows_of(length)
    # The only new movie is at the first place that is kept, on everybody's list.
    assert rows_of(after) == [[users, 10, 10, ["new"], 0]]
    assert rows_of(again) == rows_of(after)
    assert (last, rows) == (20, users * 20)
    [line] = [line for line in shown.stdout.splitlines() if "Tomorrow's Heist" in line]
    assert "10" in line.split()[:2]
    assert "(new)" in line
    assert project.dbt("build", "--selector", "after_training").returncode == 0
    [[because]] = project.query(
        "select because from analytics.mart_user_recommendations "
        f"where movie_id = {ANNOUNCED} and user_id = 42"
    )
    assert because == "new, and like movies seen before"
