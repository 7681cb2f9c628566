"""A cluster of two replicas: everything is on both, and a run is published on both or on neither.

On the cluster that the variables DATAFLIX_TEST_CLICKHOUSE_… name (docs/server.md); `make
test-server` runs it. Commands go through one replica and the other in turn.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.errors import UserError
from python_jobs.movielens.loading import load
from python_jobs.movielens.release import Release
from python_jobs.progress import Phases
from python_jobs.publishing import publish as publish_module
from python_jobs.publishing import retention, staging
from python_jobs.publishing.commit import ChangedMeanwhileError, commit
from python_jobs.publishing.history import current_run
from python_jobs.publishing.publish import place_rows
from python_jobs.warehouse.replicas import ON_EVERY_REPLICA, missing_replicas
from tests.python_jobs.conftest import REPOSITORY, Project
from tests.python_jobs.documented_server import Running, Server, variable
from tests.python_jobs.loader import warehouse_of
from tests.python_jobs.movielens_files import RATINGS, write_csv
from tests.python_jobs.publisher import BEFORE_COMMIT, warehouse_at
from tests.python_jobs.publishing_data import all_tables, publish, rollback, run_of

pytestmark = pytest.mark.skipif(
    not (variable("CLUSTER") and variable("REPLICA")),
    reason="no cluster: DATAFLIX_TEST_CLICKHOUSE_CLUSTER and _REPLICA name one (docs/server.md)",
)
needs_stop = pytest.mark.skipif(
    not (variable("STOP") and variable("START")),
    reason="no commands DATAFLIX_TEST_CLICKHOUSE_STOP and _START for the second replica",
)

STATE = """
select
    database, name, engine, comment, total_rows,
    (
        select cityHash64(groupArray((columns.name, columns.type, columns.comment)))
        from system.columns as columns
        where columns.database = tables.database and columns.table = tables.name
    )
from system.tables as tables
where database in ('raw', 'staging', 'analytics', 'ml')
order by database, name
"""
"""What exists, with its rows and its comments, as one replica knows it."""
CURRENT = """
select
    (select groupUniqArray(run_id) from ml.current_run),
    uniqExact(run_id),
    count(),
    countIf(rank = 1)
from ml.recommendations
where run_id in (select run_id from ml.current_run)
"""
"""What a reader gets who asks for the current run's lists."""
LEFTOVERS = "select count() from system.tables where database = 'ml' and name like '%staging%'"


@pytest.fixture(scope="module")
def replicas() -> Iterator[tuple[Running, Running]]:
    """The cluster with the users of docs/server.md, seen from one replica and from the other."""
    first = Running.of_environment()
    host, _, port = variable("REPLICA").rpartition(":")
    first.start()
    yield first, replace(first, host=host, port=int(port))
    first.stop()


@pytest.fixture(scope="module")
def built(replicas, empty_project: Project, tmp_path_factory) -> Project:
    """The sample loaded through one replica, and built through the other."""
    first, second = replicas
    project = empty_project.copy(tmp_path_factory.mktemp("built"))
    project.dbt("seed", "--vars", "load_sample: true", **first.variables("loader"))
    project.dbt("build", **second.variables("dbt"))
    return project


def state(server: Running) -> list[tuple[Any, ...]]:
    """Return what one replica has, once it has what the other one has."""
    with server.client(server.admin, server.admin_password) as client:
        tables = client.query("select database, table from system.replicas").result_rows
        for database, table in tables:
            client.command(f"system sync replica `{database}`.`{table}`")
        return [tuple(row) for row in client.query(STATE).result_rows]


def where(server: Server, user: str = "python_jobs") -> str:
    """Return what tells tests/python_jobs/publisher.py where a replica is."""
    password = server.users[user]["password"]
    return json.dumps(
        {"host": server.host, "port": server.port, "username": user, "password": password}
    )


def test_every_command_leaves_the_same_on_both(built, replicas):
    first, second = replicas
    assert {engine for _, _, engine, *_ in state(first)} == {"ReplicatedMergeTree", "View"}
    assert state(first) == state(second)
    through = [server.variables("python_jobs") for server in replicas]
    train = ["train", "--max-iter", "20", "--no-evaluate"]
    done = built.many(
        [(train, through[0]), (["score"], through[1]), (["recommend", "--user", "42"], through[0])]
    )
    assert [each.returncode for each in done] == [0, 0, 0], done
    built.dbt("build", "--selector", "after_training", **second.variables("dbt"))
    assert state(first) == state(second)
    scored, trained = first.runs()
    done = built.many([(["rollback", trained], through[0]), (["runs"], through[1])])
    assert [each.returncode for each in done] == [0, 0], done
    assert second.runs() == first.runs() == [trained, scored, trained]
    built.dbt("build", "--selector", "after_training", **first.variables("dbt"))
    assert state(first) == state(second)
    rows = {f"{database}.{name}": rows for database, name, _, _, rows, _ in state(second)}
    assert rows["ml.recommendations"] == 2 * rows["analytics.mart_user_recommendations"] == 12_000


