"""What `train` and `score` leave behind, run in this process, where no step of theirs is imitated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from python_jobs.errors import UserError
from python_jobs.gate import RefusedError
from python_jobs.jobs.going_live import find_live
from python_jobs.jobs.train import TrainOptions, train
from python_jobs.limits import Limits
from python_jobs.progress import Phases
from python_jobs.publishing import staging
from python_jobs.publishing.commit import commit
from python_jobs.publishing.retention import PUBLISHED_TABLES
from python_jobs.scoring import ScoreOptions, score
from python_jobs.settings import Settings
from python_jobs.tracking.registry import CHALLENGER, CHAMPION, aliased, set_alias
from python_jobs.tracking.store import Tracking, open_tracking

MODEL = "dataflix-nmf"
OPTIONS = TrainOptions(Settings(max_components=2, max_iter=5), top=3)
EVERYTHING = """
select run_id, count(), sum(cityHash64(user_id, rank, movie_id, score))
from ml.recommendations
group by run_id
order by run_id
"""


@pytest.fixture(scope="module")
def tracking(tmp_path_factory) -> Tracking:
    return open_tracking(tmp_path_factory.mktemp("store"), "experiment", MODEL)


@pytest.fixture(scope="module")
def first(warehouse, tracking):
    """The run that is live: version 1, which is the challenger too."""
    for table in (*PUBLISHED_TABLES, "training_runs"):
        warehouse.client.command(f"truncate table {warehouse.published(table)}")
    report = _train(warehouse, tracking)
    set_alias(tracking, MODEL, CHALLENGER, report.run.model_version)
    return report.run


def _train(warehouse, tracking, **changes):
    live, _ = find_live(warehouse, tracking)
    return train(warehouse, tracking, live, replace(OPTIONS, **changes), Phases())


def _score(warehouse, tracking):
    return score(warehouse, tracking, find_live(warehouse, tracking)[0], ScoreOptions(3), Phases())


def _state(warehouse, tracking):
    """Return the commit rows, every run's lists, and both aliases."""
    rows = warehouse.client.query("select * from ml.training_runs order by published_at")
    lists = warehouse.client.query(EVERYTHING).result_rows
    aliases = [aliased(tracking, MODEL, alias) for alias in (CHAMPION, CHALLENGER)]
    return rows.result_rows, lists, aliases


def _of_twice_as_many(warehouse, run, part):
    """Make the current run one of a mart that had twice as much in it."""
    live, row = find_live(warehouse, tracking)[0]
    return commit(warehouse, replace(run, **{part: 2 * getattr(run, part)}), live.run)


def test_a_training_that_is_live_has_its_row_its_lists_and_the_champion(
    warehouse, tracking, first
):
    ((row,), ((run_id, rows, _),), aliases) = _state(warehouse, tracking)
    assert run_id == first.run_id in row
    assert rows == first.recommendations > 0
    assert first.recommendations in row
    assert aliases == ["1", "1"]


@pytest.mark.parametrize(
    ("changes", "passed"),
    [({"publish": False}, True), ({"limits": Limits(max_shrink=-1)}, False)],
    ids=["unpublished", "refused"],
)
def test_a_training_that_is_not_to_be_live_leaves_all_as_it_was(
    warehouse, tracking, first, changes, passed
):
    before = _state(warehouse, tracking)
    report = _train(warehouse, tracking, **changes)
    assert report.verdict.passed is passed
    assert not report.published
    assert _state(warehouse, tracking) == before


@pytest.mark.parametrize("job", [_train, _score])
def test_rows_that_fail_their_checks_leave_all_as_it_was(
    warehouse, tracking, first, monkeypatch, job
):
    def refuse(warehouse, table, *args):
        if table == "movie_factors":
            raise UserError("The last table is not sound.")

    before = _state(warehouse, tracking)
    monkeypatch.setattr(staging, "verify", refuse)
    with pytest.raises(UserError, match="The last table"):
        job(warehouse, tracking)
    assert _state(warehouse, tracking) == before
