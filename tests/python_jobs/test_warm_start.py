"""Going on from the factors of what is live: what it starts from, how it ends, who may."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import Assessment, Measured, assess, evaluate_factors
from python_jobs.evaluation.gate import Champion, Size, judge
from python_jobs.evaluation.holdout import hold_out
from python_jobs.evaluation.limits import Limits
from python_jobs.evaluation.reconstruction import reconstruction_metrics
from python_jobs.interactions.mart import read_interactions
from python_jobs.jobs.warm_start import WarmStart, find_start, require_same
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.settings import Settings
from python_jobs.model.stacked import fit, fold_in_users, steps
from python_jobs.model.warm_start import MovieFactors, Start
from python_jobs.model.weighting import weigh
from python_jobs.tracking.record import ModelRecord, Summary
from python_jobs.tracking.registry import RegisteredModel, Version
from tests.python_jobs.conftest import rows_of

ENSEMBLE = Settings(ensemble_ranks=(4, 6), alpha=1e-3, user_scaling=0.5, recency=1.0)
TRANSITIONS = Settings(5, transition_rank=6, transition_seeds=2)
MODELS = [Settings(8), ENSEMBLE, TRANSITIONS]


@pytest.fixture(scope="module")
def day(warehouse) -> Any:
    """The sample, and what of it was there a day before: fewer events, users and movies."""
    now = read_interactions(warehouse)
    matrix, times = now.matrix, now.last_interacted_at
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    there = times < np.quantile(times, 0.95)
    there &= (rows >= 5) & (matrix.indices % 50 != 7)
    movies = np.unique(matrix.indices[there])
    users = np.unique(rows[there])
    columns = np.searchsorted(movies, matrix.indices[there])
    lines = np.searchsorted(users, rows[there])
    before = csr_matrix(
        (matrix.data[there], (lines, columns)), shape=(users.size, movies.size), dtype=np.float32
    )
    before.sort_indices()
    assert movies.size < matrix.shape[1]
    assert users.size < matrix.shape[0]
    return before, times[there], now.movie_ids[movies], now


def start_of(day, settings: Settings) -> Start:
    before, times, movie_ids, now = day
    fitted = fit(before, times, settings)
    return MovieFactors(movie_ids, fitted.H, fitted.P).at(now.movie_ids)


def distance(now, settings: Settings, W, H) -> float:
    weighed = weigh(now.matrix, now.last_interacted_at, settings)
    return reconstruction_metrics(weighed, W, H)["reconstruction_error"]


@pytest.mark.parametrize("settings", MODELS[:2], ids=["plain", "ensemble"])
def test_five_iterations_come_as_near_as_all_of_them(day, settings):
    *_, now = day
    start = start_of(day, settings)
    assert not start.known.all()
    warm = fit(now.matrix, now.last_interacted_at, settings, start=start)
    cold = fit(now.matrix, now.last_interacted_at, settings)
    short = fit(now.matrix, now.last_interacted_at, replace(settings, max_iter=20))
    assert warm.iterations <= 5 < cold.iterations
    near, nearest, far = (distance(now, settings, it.W, it.H) for it in (warm, cold, short))
    assert near < nearest * 1.002
    # It is the start that does it: four times as many from random numbers are further away.
    assert near < far
    new = np.flatnonzero(~start.known)
    assert warm.H[:, new].any(axis=0).all()


def test_transitions_go_on_too(day):
    *_, now = day
    settings = TRANSITIONS
    warm = fit(now.matrix, now.last_interacted_at, settings, start=start_of(day, settings))
    cold = fit(now.matrix, now.last_interacted_at, settings)
    assert warm.W.shape == cold.W.shape
    assert warm.P is not None
    assert steps(settings, start_of(day, settings)) == 1 + 2 * 5
    holdout = hold_out(now.matrix, now.last_interacted_at)
    judged = fit(holdout.train, holdout.train_timestamps, settings)
    start = MovieFactors(now.movie_ids, judged.H, judged.P).at(now.movie_ids)
    found = assess(holdout, settings, start=start)
    fresh = assess(holdout, settings)
    assert found.started_at is not None
    ndcg = found.model.metrics["ndcg_at_10"]
    # The factors that it starts from are the fresh ones, and no user has changed.
    assert found.started_at == pytest.approx(fresh.model.metrics["ndcg_at_10"], abs=2e-3)
    assert ndcg == pytest.approx(fresh.model.metrics["ndcg_at_10"], abs=0.01)


@pytest.mark.parametrize("settings", MODELS)
def test_what_it_starts_from_is_judged_with_every_user_folded_in(day, settings):
    *_, now = day
    holdout = hold_out(now.matrix, now.last_interacted_at)
    train, times = holdout.train, holdout.train_timestamps
    judged = fit(train, times, settings)
    start = MovieFactors(now.movie_ids, judged.H, judged.P).at(now.movie_ids)
    pasts = None if judged.P is None else latest_pasts(train, times, settings)
    W = fold_in_users(weigh(train, times, settings), pasts, judged.H, judged.P, settings)
    found = assess(holdout, settings, start=start)
    assert found.started_at is not None
    ndcg = evaluate_factors(W, judged.H, holdout).metrics["ndcg_at_10"]
    assert found.started_at == pytest.approx(ndcg, rel=1e-14)


def test_factors_are_found_by_the_movies_ids():
    ids = np.array([2, 5, 9], np.uint64)
    H = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    P = np.array([[0.1], [0.2], [0.3]], np.float32)
    start = MovieFactors(ids, H, P).at(np.array([1, 5, 9, 11], np.uint64))
    assert start.known.tolist() == [False, True, True, False]
    assert start.H.tolist() == [[0, 2, 3, 0], [0, 5, 6, 0]]
    assert start.Q.tolist() == [[0, 8, 9, 0]]
    assert start.P is not None
    assert start.P[:, 0].tolist() == pytest.approx([0, 0.2, 0.3, 0])
    # One whose weights are zero, and one that is new, can be multiplied all the same.
    (next_,) = [start.transitions(0, 1)[1]]
    assert next_[:, 0].tolist() == [8.5, 8, 9, 8.5]


@pytest.mark.parametrize(
    ("settings", "shape", "fits"),
    [
        (Settings(2, transition_rank=1), (9, 9), True),
        (Settings(3, transition_rank=1), (9, 9), False),
        (Settings(3), (9, 9), False),
        (Settings(2, transition_rank=1), (2, 9), False),
    ],
)
def test_factors_of_another_rank_do_not_fit(settings, shape, fits):
    H, P = np.ones((3, 4), np.float32), np.ones((4, 1), np.float32)
    ids = np.arange(4, dtype=np.uint64)
    assert MovieFactors(ids, H, P).at(ids).fits(settings, shape) is fits


def test_only_the_limit_of_the_iterations_may_be_another():
    require_same(Settings(max_iter=50), Settings(), "version 3")
    with pytest.raises(
        UserError, match=r"version 3, which is live, .* it has alpha=0\.0\."
    ) as told:
        require_same(Settings(alpha=0.1), Settings(), "version 3")
    assert "leave out --warm-start" in told.value.hint


def test_the_judged_fit_starts_from_what_was_judged(monkeypatch):
    """The factors of what is live have seen what is held out now."""
    ids, users = np.arange(4, dtype=np.uint64), np.arange(3, dtype=np.uint64)
    H, judged = np.full((2, 4), 2, np.float32), np.full((2, 4), 3, np.float32)
    summary, W = Summary(Settings(2), {}, {}), np.ones((3, 2), np.float32)
    record = ModelRecord(W, H, users, ids, users, summary, None, MovieFactors(ids, judged, None))
    live, tracking, extent = (
        SimpleNamespace(ours=SimpleNamespace(interactions=9)),
        SimpleNamespace(),
        SimpleNamespace(movie_ids=ids, shape=(3, 4), interactions=9),
    )

    def start_of_a_night(record: ModelRecord) -> WarmStart:
        model = RegisteredModel(Version("m", "7", "r"), record)
        monkeypatch.setattr("python_jobs.jobs.warm_start.load_live", lambda *_: model)
        told: Any = (tracking, live, Settings(2), extent)
        return find_start(*told)

    start = start_of_a_night(record)
    assert start.fit is not None
    assert start.judged is not None
    assert (start.fit.H.max(), start.judged.H.max(), start.words) == (2, 3, "version 7")
    start = start_of_a_night(replace(record, judged=None))
    assert start.fit is not None
    assert start.judged is None
    assert "version 7; judged by a fit from random numbers" in start.words
    # A backup from before: what is the latest in it was learned from.
    extent.interactions = 8
    start = start_of_a_night(record)
    assert start.fit is not None
    assert start.judged is None
    assert "the mart has lost interactions since" in start.words


def test_what_ranks_worse_than_what_it_started_from_is_refused(day):
    *_, now = day
    holdout = hold_out(now.matrix, now.last_interacted_at)
    settings = Settings(6, max_iter=20)
    good = assess(holdout, settings)
    champion = Champion("7", settings, None, Size(290, 200, now.matrix.nnz))

    def verdict(assessment: Assessment):
        assert assessment.started_at
        measured = Measured(assessment, assessment.started_at)
        return judge(champion, champion.size, measured, Limits())

    ndcg = good.model.metrics["ndcg_at_10"]
    worse = replace(good, model=good.baselines["popularity"], started_at=ndcg)
    (reason,) = verdict(worse).reasons
    assert "that of the factors it started from (version 7)" in reason
    assert verdict(worse).champion_ndcg == ndcg
    assert verdict(replace(good, started_at=ndcg)).passed


NEW_USER, NEW_MOVIE = 900_001, 900_001
NEWS = (
    f"insert into raw.users (user_id, country) values ({NEW_USER}, 'NL')",
    f"insert into raw.movies (movie_id, title) values ({NEW_MOVIE}, 'New (2026)')",
    f"""
    insert into raw.ratings
    select {NEW_USER}, movie_id, 5, now() from raw.movies order by movie_id limit 12
    """,
    f"""
    insert into raw.ratings
    select distinct user_id, {NEW_MOVIE}, 4, now() from raw.ratings where user_id < 60
    """,
)
PARAMS = "select value from params where key = 'warm_start'"
ITERATIONS = "select value from metrics where key = 'iterations' order by timestamp"
LISTS = f"""
select count(), countIf(reason = 'factors') from ml.recommendations
where user_id = {NEW_USER}
    and run_id = (select argMax(run_id, published_at) from ml.training_runs)
