"""Lists that follow the genres of histories, against plain sums and an answer by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from python_jobs.evaluation.assessment import evaluate_factors, evaluate_settings
from python_jobs.evaluation.holdout import hold_out
from python_jobs.interactions.genres import SMOOTHING
from python_jobs.model.settings import Settings
from python_jobs.ranking.top_n import top_n, top_n_blocks
from python_jobs.ranking.variety import Variety
from tests.python_jobs.conftest import Project, rows_of


def divergence(history: list[set[int]], chosen: list[set[int]], kinds: int) -> float:
    """Return KL(history, list), each movie one part, divided evenly among its genres."""

    def mix(movies: list[set[int]]) -> list[float]:
        parts = [0.0] * kinds
        known = [movie for movie in movies if movie]
        for movie in known:
            for kind in movie:
                parts[kind] += 1 / len(movie) / len(known)
        return parts

    total = 0.0
    for p, q in zip(mix(history), mix(chosen), strict=True):
        if p > 0:
            total += p * math.log(p / ((1 - SMOOTHING) * q + SMOOTHING * p))
    return total


@dataclass
class Reader:
    """One user, and what there is to list."""

    scores: list[float]
    history: list[int]
    of_movies: list[set[int]]
    kinds: int
    share: float

    def value(self, movie: int, listed: list[int]) -> float:
        """Return what a movie is worth at the next place of a list."""
        best = max(self.scores[one] for one in self.unseen)
        mixed = [self.of_movies[one] for one in [*listed, movie]]
        wanted = [self.of_movies[one] for one in self.history]
        relevance = (1 - self.share) * self.scores[movie] / best
        return relevance - self.share * divergence(wanted, mixed, self.kinds)

    @property
    def unseen(self) -> list[int]:
        return [movie for movie in range(len(self.scores)) if movie not in self.history]

    def list(self, n: int) -> list[int]:
        """Return the list by the definition, one place at a time."""
        left = sorted(self.unseen, key=lambda movie: (-self.scores[movie], movie))
        no_genres = not any(self.of_movies[movie] for movie in self.history)
        if no_genres or not left or self.scores[left[0]] <= 0:
            return left[:n]
        found: list[int] = []
        while left and len(found) < n:
            values = [self.value(movie, found) for movie in left]
            found.append(left.pop(int(np.argmax(values))))
        return found


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.05, 0.3, 0.7, 1.0]))
@settings(max_examples=60, deadline=None)
def test_lists_are_those_of_the_definition(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    movies, kinds, n = int(generator.integers(2, 25)), int(generator.integers(1, 6)), 6
    W = generator.random((3, 2), np.float32)
    H = generator.random((2, movies), np.float32)
    W[2] = 0  # whose scores are all alike
    genres = csr_matrix((generator.random((movies, kinds)) < 0.3).astype(np.float32))
    seen = csr_matrix((generator.random((3, movies)) < 0.4).astype(np.float32))
    lists, scores = top_n(W, H, seen, n, Variety(genres, share))
    of_movies = [set(genres[movie].indices.tolist()) for movie in range(movies)]
    for user in range(3):
        own = (W[user] @ H).tolist()
        reader = Reader(own, seen[user].indices.tolist(), of_movies, kinds, share)
        expected = reader.list(n)
        chosen = [movie for movie in lists[user].tolist() if movie >= 0]
        assert len(chosen) == len(expected)
        differs = [at for at in range(len(chosen)) if chosen[at] != expected[at]]
        if differs:
            # Sums in another order: then both movies are worth the same at the first such place.
            listed = chosen[: differs[0]]
            ours, theirs = (reader.value(of[differs[0]], listed) for of in (chosen, expected))
            assert ours == pytest.approx(theirs, abs=1e-6)
        np.testing.assert_allclose(
            scores[user, : len(chosen)], [own[movie] for movie in chosen], rtol=1e-5
        )


def test_a_list_by_hand() -> None:
    """Two crimes and a comedy were seen: of two places one is a comedy's, however low it scores."""
    crime, comedy = [1, 0], [0, 1]
    genres = csr_matrix(np.array([crime, crime, comedy, crime, crime, comedy, crime], np.float32))
    seen = csr_matrix(np.array([[1, 1, 1, 0, 0, 0, 0]], np.float32))
    H = np.array([[0, 0, 0, 1.0, 0.9, 0.5, 0.8]], np.float32)
    W = np.ones((1, 1), np.float32)
    assert top_n(W, H, seen, 4)[0].tolist() == [[3, 4, 6, 5]]
    # Of all lists of two, one crime and one comedy come closest to two thirds and one third.
    lists, scores = top_n(W, H, seen, 4, Variety(genres, 0.5))
    assert lists.tolist() == [[3, 5, 4, 6]]
    assert scores.tolist() == [[1.0, 0.5, np.float32(0.9), np.float32(0.8)]]
    assert top_n(W, H, seen, 4, Variety(genres, 0.001))[0].tolist() == [[3, 4, 6, 5]]


