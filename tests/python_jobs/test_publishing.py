import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from python_jobs.errors import UserError
from python_jobs.publishing import retention, staging, verification
from python_jobs.publishing.commit import ChangedMeanwhileError, commit
from python_jobs.publishing.history import current_run, find_run, list_runs, require_rows
from python_jobs.warehouse.connection import Warehouse, new_client
from tests.python_jobs.publishing_data import FIRST_MOVIE, lists, publish, rollback, run_of

CURRENT = """
select count(), uniqExact(run_id), any(run_id)
from ml.recommendations
where run_id = (select run_id from ml.current_run)
"""


@pytest.fixture(autouse=True, params=["UTC", "Europe/Berlin", "America/New_York"])
def time_zone(request, monkeypatch):
    """Everything here holds wherever the machine is."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def nothing_published(warehouse):
    for table in ("recommendations", "training_runs", "similar_movies", "movie_factors"):
        warehouse.client.command(f"truncate table {warehouse.published(table)}")


def _publish(warehouse, run_id, users=5, top=3, keep=5, blocks=None, version=""):
    blocks = lists(users, top, blocks=2) if blocks is None else blocks
    return publish(warehouse, run_of(run_id, version), {"recommendations": blocks}, keep)


def _partitions(warehouse):
    rows = warehouse.client.query("select distinct run_id from ml.recommendations").result_rows
    return {run_id for (run_id,) in rows}


def _staging_tables(warehouse):
    return warehouse.client.command(
        "select count() from system.tables where database = 'ml' and name like '%staging%'"
    )


def test_a_published_run_is_whole_and_current(warehouse):
    run = _publish(warehouse, "first", users=5, top=3)
    assert run.recommendations == 15
    assert warehouse.client.query(CURRENT).first_row == (15, 1, "first")
    assert _staging_tables(warehouse) == 0


def test_publishing_a_run_again_changes_nothing(warehouse):
    for _ in range(2):
        _publish(warehouse, "first")
    assert warehouse.client.query(CURRENT).first_row == (15, 1, "first")
    assert [run.run_id for run in list_runs(warehouse)] == ["first"]


def test_a_run_without_recommendations_can_be_published(warehouse):
    _publish(warehouse, "first")
    _publish(warehouse, "empty", users=0)
    assert warehouse.client.query(CURRENT).first_row[0] == 0
    rollback(warehouse, "first")
    assert warehouse.client.query(CURRENT).first_row == (15, 1, "first")


def _damaged(column, position, value):
    (block,) = lists(5, 3)
    block[column][position] = value
    return [block]


def _seen(warehouse):
    user, movie = warehouse.client.query(
        f"select user_id, movie_id from {warehouse.mart} limit 1"
    ).first_row
    block = {
        "user_id": np.array([user], np.uint64),
        "movie_id": np.array([movie], np.uint64),
        "rank": np.array([1], np.uint16),
        "score": np.array([1.0], np.float32),
        "reason": ["factors"],
    }
    return [block]


@pytest.mark.parametrize(
    ("column", "position", "value"),
    [("rank", 1, 7), ("rank", 2, 2), ("rank", 0, 0), ("movie_id", 1, FIRST_MOVIE + 1)],
)
def test_broken_lists_are_refused_and_the_old_run_stays(warehouse, column, position, value):
    _publish(warehouse, "first")
    with pytest.raises(UserError, match=r"leave gaps: 1\b"):
        _publish(warehouse, "broken", blocks=_damaged(column, position, value))
    assert warehouse.client.query(CURRENT).first_row == (15, 1, "first")
    assert _partitions(warehouse) == {"first"}
    assert _staging_tables(warehouse) == 0


def test_a_movie_already_seen_is_refused(warehouse):
    with pytest.raises(UserError, match=r"movies already seen: 1\b"):
        _publish(warehouse, "broken", blocks=_seen(warehouse))
    assert not _partitions(warehouse)


def test_rows_that_did_not_arrive_are_missed(warehouse, monkeypatch):
    """What is left of each list is sound, so that only their number tells."""
    load_block = staging.load_block

    def lose_some(warehouse, relation, block):
        whole = {name: values[:-3] for name, values in block.items()}
        return 3 + load_block(warehouse, relation, whole)

    monkeypatch.setattr(staging, "load_block", lose_some)
    with pytest.raises(UserError, match=r"rows that did not arrive: 3\b"):
        _publish(warehouse, "broken", blocks=lists(5, 3))
    assert not _partitions(warehouse)


def test_the_checks_cover_every_slice_of_users(warehouse, monkeypatch):
    monkeypatch.setattr("python_jobs.publishing.verification.USERS_PER_CHECK", 2)
    _publish(warehouse, "sound")
    # The first slice, and the last.
    for row in (0, 14):
        with pytest.raises(UserError, match=r"leave gaps: 1\b"):
            _publish(warehouse, "broken", blocks=_damaged("rank", row, 9))


def test_every_id_is_in_one_slice_and_no_slice_has_too_many_users(warehouse, monkeypatch):
    monkeypatch.setattr(verification, "USERS_PER_CHECK", 64)
    columns = "run_id, user_id, movie_id, rank"
    ids = 2**40 + 7 * np.random.default_rng(5).permutation(1_000).astype(np.uint64)
    for part in np.array_split(ids, 5):
        warehouse.client.command(
            f"insert into ml.recommendations ({columns}) "
            f"select 'sliced', arrayJoin({part.tolist()}), number, number + 1 from numbers(3)"
        )
    slices = verification._user_slices(warehouse, warehouse.published("recommendations"))
    assert slices[0]["first"] == 0
    assert slices[-1]["last"] == 2**64 - 1
    assert all(after["first"] == before["last"] + 1 for before, after in pairwise(slices))
    sizes = [int(((ids >= each["first"]) & (ids <= each["last"])).sum()) for each in slices]
    assert sizes == [64] * 15 + [40]


def test_the_newest_runs_are_kept_and_can_be_rolled_back_to(warehouse):
    for run_id in ("a", "b", "c", "d"):
        _publish(warehouse, run_id, keep=2)
    assert _partitions(warehouse) == {"c", "d"}
    rollback(warehouse, "c")
    runs = {run.run_id: run for run in list_runs(warehouse)}
    assert [run_id for run_id, run in runs.items() if run.current] == ["c"]
    assert [run_id for run_id, run in runs.items() if run.kept] == ["c", "d"]
    with pytest.raises(UserError, match="ever published") as missing:
        find_run(warehouse, "nonsense")
    assert missing.value.hint == "These are kept: c (version c), d (version d)."
    # Those whose lists are gone say which of their version's are there.
    with pytest.raises(
        UserError, match=r"(?s)of run a are no longer kept.*kept: c \(version c\), d"
    ):
        require_rows(warehouse, find_run(warehouse, "a"))


def test_the_first_digits_are_enough_where_they_mean_one_run(warehouse):
    for run_id in ("abc1", "abc2", "abd", "ab"):
        _publish(warehouse, run_id)
    for digits, run_id in [("abc1", "abc1"), ("abd", "abd"), ("ab", "ab")]:
        assert find_run(warehouse, digits).run_id == run_id
    with pytest.raises(UserError, match="2 published runs begin with 'abc'") as several:
        find_run(warehouse, "abc")
    assert "abc1 (version abc1)" in several.value.message
    assert "abc2 (version abc2)" in several.value.message


def test_first_and_last_publication_are_told_apart(warehouse):
    for run_id in ("a", "b"):
        _publish(warehouse, run_id)
    before = {run.run_id: run for run in list_runs(warehouse)}
    rollback(warehouse, "a")
    after = {run.run_id: run for run in list_runs(warehouse)}
    assert before["a"].first_published_ms == before["a"].published_ms
    assert after["a"].first_published_ms == before["a"].published_ms < after["a"].published_ms
    assert after["b"] == replace(before["b"], current=False)


def test_scoring_again_and_again_does_not_push_out_other_versions(warehouse):
    for run_id, version in [("a", "1"), ("b", "2"), ("c", "2"), ("d", "2"), ("e", "2")]:
        _publish(warehouse, run_id, version=version, keep=2)
    assert _partitions(warehouse) == {"a", "d", "e"}
    with pytest.raises(UserError, match=r"last lists of its version are those of run e\."):
        require_rows(warehouse, find_run(warehouse, "b"))
    rollback(warehouse, "a")
    assert warehouse.client.query(CURRENT).first_row == (15, 1, "a")


def _rows(warehouse):
    query = "select run_id, toUnixTimestamp64Milli(published_at) from ml.training_runs order by 2"
    return warehouse.client.query(query).result_rows


def _commit(warehouse, run_id):
    return commit(warehouse, run_of(run_id), current_run(warehouse))


def test_a_run_is_published_now(warehouse):
    for run_id in "abcd":
        _commit(warehouse, run_id)
    rows = _rows(warehouse)
    assert [run_id for run_id, _ in rows] == list("abcd")
    assert all(abs(published / 1000 - time.time()) < 60 for _, published in rows)
    (latest,) = (run for run in list_runs(warehouse) if run.current)
    assert latest.run_id == "d"
    assert abs(latest.published_at.timestamp() - time.time()) < 60


def test_every_publication_is_later_than_the_one_before(warehouse):
    for run_id in ("a", "b", "c"):
        _commit(warehouse, run_id)
    warehouse.client.command(
        "insert into ml.training_runs (run_id, published_at) "
        "select 'from a clock ahead', now64(3) + interval 1 hour"
    )
    _commit(warehouse, "d")
    rows = _rows(warehouse)
    assert [run_id for run_id, _ in rows] == ["a", "b", "c", "from a clock ahead", "d"]
    assert all(before < after for (_, before), (_, after) in pairwise(rows))


def test_of_two_runs_at_the_same_moment_one_is_current(warehouse):
    warehouse.client.command(
        "insert into ml.training_runs (run_id, published_at) "
        "select arrayJoin(['a', 'c', 'b']), toDateTime64('2026-01-01', 3, 'UTC')"
    )
    assert [run.run_id for run in list_runs(warehouse) if run.current] == ["c"]
    live = current_run(warehouse)
    assert live is not None
    assert live.run_id == "c"


def test_a_row_comes_back_as_it_was_written(warehouse):
    odd = {"it's": 'a "quoted\\ value\n\u00fc', "empty": ""}
    run = replace(run_of("odd"), params=odd, metrics={"rmse": 0.1 + 0.2, "nan": math.inf})
    live = commit(warehouse, run, None)
    assert live.row() == run


def test_a_job_that_was_overtaken_publishes_nothing_and_says_so(warehouse):
    before = current_run(warehouse)
    _publish(warehouse, "first")
    with pytest.raises(ChangedMeanwhileError, match=r"run first .* current by now"):
        commit(warehouse, run_of("late"), before)
    assert [run_id for run_id, _ in _rows(warehouse)] == ["first"]
    # Also by the same run, published once more.
    before = current_run(warehouse)
    rollback(warehouse, "first")
    with pytest.raises(ChangedMeanwhileError):
        commit(warehouse, run_of("late"), before)
    assert {run_id for run_id, _ in _rows(warehouse)} == {"first"}


def test_a_job_that_was_overtaken_by_a_row_without_a_token_publishes_nothing(warehouse):
    """As an earlier release, or a person, writes it."""
    _publish(warehouse, "first")
    before = current_run(warehouse)
    warehouse.client.command(
        "insert into ml.training_runs (run_id, published_at) "
        "select 'by hand', max(published_at) + interval 1 millisecond from ml.training_runs"
    )
    with pytest.raises(ChangedMeanwhileError, match="run by hand"):
        commit(warehouse, run_of("late"), before)
    assert [run_id for run_id, _ in _rows(warehouse)] == ["first", "by hand"]


def test_of_writers_at_the_same_moment_one_commits(warehouse):
    for number in range(5):
        before, start = current_run(warehouse), threading.Barrier(4)

        def write(run_id, before=before, start=start):
            mine = Warehouse(new_client(warehouse.project), warehouse.project)
            start.wait()
            try:
                return commit(mine, run_of(run_id), before).run_id
            except ChangedMeanwhileError:
                return None

        with ThreadPoolExecutor(4) as pool:
            taken = [*pool.map(write, [f"{number}-{writer}" for writer in range(4)])]
        (winner,) = (run_id for run_id in taken if run_id)
        assert _rows(warehouse)[-1][0] == winner
        assert len(_rows(warehouse)) == number + 1


def test_a_row_that_was_deleted_by_hand_can_be_followed_again(warehouse, monkeypatch):
    monkeypatch.setattr("python_jobs.publishing.commit.SECONDS_BETWEEN", 0)
    _commit(warehouse, "first")
    for run_id in ("second", "third", "another", "and another"):
        _commit(warehouse, run_id)
        warehouse.client.command(
            f"alter table ml.training_runs delete where run_id = '{run_id}' "
            "settings mutations_sync = 1"
        )
    assert _commit(warehouse, "fourth").run_id == "fourth"
    assert [run_id for run_id, _ in _rows(warehouse)] == ["first", "fourth"]


def test_a_run_that_became_current_meanwhile_is_not_dropped(warehouse):
    """Rolled back to after housekeeping had chosen what to drop."""
    for run_id in ("first", "second"):
        _publish(warehouse, run_id)
    retention._drop_runs(warehouse, "recommendations", "true", grace_hours=0)
    assert _partitions(warehouse) == {"second"}


def test_leftovers_of_dead_attempts_are_removed(warehouse):
    _publish(warehouse, "first")
    warehouse.client.command(
        "insert into ml.recommendations (run_id, user_id) values ('never committed', 1)"
    )
    warehouse.client.command("create table ml.recommendations__staging_dead as ml.recommendations")
    _publish(warehouse, "second")
    assert _partitions(warehouse) == {"first", "second"}
    assert _staging_tables(warehouse) == 0


def test_what_may_be_in_progress_on_a_server_stays(warehouse, monkeypatch):
    """Another job's rows before its commit; embedded there is no other job."""
    monkeypatch.setattr(Warehouse, "embedded", False)
    warehouse.client.command(
        "insert into ml.recommendations (run_id, user_id) values ('in progress', 1)"
    )
    name = "ml.recommendations__staging_in_progress"
    warehouse.client.command(f"create table {name} as ml.recommendations")
    _publish(warehouse, "first")
    assert _partitions(warehouse) == {"in progress", "first"}
    assert _staging_tables(warehouse) == 1
    warehouse.client.command(f"drop table {name}")


def test_a_reader_never_sees_a_mix_or_a_gap(warehouse):
    sizes = {f"run{number}": 3 * (number + 1) for number in range(12)}
    _publish(warehouse, "run0", users=1, keep=2)
    seen, done = [], threading.Event()

    def poll():
        client = new_client(warehouse.project)
        while not done.is_set():
            seen.append(client.query(CURRENT).result_rows[0])

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        for number in range(1, len(sizes)):
            _publish(warehouse, f"run{number}", users=number + 1, keep=2)
    finally:
        done.set()
        reader.join()
    assert len(seen) > len(sizes)
    assert {runs for _, runs, _ in seen} == {1}
    assert all(count == sizes[run_id] for count, _, run_id in seen)