"""


@pytest.fixture(scope="module")
def warm(trained_project, tmp_path_factory) -> tuple[Any, ...]:
    """A second night that starts warm, with a new user and a new movie; and what says no."""
    project = trained_project.copy(tmp_path_factory.mktemp("warm"))
    told = [
        *(["execute", statement] for statement in NEWS),
        ["dbt", "run", "--selector", "before_training"],
        ["train", "--warm-start", "--max-components", "4"],
        ["train", "--warm-start"],
        ["query", LISTS],
        ["store", PARAMS],
        ["store", ITERATIONS],
        ["runs", "--format", "json"],
    ]
    return project, project.many(told)[len(NEWS) + 1 :]


def test_a_night_starts_from_what_is_live_and_is_judged_from_what_it_was_judged_by(warm):
    _, (refused, trained, lists, params, iterations, _) = warm
    assert refused.returncode == 1
    assert "it has max_components=10" in refused.stderr
    assert trained.returncode == 0, trained.stderr
    assert "settings: those of version 1, which is live" in trained.stderr
    assert "started from  version 1" in trained.stdout
    assert "compared with version 1" in trained.stdout
    assert rows_of(params) == [["version 1"]]
    cold, again = (count for (count,) in rows_of(iterations))
    assert again <= 5 < cold
    assert rows_of(lists) == [[20, 20]]


def test_what_a_run_was_judged_by_has_not_seen_what_was_held_out(trained_project, warehouse):
    """The factors that a warm night is judged from are those of the training part, to the bit."""
    ((run_id,),) = trained_project.query("select mlflow_run_id from ml.training_runs")
    (path,) = trained_project.directory.rglob(f"{run_id}/artifacts/judged_movie_features.npy")
    recorded = json.loads((path.parent / "model.json").read_text())
    settings = Settings.from_mapping(recorded["settings"])
    interactions = read_interactions(warehouse)
    holdout = hold_out(interactions.matrix, interactions.last_interacted_at)
    fitted = fit(holdout.train, holdout.train_timestamps, settings)
    np.testing.assert_array_equal(np.load(path), fitted.H)


def test_with_nothing_live_it_starts_from_random_numbers_and_says_so(built_project, tmp_path):
    project = built_project.copy(tmp_path)
    (done,) = project.many([["train", "--warm-start", "--no-evaluate"]])
    assert done.returncode == 0, done.stderr
    assert "started from  random numbers: nothing is live yet" in done.stdout
