"""The evaluation in partitions is that of one process: no cluster, no server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from rich.progress import Progress
from scipy.sparse import csr_matrix

from python_jobs.distributed.evaluation import assess
from python_jobs.evaluation.assessment import Measured
from python_jobs.interactions.columns import Interactions
from python_jobs.jobs.one_process import InMemory
from python_jobs.model.settings import Settings
from python_jobs.progress import Bar
from tests.python_jobs.here import Here, Made

SETTINGS = Settings(4, max_iter=40)
CUTS = {"two": [70], "of one user, and of none with enough": [0, 1, 50, 50, 119, 120]}


def interactions(users: int = 120, movies: int = 60, seed: int = 5) -> Interactions:
    random = np.random.default_rng(seed)
    # Few movies are popular, and users are of three kinds.
    liked = random.random((users, movies)) < np.clip(8 / np.arange(3, movies + 3), 0, 0.6)
    liked &= (np.arange(users)[:, None] % 3 != np.arange(movies)[None] % 3) | (
        random.random((users, movies)) < 0.3
    )
    liked[:, 0] = True
    liked[119, 3:] = False
    matrix = csr_matrix(liked, dtype=np.float32)
    scores: dict[float | None, np.ndarray] = {
        weight: random.uniform(0.5, 6, matrix.nnz).astype(np.float32) for weight in (None, 2.0)
    }
    matrix = csr_matrix((scores[None], matrix.indices, matrix.indptr), matrix.shape)
    matrix.has_sorted_indices = True
    return Interactions(
        matrix=matrix,
        user_ids=np.arange(users, dtype=np.uint64) * 7,
        movie_ids=np.arange(movies, dtype=np.uint64),
        last_interacted_at=random.permutation(matrix.nnz).astype(np.int64),
        scores=scores,
        fingerprints=np.zeros(users, np.uint64),
        relation="scratch.mart",
    )


def part_of(whole: Interactions, first: int, last: int) -> Interactions:
    cells = slice(int(whole.matrix.indptr[first]), int(whole.matrix.indptr[last]))
    return replace(
        whole,
        matrix=whole.matrix[first:last],
        user_ids=whole.user_ids[first:last],
        last_interacted_at=whole.last_interacted_at[cells],
        scores={weight: scores[cells] for weight, scores in whole.scores.items()},
        fingerprints=whole.fingerprints[first:last],
    )


def parts_of(whole: Interactions, bounds: list[int]) -> list[Made]:
    return [Made(part_of(whole, *span)) for span in pairwise([0, *bounds, whole.user_ids.size])]


@pytest.fixture(scope="module")
def genres() -> csr_matrix:
    random = np.random.default_rng(1)
    found = csr_matrix(random.random((60, 5)) < 0.3, dtype=np.float32)
    found.sort_indices()
    return found


def assert_same(ours: Measured | None, theirs: Measured | None) -> None:
    assert ours is not None
    assert theirs is not None
    assert ours.assessment.metrics() == pytest.approx(theirs.assessment.metrics(), rel=1e-6)
    assert ours.assessment.metrics().keys() == theirs.assessment.metrics().keys()
    our_h, their_h = ours.assessment.H, theirs.assessment.H
    assert our_h is not None
    assert their_h is not None
    assert np.linalg.norm(our_h - their_h) <= 1e-4 * np.linalg.norm(their_h)
    pairs = [(ours.assessment.model, theirs.assessment.model)]
    pairs += [
        (ours.assessment.baselines[name], theirs.assessment.baselines[name])
        for name in ("popularity", "puresvd")
    ]
    for mine, other in pairs:
        assert mine.by_activity.keys() == other.by_activity.keys()
        for name, group in other.by_activity.items():
            assert mine.by_activity[name] == pytest.approx(group, rel=1e-6)
        np.testing.assert_allclose(mine.seen_share, other.seen_share, rtol=1e-12)
        np.testing.assert_allclose(mine.recommended_share, other.recommended_share, rtol=1e-12)


@pytest.mark.parametrize("name", CUTS)
def test_every_figure_is_that_of_one_process(name, genres):
    whole = interactions()
    theirs = InMemory(whole).assess(SETTINGS, None, genres)
    ours = assess(Here(), parts_of(whole, CUTS[name]), SETTINGS, None, genres)
    assert_same(ours, theirs)
    assert ours
    assert ours.champion_ndcg is None


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, diversity=0.4),
        replace(SETTINGS, recency=1.5, score_power=0.5, user_scaling=0.5),
        replace(SETTINGS, ensemble_ranks=(2, 4), alpha=0.01, watched_weight=2.0),
    ],
)
def test_every_setting_counts_as_in_one_process(settings, genres):
    whole = interactions().under(settings.watched_weight)
    theirs = InMemory(whole).assess(settings, None, genres)
    assert_same(assess(Here(), parts_of(whole, [33, 80]), settings, None, genres), theirs)


def test_the_champion_is_judged_on_the_scores_that_its_settings_want(genres):
    whole, champion = interactions(), Settings(3, max_iter=30, watched_weight=2.0)
    theirs = InMemory(whole).assess(SETTINGS, champion, genres)
    ours = assess(Here(), parts_of(whole, [60]), SETTINGS, champion, genres)
    assert ours
    assert theirs
    assert ours.champion_ndcg == pytest.approx(theirs.champion_ndcg, rel=1e-6)
    same = assess(
        Here(), parts_of(whole, [60]), SETTINGS, replace(champion, max_components=4), None
    )
    assert same
    assert same.champion_ndcg != ours.champion_ndcg
    equal = assess(Here(), parts_of(whole, [60]), SETTINGS, SETTINGS, None)
    assert equal
    assert equal.champion_ndcg is None


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, replace(SETTINGS, max_iter=1_000), replace(SETTINGS, ensemble_ranks=(2, 3))],
    ids=["as long as it may", "ends early", "two members"],
)
def test_it_says_how_far_it_is(settings, genres):
    champion, whole, seen = Settings(3, max_iter=30), interactions(), []

    class Watched(Here):
        def results(self, handles: Sequence[Made]) -> list[Any]:
            seen.append((task.completed, task.total))
            return super().results(handles)

    with Progress(disable=True) as progress:
        bar = Bar(progress, progress.add_task("evaluate", total=None))
        (task,) = progress.tasks
        measured = assess(Watched(), parts_of(whole, [60]), settings, champion, genres, bar=bar)
    assert measured
    assert task.total == task.completed > 1 + 30 + 4 * 2
    done = [completed for completed, _ in seen]
    assert done == sorted(done)
    assert len(set(done)) > 50
    assert {total for _, total in seen} == {task.total}


def test_nobody_has_enough_to_hold_any_out():
    whole = interactions()
    few = csr_matrix(np.eye(6, 60, dtype=np.float32) + np.eye(6, 60, 1, dtype=np.float32))
    whole = replace(
        whole,
        matrix=few,
        scores={None: few.data},
        user_ids=whole.user_ids[:6],
        last_interacted_at=np.arange(few.nnz),
        fingerprints=whole.fingerprints[:6],
    )
    assert InMemory(whole).assess(SETTINGS, None, None) is None
    assert assess(Here(), parts_of(whole, [2]), SETTINGS, None, None) is None


@pytest.mark.parametrize(("users", "movies"), [(1, 30), (40, 1), (8, 60), (2, 12)])
def test_shapes_at_which_a_singular_vector_is_little(users, movies):
    random = np.random.default_rng(users)
    matrix = csr_matrix(random.uniform(1, 5, (users, movies)).astype(np.float32))
    whole = Interactions(
        matrix=matrix,
        user_ids=np.arange(users, dtype=np.uint64),
        movie_ids=np.arange(movies, dtype=np.uint64),
        last_interacted_at=random.permutation(matrix.nnz).astype(np.int64),
        scores={None: matrix.data},
        fingerprints=np.zeros(users, np.uint64),
        relation="scratch.mart",
    )
    theirs = InMemory(whole).assess(SETTINGS, None, None)
    ours = assess(Here(), parts_of(whole, [users // 2]), SETTINGS, None, None)
    if theirs is None:
        assert ours is None
    else:
        assert_same(ours, theirs)