def planted(users: int = 300, movies: int = 250):
    generator = np.random.default_rng(5)
    W = generator.random((users, 8), np.float32)
    H = generator.random((8, movies), np.float32)
    genres = csr_matrix((generator.random((movies, 7)) < 0.3).astype(np.float32))
    seen = csr_matrix((generator.random((users, movies)) < 0.1).astype(np.float32))
    return W, H, genres, seen


def test_a_shorter_list_is_the_beginning_of_a_longer_one_and_one_user_is_as_all() -> None:
    W, H, genres, seen = planted()
    variety = Variety(genres, 0.4)
    longest, _ = top_n(W, H, seen, 150, variety)
    by_score, _ = top_n(W, H, seen, 150)
    for n in (1, 10, 99, 100):
        np.testing.assert_array_equal(top_n(W, H, seen, n, variety)[0], longest[:, :n])
    # Past the candidates it goes on by score.
    np.testing.assert_array_equal(longest[:, 100:], by_score[:, 100:])
    assert np.array_equal(np.sort(longest[:, :100]), np.sort(by_score[:, :100]))
    for user in (0, 131, 299):
        alone, _ = top_n(W[[user]], H, seen[[user]], 10, variety)
        np.testing.assert_array_equal(alone[0], longest[user, :10])
    blocks = list(top_n_blocks(W, H, seen, 10, 64, variety=variety))
    np.testing.assert_array_equal(
        np.concatenate([block.movies for block in blocks]), longest[:, :10].ravel()
    )


def test_without_a_share_it_is_the_list_by_score_and_genres_are_not_asked_for() -> None:
    _, _, genres, _ = planted(3, 5)
    assert Variety.of(0.0, genres) is None
    assert Variety.of(0.0, None) is None
    with pytest.raises(ValueError, match="genres"):
        Variety.of(0.1, None)


def test_what_is_judged_is_what_is_listed() -> None:
    W, H, genres, seen = planted()
    times = np.arange(seen.nnz, dtype=np.int64)
    split = hold_out(seen, times)
    plain = evaluate_factors(W, H, split, genres)
    follows = evaluate_factors(W, H, split, genres, 0.7)
    assert follows.metrics["genre_miscalibration"] < 0.5 * plain.metrics["genre_miscalibration"]
    lists, _ = top_n(W, H, split.train, 10, Variety(genres, 0.7))
    counts = np.bincount(lists[follows.users].ravel(), minlength=H.shape[1])
    np.testing.assert_allclose(follows.recommended_share, counts / follows.users.size)


def test_settings_are_judged_as_they_are_listed() -> None:
    _, _, genres, seen = planted()
    split = hold_out(seen, np.arange(seen.nnz, dtype=np.int64))
    plain, varied = (
        evaluate_settings(Settings(4, max_iter=20, diversity=share), split, genres).metrics
        for share in (0.0, 0.7)
    )
    assert varied["genre_miscalibration"] < 0.6 * plain["genre_miscalibration"]


def test_train_score_and_recommend_list_the_same(trained_project: Project, tmp_path: Path) -> None:
    project = trained_project.copy(tmp_path)
    listed = """
        select movie_id, score from ml.recommendations
        where user_id = 42 and run_id = (select run_id from ml.current_run) order by rank
    """
    kept = "select params['diversity'] from ml.current_run"
    before, trained, after, scored, again, told, shown = project.many(
        [
            ["query", listed],
            ["train", "--diversity", "0.6", "--force"],
            ["query", listed],
            ["score"],
            ["query", listed],
            ["query", kept],
            ["recommend", "--user", "42", "--top", "20"],
        ]
    )
    assert (trained.returncode, scored.returncode, shown.returncode) == (0, 0, 0), trained.stderr
    assert "diversity=0.6" in trained.stderr
    movies = [movie for movie, _ in rows_of(after)]
    assert movies != [movie for movie, _ in rows_of(before)]
    scores = [score for _, score in rows_of(after)]
    assert scores != sorted(scores, reverse=True)
    assert rows_of(again) == rows_of(after)
    assert rows_of(told) == [["0.6"]]
    titles = dict(project.query("select movie_id, title from analytics.mart_movies"))
    places = [shown.stdout.index(titles[movie]) for movie in movies]
    assert places == sorted(places)
