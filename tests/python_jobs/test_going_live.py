"""After every publication, whole or cut short: row, alias, lists and words agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from mlflow.exceptions import MlflowException

from python_jobs.errors import UserError
from python_jobs.jobs import going_live
from python_jobs.jobs.going_live import go_live
from python_jobs.jobs.live import find_live, load_live
from python_jobs.jobs.roll_back import roll_back
from python_jobs.jobs.train import champion_of
from python_jobs.publishing import commit as commit_module
from python_jobs.publishing.commit import ChangedMeanwhileError
from python_jobs.publishing.history import current_run
from python_jobs.publishing.publish import place_rows
from python_jobs.tracking.record import load_record, save_record
from python_jobs.tracking.registry import CHAMPION, aliased, set_alias
from python_jobs.tracking.store import explained_mlflow, log_record
from tests.python_jobs.publishing_data import all_tables, run_of
from tests.python_jobs.test_record import RECORD

MODEL, OTHER = "dataflix-nmf", "another-model"


@pytest.fixture
def tracking(store, warehouse):
    """A store without versions, and a warehouse without runs."""
    for table in ("recommendations", "training_runs", "similar_movies", "movie_factors"):
        warehouse.client.command(f"truncate table {warehouse.published(table)}")
    for name in (MODEL, OTHER):
        store.client.create_registered_model(name)
    yield store
    for name in (MODEL, OTHER):
        store.client.delete_registered_model(name)


def _made(warehouse, tracking, model=MODEL, users=3):
    """Return a run whose rows are in place and whose model is registered; not committed."""
    run_id = tracking.client.create_run(tracking.experiment_id).info.run_id
    version = tracking.client.create_model_version(model, "file:///nowhere", run_id=run_id).version
    run = run_of(run_id, str(version), model)
    return place_rows(warehouse, run, all_tables(users, 2))


def _published(warehouse, tracking, model=MODEL):
    run = _made(warehouse, tracking, model)
    assert go_live(warehouse, tracking, run, find_live(warehouse, tracking)[0], keep=5) == []
    return run


def _state(warehouse, tracking):
    """Return the current row, the champion, and the current run's rows in each table."""
    live = current_run(warehouse)
    assert live is not None
    rows = [
        warehouse.client.command(f"select count() from ml.{table} where run_id = '{live.run_id}'")
        for table in ("recommendations", "similar_movies", "movie_factors")
    ]
    return live.run_id, aliased(tracking, live.model_name, CHAMPION), rows


def test_a_run_is_current_its_version_the_champion_and_its_lists_there(warehouse, tracking):
    run = _published(warehouse, tracking)
    assert _state(warehouse, tracking) == (run.run_id, run.model_version, [6, 2, 1])


def _failing(error):
    def fail(*args, **kwargs):
        raise error

    return fail


def test_an_alias_that_cannot_follow_is_a_warning_and_follows_next_time(
    warehouse, tracking, monkeypatch
):
    first, run = _published(warehouse, tracking), _made(warehouse, tracking)
    live, _ = find_live(warehouse, tracking)
    with monkeypatch.context() as patch:
        patch.setattr(going_live, "follow", _failing(MlflowException("the store is down")))
        (warning,) = go_live(warehouse, tracking, run, live, keep=5)
    assert f"Run {run.run_id} is published and current" in warning
    assert "champion does not follow it yet" in warning
    assert "the store is down" in warning
    assert _state(warehouse, tracking) == (run.run_id, first.model_version, [6, 2, 1])
    live, note = find_live(warehouse, tracking)
    assert f"was version {first.model_version}" in note
    assert f"version {run.model_version} now" in note
    assert _state(warehouse, tracking)[1] == run.model_version == live.champion
    assert find_live(warehouse, tracking)[1] == ""


def test_old_runs_that_cannot_be_dropped_are_a_warning(warehouse, tracking, monkeypatch):
    _published(warehouse, tracking)
    run, (live, _) = _made(warehouse, tracking), find_live(warehouse, tracking)
    refused = DatabaseError("Code: 359. DROP PARTITION is not allowed")
    monkeypatch.setattr(going_live, "remove_old_runs", _failing(refused))
    (warning,) = go_live(warehouse, tracking, run, live, keep=2)
    assert "is published and current" in warning
    assert "DROP PARTITION is not allowed" in warning
    assert _state(warehouse, tracking) == (run.run_id, run.model_version, [6, 2, 1])


