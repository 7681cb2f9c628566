"""`python_jobs forget`: a user who is in the data leaves no trace outside the raw tables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from python_jobs.commands.forget import _left_over
from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError
from python_jobs.jobs.forget import Forgotten
from python_jobs.model.settings import Settings
from python_jobs.publishing.holders import Holder, find_holders, raw_rows
from python_jobs.tracking import forgetting
from python_jobs.tracking.forgetting import remove_from_runs, runs_with
from python_jobs.tracking.record import ModelRecord, Summary, Users, load_record
from python_jobs.tracking.scratch import PREFIX, remove_abandoned, scratch
from python_jobs.tracking.store import log_record, tracked_run
from tests.python_jobs.conftest import Project, rows_of

LEAVER = 987654321
PLANT = """
insert into raw.{0} select * replace ({1} as user_id)
from (select * from raw.{0} where user_id = 42)
"""
BROKEN = f"""
insert into raw.ratings select * replace ({LEAVER} as user_id, 7 as rating)
from (select * from raw.ratings where user_id = 42 limit 1)
"""
COPY = "create table staging.int_followed_lists__staging_forget as staging.int_followed_lists"
BUILD = [
    *("dbt", "build", "--indirect-selection", "empty", "--select"),
    *("+mart_user_movie_matrix", "+mart_dataset", "rejected_interactions"),
]
MARTS = ["dbt", "run", "--select", "mart_users", "int_current_lists", "mart_user_recommendations"]
TABLES = """
select concat(database, '.', name), data_paths
from system.tables
where database in ('raw', 'staging', 'analytics', 'ml') and engine like '%MergeTree'
order by all
"""
HOLDS = "select count() from {0} where position(toString(tuple(*)), '{1}') > 0"
RUNS = "select run_id, recommendations from ml.training_runs order by published_at"
COUNTED = "select run_id, count() from ml.recommendations group by run_id order by run_id"
FORTY_TWO = "select movie_id, rank from ml.recommendations where user_id = 42 order by all"
DEAD = "ml.recommendations__staging_dead"


def tables_with(project: Project, tables: dict[str, list[str]]) -> dict[str, int]:
    """Return which tables hold the leaver in any column, with their rows."""
    counts = project.queries(*(HOLDS.format(name, LEAVER) for name in tables))
    return {name: rows for name, [[rows]] in zip(tables, counts, strict=True) if rows}


def files_with(project: Project, tables: dict[str, list[str]]) -> set[str]:
    """Return which files hold the leaver, as text or as a number, but those of raw tables."""
    raw = tuple(place for name in tables if name.startswith("raw.") for place in tables[name])
    needles = str(LEAVER).encode(), np.uint64(LEAVER).tobytes()
    files = [file for file in project.directory.rglob("*") if file.is_file()]
    found = [file for file in files if any(needle in file.read_bytes() for needle in needles)]
    return {file.name for file in found if not str(file).startswith(raw)}


def own_artifacts(project: Project) -> None:
    """Give the copy artifacts of its own: the store of the project it was copied from is shared."""
    import sqlite3

    with sqlite3.connect(project.directory / "mlflow.db") as store:
        ((location,),) = store.execute(
            "select artifact_location from experiments where name != 'Default'"
        )
        old = Path(location.removeprefix("file://"))
        new = project.directory / "mlruns"
        shutil.copytree(old, new, dirs_exist_ok=True)
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            store.execute(
                f"update {table} set {column} = replace({column}, ?, ?)",
                (old.as_uri(), new.as_uri()),
            )


@pytest.fixture(scope="module")
def left(trained_project: Project, tmp_path_factory: Any) -> dict[str, Any]:
    """What holds the leaver before and after, what was said, and whether all goes on."""
    project = trained_project.copy(tmp_path_factory.mktemp("leaving"))
    own_artifacts(project)
    made = project.many(
        [
            *(["execute", PLANT.format(t, LEAVER)] for t in ("users", "ratings", "watched_movies")),
            ["execute", BROKEN],
            BUILD,
            ["train"],
            ["train", "--max-components", "6", "--no-publish"],
            ["score"],
            MARTS,
            ["snapshot"],
            ["execute", f"create table {DEAD} as ml.recommendations"],
            ["execute", f"insert into {DEAD} select * from ml.recommendations"],
        ]
    )
    assert not [done for done in made if done.returncode]
    tables = dict(project.query(TABLES))
    told: dict[str, Any] = {"tables": tables_with(project, tables)}
    told["files"] = files_with(project, tables)
    forget = ["forget", str(LEAVER)]
    names = ("42", "unasked", "forget", "died", "again", "copies", "runs", "counted", "42 after")
    commands = [
        ["query", FORTY_TWO],
        forget,
        [*forget, "--yes"],
        ["execute", COPY],
        [*forget, "--yes"],
        ["query", "select name from system.tables where name like '%staging_forget'"],
        ["query", RUNS],
        ["query", COUNTED],
        ["query", FORTY_TWO],
    ]
    told |= dict(zip(names, project.many(commands), strict=True))
    del tables[DEAD]
    told["tables after"] = tables_with(project, tables)
    told["files after"] = files_with(project, tables)
    # With dashboards on this machine a rollback would build the marts too.
    shutil.rmtree(project.directory / ".dashboards")
    first = rows_of(told["runs"])[0][0]
    live = [
        ["recommend", "--user", "42"],
        ["recommend", "--user", str(LEAVER)],
        ["score"],
        ["rollback", first],
        ["train"],
        ["query", f"select count() from ml.recommendations where user_id = {LEAVER}"],
    ]
    steps = ("recommend", "nobody", "score", "rollback", "train", "lists")
    told |= dict(zip(steps, project.many(live), strict=True))
    return told


def test_before_the_user_is_everywhere(left):
    assert {
        "analytics.mart_dataset",
        "analytics.mart_user_movie_matrix",
        "analytics.mart_user_recommendations",
        "analytics.mart_users",
        "ml.dataset_samples",
        "ml.recommendations",
        DEAD,
        "staging.int_current_lists",
        "staging.rejected_interactions",
    } == {name for name in left["tables"] if not name.startswith("raw.")}
    assert left["files"] >= {"user_ids.npy", "metadata.json"}


def test_nothing_goes_without_a_word(left):
    done = left["unasked"]
    assert done.returncode == 1
    assert "Nothing was removed" in done.stderr


def test_no_table_and_no_file_but_the_raw_ones_holds_the_user(left):
    assert {name.split(".")[0] for name in left["tables after"]} == {"raw"}
    assert left["tables after"] == {
        name: rows for name, rows in left["tables"].items() if name.startswith("raw.")
    }
    assert not left["files after"]


def test_it_says_what_it_removed_and_what_the_raw_tables_hold(left):
    said = left["forget"].stdout + left["forget"].stderr
    assert left["forget"].returncode == 0, said
    for table, rows in left["tables"].items():
        if table.startswith("raw."):
            assert f"{rows:,} rows of {table}" in left["forget"].stdout.split("still hold")[1]
        else:
            assert f"{rows:,} rows of {table}" in said
    assert "the user's row in 2 models of MLflow" in said
    assert f"User {LEAVER} is removed." in left["forget"].stdout
    assert "bring the user back" in left["forget"].stdout
    assert f"User {LEAVER} is in nothing to remove." in left["again"].stdout


def test_a_second_attempt_drops_the_copies_of_one_that_died_at_its_end(left):
    assert left["died"].returncode == left["again"].returncode == 0
    assert rows_of(left["copies"]) == []


def test_tables_of_which_nothing_is_known_stop_nothing(warehouse, monkeypatch):
    names = {
        "letters": "'42' as user_id, 1 as entity_id",
        "uuids": "generateUUIDv4() as user_id",
        "entities": "42 as entity_id",
        "events": "42 as entity_id, 'user' as entity",
    }
    for name, columns in names.items():
        warehouse.client.command(
            f"create table analytics.{name} engine = MergeTree order by tuple() as select {columns}"
        )
    lake = Relation("lake", "impressions")
    warehouse.client.command("create database lake")
    warehouse.client.command(
        f"create table {lake} engine = MergeTree order by tuple() as "
        "select arrayJoin(['42', '42', 'x']) as user_id"
    )
    monkeypatch.setitem(warehouse.project.sources, "impressions.impressions", lake)
    others = {str(holder.relation): holder.rows for holder in find_holders(warehouse, 42).others}
    held = raw_rows(warehouse, 42)
    for name in names:
        warehouse.client.command(f"drop table analytics.{name} sync")
    warehouse.client.command("drop database lake sync")
    assert others == {"analytics.letters": 1, "analytics.events": 1}
    assert held["lake.impressions"] == 2


def test_everybody_else_is_as_before_and_each_run_says_how_many_lists_it_has(left):
    assert rows_of(left["42 after"]) == rows_of(left["42"])
    counted = dict(rows_of(left["counted"]))
    assert len(counted) == 3
    assert dict(rows_of(left["runs"])) == counted


@pytest.mark.parametrize("command", ["recommend", "score", "rollback", "train"])
def test_all_goes_on(left, command):
    assert left[command].returncode == 0, left[command].stderr


def test_the_user_is_nobody_until_the_raw_tables_bring_them_back(left):
    assert left["nobody"].returncode == 1
    assert rows_of(left["lists"]) == [[0]]


USERS = np.array([3, 5, 8], np.uint64)


@pytest.fixture
def recorded(store):
    """A model of three users in the store; its run, and where its artifacts are."""
    record = ModelRecord(
        W=np.arange(6, dtype=np.float32).reshape(3, 2),
        H=np.ones((2, 4), np.float32),
        user_ids=USERS,
        movie_ids=np.arange(4, dtype=np.uint64),
        fingerprints=np.array([30, 50, 80], np.uint64),
        summary=Summary(Settings(), {}, {}),
    )
    with tracked_run(store, "train", {}) as run_id:
        log_record(store, record.parts(), {"run_id": run_id})
    uri = store.client.get_run(run_id).info.artifact_uri
    yield run_id, Path(uri.removeprefix("file://"))
    store.client.delete_run(run_id)


def shrunk(folder: Path) -> None:
    """Check that the folder holds the model without user 5."""
    record = load_record(folder)
    assert record.user_ids.tolist() == [3, 8]
    assert record.W.tolist() == [[0, 1], [4, 5]]
    assert record.fingerprints.tolist() == [30, 80]
    assert json.loads((folder / "metadata.json").read_text())["user_ids"] == [3, 8]
    assert not [*folder.glob("*.new")]


def test_a_model_has_a_row_less_and_loads(store, recorded):
    run_id, folder = recorded
    assert runs_with(store, 4) == ([], {})
    assert runs_with(store, 5) == ([run_id], {})
    done: list[int] = []
    assert remove_from_runs(store, [run_id], 5, lambda: done.append(1)) == {}
    assert done == [1]
    shrunk(folder)
    assert runs_with(store, 5) == ([], {})


@pytest.mark.parametrize("largest", [2, 3])
def test_a_model_in_parts_has_a_row_less_and_loads(store, recorded, monkeypatch, largest):
    """As users on several machines are kept, with their mappings in metadata.json and without."""
    monkeypatch.setattr("python_jobs.tracking.record.LARGEST_MAPPING", largest)
    whole = load_record(recorded[1])

    def users():
        for part in (slice(0, 1), slice(1, 3)):
            yield Users(whole.W[part], whole.user_ids[part], whole.fingerprints[part])

    with tracked_run(store, "train", {}) as run_id:
        log_record(store, replace(whole.parts(), users=users), {})
    found, _ = runs_with(store, 5)
    assert set(found) == {recorded[0], run_id}
    assert remove_from_runs(store, found, 5, lambda: None) == {}
    folder = Path(store.client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    record = load_record(folder)
    assert (record.user_ids.tolist(), record.W.tolist()) == ([3, 8], [[0, 1], [4, 5]])
    assert record.fingerprints.tolist() == [30, 80]
    assert np.load(folder / "user_ids_00000.npy").tolist() == [3]
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata.get("user_ids", [3, 8]) == [3, 8]
    assert ("user_ids" in metadata) is (largest == 3)
    assert runs_with(store, 5) == ([], {})
    store.client.delete_run(run_id)


def test_a_model_of_a_deleted_run_and_of_the_first_release_is_rewritten_too(store, recorded):
    run_id, folder = recorded
    (folder / "user_ids.npy").unlink()
    (folder / "model.json").unlink()
    store.client.delete_run(run_id)
    found, _ = runs_with(store, 5)
    assert found == [run_id]
    remove_from_runs(store, found, 5, lambda: None)
    shrunk(folder)
    store.client.restore_run(run_id)


@pytest.mark.parametrize("rewritten", range(4))
def test_what_died_in_between_is_finished_the_next_time(store, recorded, monkeypatch, rewritten):
    run_id, folder = recorded
    put = forgetting._put
    before: list[Any] = []

    def put_or_die(*arguments: Any) -> None:
        if len(before) == rewritten:
            raise OSError(28, "No space left on device")
        before.append(arguments)
        put(*arguments)

    monkeypatch.setattr(forgetting, "_put", put_or_die)
    failed = remove_from_runs(store, [run_id], 5, lambda: None)
    assert "No space left on device" in failed[run_id]
    # Whose row is whose is not known then: user 8 would get the list that was meant for another.
    if rewritten:
        with pytest.raises(UserError, match=r"(?s)do not fit each other.*run it again"):
            load_record(folder)
    monkeypatch.setattr(forgetting, "_put", put)
    found, _ = runs_with(store, 5)
    assert found == [run_id]
    assert remove_from_runs(store, found, 5, lambda: None) == {}
    shrunk(folder)


def test_what_killed_processes_left_on_their_way_to_mlflow_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed = subprocess.Popen(["true"])
    killed.wait()
    for name in (f"{PREFIX}{killed.pid}-a", f"{PREFIX}{os.getppid()}-b", f"{PREFIX}x", "others"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "user_ids.npy").touch()
    with scratch() as mine:
        remove_abandoned()
        left = {found.name for found in tmp_path.iterdir()}
    assert left == {f"{PREFIX}{os.getppid()}-b", f"{PREFIX}x", "others", mine.name}
    assert not mine.exists()


def test_what_could_not_be_removed_is_said(warehouse):
    mart = Holder(warehouse.mart, "", 7)
    staged = Holder(warehouse.published("recommendations").beside("staged"), "", 5)
    unseen = warehouse.project.model("int_followed_lists")
    left = Forgotten([mart], [unseen], [staged], {"abc": "OSError: Read-only"})
    said = str(_left_over(left, warehouse.project, 42))
    assert "may not look into staging.int_followed_lists, which may have the user" in said
    assert "`alter table staging.int_followed_lists delete where user_id = 42`" in said
    assert "could not be rewritten: abc (OSError: Read-only)" in said
    assert "Make their store writable, or delete these runs" in said
    assert "A job is about to publish, or died: ml.staged (5 rows)" in said
    assert "may not change what dbt builds: analytics.mart_user_movie_matrix (7 rows)" in said
