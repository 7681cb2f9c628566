"""What `train` and `score` leave behind, as jobs in this process: every table and alias."""

from __future__ import annotations

from dataclasses import replace

import pytest

from python_jobs.errors import UserError
from python_jobs.evaluation.gate import RefusedError
from python_jobs.evaluation.holdout import TooFewInteractionsError
from python_jobs.evaluation.limits import Limits
from python_jobs.jobs import one_process
from python_jobs.jobs.live import find_live, load_live
from python_jobs.jobs.options import ScoreOptions, TrainOptions
from python_jobs.jobs.recommend import recommend
from python_jobs.jobs.score import score
from python_jobs.jobs.train import train
from python_jobs.model.settings import Settings
from python_jobs.progress import Phases
from python_jobs.publishing import staging
from python_jobs.publishing.commit import commit
from python_jobs.publishing.history import current_run
from python_jobs.publishing.retention import PUBLISHED_TABLES
from python_jobs.tracking.registry import CHALLENGER, CHAMPION, aliased, set_alias

MODEL = "dataflix-nmf"
OPTIONS = TrainOptions(Settings(max_components=2, max_iter=5), top=3)
EVERYTHING = """
select run_id, count(), sum(cityHash64(user_id, rank, movie_id, score))
from ml.recommendations
group by run_id
order by run_id
"""


@pytest.fixture(scope="module")
def first(warehouse, store):
    """The run that is live: version 1, which is the challenger too."""
    for table in (*PUBLISHED_TABLES, "training_runs"):
        warehouse.client.command(f"truncate table {warehouse.published(table)}")
    report = _train(warehouse, store)
    set_alias(store, MODEL, CHALLENGER, report.run.model_version)
    return report.run


def _train(warehouse, store, **changes):
    live, _ = find_live(warehouse, store)
    return train(warehouse, store, live, replace(OPTIONS, **changes), Phases())


def _score(warehouse, store):
    return score(warehouse, store, find_live(warehouse, store)[0], ScoreOptions(3), Phases())


def _state(warehouse, store):
    """Return the commit rows, every run's lists, and both aliases."""
    rows = warehouse.client.query("select * from ml.training_runs order by published_at")
    lists = warehouse.client.query(EVERYTHING).result_rows
    aliases = [aliased(store, MODEL, alias) for alias in (CHAMPION, CHALLENGER)]
    return rows.result_rows, lists, aliases


def test_a_training_that_is_live_has_its_row_its_lists_and_the_champion(warehouse, store, first):
    ((row,), ((run_id, rows, _),), aliases) = _state(warehouse, store)
    assert run_id == first.run_id in row
    assert rows == first.recommendations > 0
    assert first.recommendations in row
    assert aliases == ["1", "1"]


def test_pictures_that_cannot_be_stored_leave_all_as_it_was(warehouse, store, first, monkeypatch):
    """Everything of a run is in MLflow before a row of it is in a table that readers have."""

    def refused(*_, **__):
        raise ConnectionError("503 of a proxy")

    before = _state(warehouse, store)
    monkeypatch.setattr("mlflow.MlflowClient.log_figure", refused)
    with pytest.raises(UserError, match="could not be written to the MLflow store at"):
        _train(warehouse, store)
    assert _state(warehouse, store) == before


@pytest.mark.parametrize(
    ("changes", "passed"),
    [({"publish": False}, True), ({"limits": Limits(max_shrink=-1)}, False)],
    ids=["unpublished", "refused"],
)
def test_a_training_that_is_not_to_be_live_leaves_all_as_it_was(
    warehouse, store, first, changes, passed
):
    before = _state(warehouse, store)
    report = _train(warehouse, store, **changes)
    assert report.verdict.passed is passed
    assert not report.published
    assert _state(warehouse, store) == before


@pytest.mark.parametrize("job", [_train, _score])
def test_rows_that_fail_their_checks_leave_all_as_it_was(warehouse, store, first, monkeypatch, job):
    def refuse(warehouse, table, *args):
        if table == "movie_factors":
            raise UserError("The last table is not sound.")

    before = _state(warehouse, store)
    monkeypatch.setattr(staging, "verify", refuse)
    with pytest.raises(UserError, match="The last table"):
        job(warehouse, store)
    assert _state(warehouse, store) == before


def test_a_training_that_could_not_be_measured_leaves_all_as_it_was(
    warehouse, store, first, monkeypatch
):
    def nobody(*args):
        raise TooFewInteractionsError("Nobody has enough interactions.")

    before = _state(warehouse, store)
    monkeypatch.setattr(one_process, "hold_out", nobody)
    report = _train(warehouse, store)
    assert "nobody has enough interactions" in report.verdict.reasons[0]
    assert _state(warehouse, store) == before


@pytest.mark.parametrize("part", ["users", "movies", "interactions"])
def test_a_mart_of_half_the_size_is_not_scored(warehouse, store, first, part):
    """As if the current run had been made from twice as many."""
    twice = replace(first, **{part: 2 * getattr(first, part)})
    commit(warehouse, twice, current_run(warehouse))
    before = _state(warehouse, store)
    with pytest.raises(RefusedError, match=f"lost 50% of its {part}"):
        _score(warehouse, store)
    assert _state(warehouse, store) == before
    commit(warehouse, first, current_run(warehouse))


def test_transitions_go_all_the_way(warehouse, store, first):
    """Trained, published, scored and recommended, with the same lists; the last test here."""
    import mlflow

    settings = Settings(2, max_iter=20, transition_rank=3, transition_iterations=10)
    report = _train(warehouse, store, settings=settings, force=True)
    assert report.published
    assert report.run.params["algorithm"] == "NMF and transitions"
    live, _ = find_live(warehouse, store)
    model = load_live(store, live)
    assert model.record.summary.settings == settings
    assert model.record.H.shape[0] == 5
    assert (
        warehouse.number(
            f"select uniqExact(feature) from ml.movie_factors where run_id = '{report.run.run_id}'"
        )
        == 5
    )
    scored = _score(warehouse, store).run.run_id
    lists = {run: rest for run, *rest in _state(warehouse, store)[1]}
    assert lists[scored] == lists[report.run.run_id]
    user = warehouse.number(f"select min(user_id) from {warehouse.mart}")
    rows = warehouse.client.query(
        "select movies.title, because.title, lists.score from ml.recommendations as lists "
        "join analytics.mart_movies as movies using movie_id "
        "join analytics.mart_movies as because on because.movie_id = lists.because_movie_id "
        f"where run_id = '{scored}' and user_id = {user} order by rank"
    ).result_rows
    assert rows == [(m.title, m.because, m.score) for m in recommend(warehouse, model, user, 3)]
    nmf = mlflow.sklearn.load_model(f"models:/{MODEL}@{CHAMPION}")
    assert nmf.components_.tobytes() == model.record.H[:2].tobytes()