@pytest.mark.parametrize("step", ["follow", "remove_old_runs"])
def test_an_interrupt_after_the_commit_says_that_the_run_is_published(
    warehouse, tracking, monkeypatch, step
):
    run, (live, _) = _made(warehouse, tracking), find_live(warehouse, tracking)
    with monkeypatch.context() as patch:
        patch.setattr(going_live, step, _failing(KeyboardInterrupt()))
        with pytest.raises(UserError, match="is published and current all the same") as told:
            go_live(warehouse, tracking, run, live, keep=5)
    assert (told.value.word, told.value.exit_code) == ("Interrupted", 130)
    find_live(warehouse, tracking)
    assert _state(warehouse, tracking) == (run.run_id, run.model_version, [6, 2, 1])


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (OperationalError("connection reset"), 1)]
)
def test_what_cuts_the_commit_short_is_told_by_what_became_of_it(
    warehouse, tracking, monkeypatch, error, code
):
    first = _published(warehouse, tracking)
    append = commit_module._append

    def append_and_fail(*args):
        append(*args)
        raise error

    for cut, told_as, is_live in [
        (_failing(error), "may not have been|was being made current", False),
        (append_and_fail, "is published and current", True),
    ]:
        run, (live, _) = _made(warehouse, tracking), find_live(warehouse, tracking)
        with monkeypatch.context() as patch:
            patch.setattr(commit_module, "_append", cut)
            with pytest.raises(UserError, match=told_as) as told:
                go_live(warehouse, tracking, run, live, keep=5)
        assert told.value.exit_code == code
        find_live(warehouse, tracking)
        current = run if is_live else first
        assert _state(warehouse, tracking) == (current.run_id, current.model_version, [6, 2, 1])


def test_a_job_that_began_with_another_run_publishes_nothing(warehouse, tracking):
    """An hourly `score` that began before the nightly `train` committed."""
    _published(warehouse, tracking)
    late, (began_with, _) = _made(warehouse, tracking), find_live(warehouse, tracking)
    newer = _published(warehouse, tracking)
    with pytest.raises(ChangedMeanwhileError, match="was not published"):
        go_live(warehouse, tracking, late, began_with, keep=5)
    assert _state(warehouse, tracking) == (newer.run_id, newer.model_version, [6, 2, 1])


def test_a_training_that_a_score_overtook_leaves_the_champion(warehouse, tracking):
    """The score is of the same version, so that MLflow has nothing to tell of it."""
    first = _published(warehouse, tracking)
    late, (began_with, _) = _made(warehouse, tracking), find_live(warehouse, tracking)
    scored = replace(first, run_id="scored", recommendations=0)
    commit_module.commit(warehouse, scored, began_with.run)
    with pytest.raises(ChangedMeanwhileError, match=r"run scored .* is current by now"):
        go_live(warehouse, tracking, late, began_with, keep=5)
    assert _state(warehouse, tracking) == ("scored", first.model_version, [0, 0, 0])


def test_a_champion_that_was_moved_meanwhile_stops_the_commit(warehouse, tracking):
    first = _published(warehouse, tracking)
    run, (live, _) = _made(warehouse, tracking), find_live(warehouse, tracking)
    set_alias(tracking, MODEL, CHAMPION, run.model_version)
    with pytest.raises(ChangedMeanwhileError, match=f"champion is version {run.model_version}"):
        go_live(warehouse, tracking, run, live, keep=5)
    # What is live decides: the next command moves the alias back, and says so.
    assert f"version {first.model_version} now" in find_live(warehouse, tracking)[1]
    assert _state(warehouse, tracking) == (first.run_id, first.model_version, [6, 2, 1])


def test_a_rollback_moves_the_champion_of_the_runs_own_model(warehouse, tracking):
    first = _published(warehouse, tracking, OTHER)
    second = _published(warehouse, tracking, MODEL)
    run, warnings = roll_back(warehouse, tracking, find_live(warehouse, tracking)[0], first.run_id)
    assert warnings == []
    assert (run.model_name, run.current) == (OTHER, False)
    assert _state(warehouse, tracking) == (first.run_id, first.model_version, [6, 2, 1])
    assert aliased(tracking, MODEL, CHAMPION) == second.model_version
    # Once more changes nothing.
    before = current_run(warehouse)
    assert roll_back(warehouse, tracking, find_live(warehouse, tracking)[0], first.run_id)[
        0
    ].current
    assert current_run(warehouse) == before


def test_a_rollback_that_the_champion_could_not_follow_changes_nothing(warehouse, tracking):
    first, second = _published(warehouse, tracking), _published(warehouse, tracking)
    live, _ = find_live(warehouse, tracking)
    tracking.client.delete_model_version(MODEL, first.model_version)
    with pytest.raises(UserError, match="not in the MLflow store"):
        roll_back(warehouse, tracking, live, first.run_id)
    assert _state(warehouse, tracking) == (second.run_id, second.model_version, [6, 2, 1])


def test_a_rollback_to_what_is_no_longer_kept_changes_nothing(warehouse, tracking):
    first, second = _published(warehouse, tracking), _published(warehouse, tracking)
    warehouse.client.command(f"alter table ml.recommendations drop partition '{first.run_id}'")
    with pytest.raises(UserError, match="no longer kept"):
        roll_back(warehouse, tracking, find_live(warehouse, tracking)[0], first.run_id)
    assert _state(warehouse, tracking) == (second.run_id, second.model_version, [6, 2, 1])