@pytest.mark.parametrize("table", ["raw.users", "staging.stg_dataflix__users", "ml.training_runs"])
def test_a_dashboard_reads_marts_and_nothing_else(built, replicas, table):
    for server in replicas:
        assert server.query("dashboards", "select count() from analytics.mart_users") == [(300,)]
        with pytest.raises(Exception, match="ACCESS_DENIED"):
            server.query("dashboards", f"select * from {table} limit 1")


def test_of_publishers_through_different_replicas_one_commits(built, replicas):
    """Each has seen the same run as current, and does not know of the other."""
    warehouses = [warehouse_at(where(server)) for server in replicas]
    for number in range(20):
        before, start = current_run(warehouses[number % 2]), threading.Barrier(2)

        def write(of, before=before, start=start, number=number):
            start.wait()
            try:
                return commit(warehouses[of], run_of(f"exclusive {number}-{of}"), before).run_id
            except ChangedMeanwhileError:
                return None

        with ThreadPoolExecutor(2) as pool:
            (winner,) = [run_id for run_id in pool.map(write, range(2)) if run_id]
        for server in replicas:
            runs = [run_id for run_id in server.runs() if run_id.startswith(f"exclusive {number}-")]
            assert runs == [winner]


def test_keeper_takes_one_of_two_commits_whatever_their_replicas_have_heard(
    built, replicas, monkeypatch
):
    """The second replica cannot fetch the first one's row, and its publisher does not wait."""
    first, second = replicas
    warehouses = [warehouse_at(where(server)) for server in replicas]
    before = current_run(warehouses[1])
    monkeypatch.setattr("python_jobs.publishing.commit.catch_up", lambda *_: None)

    def write(of):
        try:
            return commit(warehouses[of], run_of(f"deaf {of}"), before).run_id
        except ChangedMeanwhileError:
            return None

    with second.client(second.admin, second.admin_password) as admin, ThreadPoolExecutor(2) as pool:
        admin.command("system stop fetches ml.training_runs")
        try:
            heard = pool.submit(write, 0)
            while first.runs()[:1] != ["deaf 0"]:
                time.sleep(0.05)
            deaf = pool.submit(write, 1)
            time.sleep(1)
        finally:
            admin.command("system start fetches ml.training_runs")
        assert (heard.result(), deaf.result()) == ("deaf 0", None)
    for server in replicas:
        assert [run_id for run_id in server.runs() if run_id.startswith("deaf")] == ["deaf 0"]


@pytest.mark.parametrize("step", BEFORE_COMMIT)
def test_a_job_killed_before_its_commit_changes_nothing_on_either(built, replicas, step):
    first, second = replicas
    publish(warehouse_at(where(second)), run_of(f"before {step}"), all_tables(5, 4), keep=3)
    script = "tests.python_jobs.publisher"
    # The last step is of the job, which has an MLflow store.
    store = str(built.directory) if step == "commit" else "-"
    killed = subprocess.run(
        [sys.executable, "-m", script, where(first), store, f"killed {step}", "7", step],
        cwd=REPOSITORY,
        check=False,
    )
    assert killed.returncode == (-signal.SIGKILL)
    for server in replicas:
        assert server.query("python_jobs", CURRENT) == [([f"before {step}"], 1, 20, 5)]


def test_the_next_job_through_either_publishes_and_the_first_cleans_up(
    built, replicas, monkeypatch
):
    monkeypatch.setattr(retention, "GRACE_HOURS", 0)
    first, second = replicas
    for number, server in enumerate((second, first)):
        run_id = f"next {number}"
        publish(warehouse_at(where(server)), run_of(run_id), all_tables(6, 4), keep=3)
        for each in replicas:
            assert each.query("python_jobs", CURRENT) == [([run_id], 1, 24, 6)]
    assert [server.query("python_jobs", LEFTOVERS) for server in replicas] == [[(0,)], [(0,)]]
    uncommitted = "run_id not in (select run_id from ml.training_runs)"
    for server in replicas:
        sql = f"select count() from ml.recommendations where {uncommitted}"
        assert server.query("python_jobs", sql) == [(0,)]


def test_a_reader_on_either_sees_whole_runs_only(built, replicas, monkeypatch):
    """Ten publications and some rollbacks through one replica and the other, each of another size.

    In the midst of one of them the second replica goes away, where there is a way to do that.
    """
    sizes = {f"size {users}": users for users in range(3, 13)}
    warehouses = [warehouse_at(where(server)) for server in replicas]
    publish(warehouses[0], run_of("size 2"), all_tables(2, 4), keep=4)
    seen: list[list[tuple[Any, ...]]] = [[], []]
    done = threading.Event()

    def poll(of):
        client = replicas[of].client("python_jobs", replicas[of].users["python_jobs"]["password"])
        while not done.is_set():
            # A replica that is away answers nobody.
            with suppress(ClickHouseError):
                seen[of].append(tuple(client.query(CURRENT).result_rows[0]))

    readers = [threading.Thread(target=partial(poll, of)) for of in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number, (run_id, users) in enumerate(sizes.items()):
            of = number % 2
            if number == 4 and variable("STOP"):
                fail_while_the_second_is_away(warehouses[0], monkeypatch)
            publish(warehouses[of], run_of(run_id), all_tables(users, 4, 2), keep=4)
            if number % 3 == 2:
                rollback(warehouses[1 - of], f"size {users - 1}")
    finally:
        done.set()
        for reader in readers:
            reader.join()
    whole = {(run_id, 1, 4 * users, users) for run_id, users in {"size 2": 2, **sizes}.items()}
    for of in range(2):
        assert {len(runs) for runs, *_ in seen[of]} == {1}
        got = {(run_id, *rest) for (run_id,), *rest in seen[of]}
        assert got <= whole
        assert len(got) > 5, "too few of the runs were seen"


def fail_while_the_second_is_away(warehouse, monkeypatch):
    """Publish through the first replica; the second goes away as the rows are to be swapped in."""
    swap_in = staging.swap_in

    def stopping(*args):
        with monkeypatch.context() as patch:
            patch.setattr(publish_module, "swap_in", swap_in)
            stop()
            return swap_in(*args)

    with monkeypatch.context() as patch:
        patch.setitem(ON_EVERY_REPLICA, "replication_wait_for_inactive_replica_timeout", 1)
        patch.setattr(publish_module, "swap_in", stopping)
        try:
            with pytest.raises(
                UserError, match=r"Replica .+ of ml.recommendations is not"
            ) as error:
                publish(warehouse, run_of("away"), all_tables(30, 4), keep=4)
            assert "Start that server again" in str(error.value.hint)
        finally:
            start(warehouse)


def stop():
    subprocess.run(variable("STOP"), shell=True, check=True)


def start(warehouse):
    """Start the second replica again, and wait until it is back."""
    subprocess.run(variable("START"), shell=True, check=True)
    while any(missing_replicas(warehouse, table) for table in warehouse.replicated):
        time.sleep(0.2)


@needs_stop
def test_a_replica_that_is_away_is_named_and_the_next_run_completes(built, replicas):
    first, _ = replicas
    warehouse = warehouse_at(where(first))
    publish(warehouse, run_of("before"), all_tables(5, 4), keep=3)
    before = current_run(warehouse)
    stop()
    try:
        while not (missing := missing_replicas(warehouse, warehouse.published("recommendations"))):
            time.sleep(0.5)
        (name,) = missing
        with pytest.raises(UserError, match=f"Replica {name} of ml.recommendations is not"):
            place_rows(warehouse, run_of("away"), all_tables(6, 4))
        with pytest.raises(UserError, match=f"Replica {name} of ml.training_runs is not"):
            commit(warehouse, run_of("away"), before)
        assert first.query("python_jobs", CURRENT) == [(["before"], 1, 20, 5)]
    finally:
        start(warehouse)
    publish(warehouse, run_of("after"), all_tables(7, 4), keep=3)
    for server in replicas:
        assert server.query("python_jobs", CURRENT) == [(["after"], 1, 28, 7)]


def test_movielens_reaches_both(built, replicas, tmp_path):
    """Runs last, since it replaces the sample; twice, for the second load replaces the first."""
    first, second = replicas
    write_csv(tmp_path)
    with (tmp_path / "ratings.csv").open("a") as file:
        file.writelines(["1,1,4.0,964982703\n"] * 200)
    for server in replicas:
        with server.client("loader", server.users["loader"]["password"]) as client:
            warehouse = warehouse_of(client, kind="clickhouse", cluster=server.cluster)
            # Blocks of the same lines, which a replicated table takes for one that comes again.
            load(warehouse, Release(tmp_path), Phases(), replace_any=True, block_bytes=18)
    raw = [table for table in state(first) if table[0] == "raw"]
    assert {name: rows for _, name, _, _, rows, _ in raw}["ratings"] == len(RATINGS) + 200
    assert {engine for _, _, engine, *_ in raw} == {"ReplicatedMergeTree"}
    assert state(first) == state(second)
    # What the jobs have published is not the loader's to wait for.
    again = ("load-movielens", str(tmp_path), "--replace")
    done = built.python_jobs(*again, **second.variables("loader"))
    assert done.returncode == 0, done.stderr