def test_a_rollback_whose_rows_another_job_drops_meanwhile_changes_nothing(
    warehouse, tracking, monkeypatch
):
    first, second = _published(warehouse, tracking), _published(warehouse, tracking)
    append = commit_module._append

    def drop_and_append(*args):
        warehouse.client.command(f"alter table ml.recommendations drop partition '{first.run_id}'")
        append(*args)

    monkeypatch.setattr(commit_module, "_append", drop_and_append)
    with pytest.raises(UserError, match="no longer kept"):
        roll_back(warehouse, tracking, find_live(warehouse, tracking)[0], first.run_id)
    assert _state(warehouse, tracking) == (second.run_id, second.model_version, [6, 2, 1])


def test_a_store_without_the_live_model_is_not_taken_for_an_empty_one(warehouse, tracking):
    run = _published(warehouse, tracking)
    tracking.client.delete_model_version(MODEL, run.model_version)
    live, note = find_live(warehouse, tracking)
    assert "not in the MLflow store" in note
    with pytest.raises(UserError, match="not in the MLflow store"):
        champion_of(tracking, live.run, optional=False)
    with pytest.raises(UserError, match="not in the MLflow store"):
        load_live(tracking, live)
    assert champion_of(tracking, live.run, optional=True) is None
    assert champion_of(tracking, None, optional=False) is None


def test_another_model_of_the_same_number_is_not_the_live_one(warehouse, tracking):
    """As in a store that was begun anew, whose versions count from 1 again."""
    first = _published(warehouse, tracking)
    elsewhere = replace(
        first, run_id="elsewhere", mlflow_run_id="of another store", recommendations=0
    )
    commit_module.commit(warehouse, elsewhere, current_run(warehouse))
    live, _ = find_live(warehouse, tracking)
    with pytest.raises(UserError, match="not in the MLflow store"):
        load_live(tracking, live)
    with pytest.raises(UserError, match="not in the MLflow store"):
        champion_of(tracking, live.run, optional=False)


def test_a_store_that_does_not_answer_is_not_taken_for_an_empty_one(
    warehouse, tracking, monkeypatch
):
    _published(warehouse, tracking)
    live, _ = find_live(warehouse, tracking)
    down = MlflowException("503 from the store", error_code=8)

    def compare():
        with explained_mlflow(tracking):
            champion_of(tracking, live.run, optional=False)

    def align():
        with explained_mlflow(tracking):
            find_live(warehouse, tracking)

    with monkeypatch.context() as patch:
        patch.setattr(tracking.client, "get_registered_model", _failing(down))
        with pytest.raises(MlflowException, match="503"):
            aliased(tracking, MODEL, CHAMPION)
    for name, step in [("get_registered_model", align), ("get_model_version", compare)]:
        with monkeypatch.context() as patch:
            patch.setattr(tracking.client, name, _failing(down))
            with pytest.raises(UserError, match=r"The MLflow store at .* failed: .*503"):
                step()


@pytest.mark.parametrize("name", ["user_features.npy", "user_fingerprints.npy", "model.json"])
@pytest.mark.parametrize("left", [0.0, 0.5])
def test_a_damaged_model_is_a_sentence(warehouse, tracking, tmp_path, name, left):
    run = _published(warehouse, tracking)
    save_record(RECORD.parts(), {}, tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * left)])
    tracking.client.log_artifacts(run.mlflow_run_id, str(tmp_path))
    live, _ = find_live(warehouse, tracking)
    with pytest.raises(UserError, match=r"artifacts of version .* cannot be read \(\w+Error: "):
        load_live(tracking, live)
    if name == "model.json":
        with pytest.raises(UserError, match="cannot be read"):
            champion_of(tracking, live.run, optional=False)


def test_what_is_downloaded_of_a_model_is_removed_again(warehouse, tracking, tmp_path, monkeypatch):
    run = _published(warehouse, tracking)
    saved, downloads = tmp_path / "saved", tmp_path / "downloads"
    saved.mkdir()
    downloads.mkdir()
    save_record(RECORD.parts(), {}, saved)
    tracking.client.log_artifacts(run.mlflow_run_id, str(saved))
    live, _ = find_live(warehouse, tracking)
    monkeypatch.setattr("tempfile.tempdir", str(downloads))
    there: list[Path] = []

    def reading(folder):
        there.extend(downloads.rglob("*.npy"))
        return load_record(folder)

    monkeypatch.setattr("python_jobs.tracking.registry.load_record", reading)
    assert load_live(tracking, live).record.W.tolist() == RECORD.W.tolist()
    assert champion_of(tracking, live.run, optional=False) is not None
    # Otherwise nothing was downloaded, and there was nothing to remove.
    assert len(there) == 5
    assert list(downloads.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ConnectionError("503 of a proxy")])
def test_artifacts_that_cannot_be_stored_are_a_sentence(tracking, monkeypatch, error):
    monkeypatch.setattr("mlflow.log_artifacts", _failing(error))
    with pytest.raises(UserError, match="could not be written to the MLflow store at") as told:
        log_record(tracking, RECORD.parts(), {})
    assert str(error.args[-1]) in str(told.value)
    assert "Nothing was published" in str(told.value)


def test_nothing_published_is_said(tracking, warehouse):
    live, note = find_live(warehouse, tracking)
    assert (live.run, note) == (None, "")
    with pytest.raises(UserError, match="Nothing has been published yet"):
        load_live(tracking, live)
