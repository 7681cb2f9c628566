"""The ``server`` target, over ClickHouse's HTTP interface, with the users of docs/server.md.

The server is of the tests' own; `make test-server` runs them on one that runs already.
"""

from __future__ import annotations

import csv
import json
import re
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.python_jobs.conftest import Project
from tests.python_jobs.documented_server import Own, Running, Server, variable


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    server: Own | Running
    if variable("HOST"):
        server = Running.of_environment()
    else:
        server = Own(directory=tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def served(server, empty_project: Project, tmp_path_factory) -> Project:
    """The sample on the server, and everything built; nothing trained."""
    project = empty_project.copy(tmp_path_factory.mktemp("served"))
    seed = ["dbt", "seed", "--vars", "load_sample: true"]
    commands = [(seed, server.variables("loader")), (["dbt", "run"], server.variables("dbt"))]
    for done in project.many(commands):
        assert done.returncode == 0, done.stdout
    return project


@pytest.fixture(scope="module")
def recommended(served, server) -> list[dict[str, Any]]:
    """Trained and published once, the marts built on it: ten recommendations for user 42, live."""
    jobs = server.variables("python_jobs")
    train = ["train", "--max-iter", "20"]
    recommend = ["recommend", "--user", "42", "--format", "json"]
    marts = ["dbt", "run", "--select", "+mart_user_recommendations", "int_followed_lists"]
    commands = [(train, jobs), (recommend, jobs), (marts, server.variables("dbt"))]
    trained, shown, built = served.many(commands)
    for done in (trained, shown, built):
        assert done.returncode == 0, done.stdout + done.stderr
    return list(json.loads(shown.stdout))


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """Return stderr of a command that failed as a user should see it fail."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return done.stderr


def test_what_is_trained_on_a_server_reaches_its_dashboards(recommended, server):
    shown = server.query(
        "dashboards",
        "select movie_id, rank from analytics.mart_user_recommendations where user_id = 42 "
        "order by rank limit 10",
    )
    assert [(row["movie_id"], row["rank"]) for row in recommended] == shown
    assert len(shown) == 10


@pytest.fixture(scope="module")
def statements(served, server) -> dict[str, subprocess.CompletedProcess[str]]:
    """What `python_jobs sql` does on the server, each as the user that may do it."""
    rows = "select number as n, if(n = 0, null, 'a\"b') as s from numbers(2)"
    make = "create view raw.made_by_sql as select 1 as x"
    jobs, loader, reader = map(server.variables, ("python_jobs", "loader", "dashboards"))
    commands = {
        "table": (["sql", rows], jobs),
        "csv": (["sql", rows, "--format", "csv"], jobs),
        "json": (["sql", rows, "--format", "json"], jobs),
        "long": (["sql", "select number + 5000 from numbers(1001)"], jobs),
        "show": (["sql", "show tables from ml", "--format", "json"], jobs),
        "mart": (["sql", "select count() > 0 as x from analytics.mart_movies"], reader),
        "typo": (["sql", "select * from ml.training_run"], jobs),
        "refused": (["sql", make], loader),
        "hidden": (["sql", "select 1 settings readonly = 0"], loader),
        "not allowed": (["sql", "--write", "drop table raw.ratings"], jobs),
        "written": (["sql", "--write", f"{make}; select x from raw.made_by_sql"], loader),
        "removed": (["sql", "--write", "drop view raw.made_by_sql"], loader),
    }
    return dict(zip(commands, served.many([*commands.values()]), strict=True))


def test_sql_reads_on_a_server_in_each_format(statements):
    done = {name: statements[name] for name in ("table", "csv", "json", "long", "show", "mart")}
    assert [one.returncode for one in done.values()] == [0] * 6, done
    assert "NULL" in done["table"].stdout
    assert list(csv.reader(done["csv"].stdout.splitlines())) == [
        ["n", "s"],
        ["0", "\\N"],
        ["1", 'a"b'],
    ]
    assert json.loads(done["json"].stdout) == [{"n": 0, "s": None}, {"n": 1, "s": 'a"b'}]
    assert "5999" in done["long"].stdout
    assert "6000" not in done["long"].stdout
    assert "The first 1,000 rows" in done["long"].stderr
    assert {"name": "training_runs"} in json.loads(done["show"].stdout)


def test_sql_changes_a_server_with_write_alone_and_with_the_users_rights(statements, server):
    assert "lists what there is" in failure(statements["typo"])
    assert "--write" in failure(statements["refused"])
    assert "--write" in failure(statements["hidden"])
    assert "python_jobs" in failure(statements["not allowed"])
    assert statements["written"].returncode == 0, statements["written"].stderr
    assert "Done: create view raw.made_by_sql" in statements["written"].stderr
    assert statements["removed"].returncode == 0, statements["removed"].stderr
    left = "select name from system.tables where database = 'raw' order by name"
    tables = ["movies", "ratings", "users", "watched_movies"]
    assert server.query("loader", left) == [(table,) for table in tables]


def test_a_dashboard_reads_every_mart(served, server):
    sql = "select name from system.tables where database = 'analytics'"
    marts = [name for (name,) in server.query("dashboards", sql)]
    assert len(marts) >= 6
    for mart in marts:
        server.query("dashboards", f"select * from analytics.{mart} limit 1")


@pytest.mark.parametrize(
    ("user", "statement"),
    [
        ("dashboards", "select * from raw.users"),
        ("dashboards", "select * from staging.stg_dataflix__users"),
        ("dashboards", "select * from ml.training_runs"),
        ("dashboards", "alter table analytics.mart_movies delete where 1"),
        ("python_jobs", "select * from raw.users"),
        ("python_jobs", "insert into analytics.mart_movies (movie_id) select 1"),
        ("python_jobs", "drop table analytics.mart_movies"),
        ("python_jobs", "create database elsewhere"),
        ("dbt", "insert into ml.training_runs (run_id) select 'x'"),
        ("dbt", "drop table ml.training_runs"),
        ("dbt", "insert into raw.users (user_id) select 1"),
    ],
)
def test_no_role_can_do_more_than_its_part(served, server, user, statement):
    with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|READONLY"):
        server.query(user, statement)


WRONG = f"{secrets.token_hex(8)}-wrong"


@pytest.fixture(scope="module")
def bad_days(served, server, tmp_path_factory) -> list[subprocess.CompletedProcess[str]]:
    """A server that accepts and never answers, and a wrong password."""
    impatient = tmp_path_factory.mktemp("impatient")
    profile = (served.directory / "profiles.yml").read_text()
    timeouts = "connect_timeout: 1\n      send_receive_timeout: 1"
    (impatient / "profiles.yml").write_text(re.sub("connect_timeout: .*", timeouts, profile))
    jobs = server.variables("python_jobs")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        silent = {"CLICKHOUSE_HOST": "127.0.0.1", "CLICKHOUSE_PORT": port}
        done = served.many(
            [
                (["runs", "--profiles-dir", str(impatient)], jobs | silent),
                (["train"], jobs | {"DBT_ENV_SECRET_CLICKHOUSE_PASSWORD": WRONG}),
            ]
        )
    return list(done)


def test_a_server_that_never_answers_is_given_up(bad_days):
    message = failure(bad_days[0])
    assert re.match(r"Error: ClickHouse at 127.0.0.1:\d+ cannot be reached: timed out", message)


def test_the_sample_that_is_missing_is_asked_for_as_a_server_wants_it(served, server):
    missing = ["--select", "stg_dataflix__ratings", "--vars", "raw_ratings: nowhere"]
    done = served.run("dbt", "run", *missing, **server.variables("dbt"))
    assert done.returncode != 0
    assert "There is no raw table raw.nowhere on target server. " in done.stdout
    assert "Run `dbt seed --vars 'load_sample: true'` (the sample)" in done.stdout


def test_a_wrong_password_is_said_and_never_shown(bad_days, served, server):
    message = failure(bad_days[1])
    assert "does not accept user python_jobs" in message
    assert "DBT_ENV_SECRET_CLICKHOUSE_PASSWORD" in message
    wrong = server.variables("dbt") | {"DBT_ENV_SECRET_CLICKHOUSE_PASSWORD": WRONG}
    done = served.run("dbt", "run", **wrong)
    assert "Authentication failed" in done.stdout
    assert WRONG not in message + bad_days[1].stdout + done.stdout + done.stderr
    assert files_with(WRONG, served.directory) == []


def files_with(text: str, directory: Path) -> list[Path]:
    """Return the files under a directory that contain a text, as it is or as in a URL."""
    return [
        path
        for path in directory.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


def test_a_connection_lost_while_publishing_leaves_the_run_before(recommended, served, server):
    """Each step starts where the one before it ended, since training is what takes long."""
    if not isinstance(server, Own):
        pytest.skip("A server that runs already is not to be killed.")
    jobs = server.variables("python_jobs")
    train = ["train", "--no-evaluate", "--max-iter", "20"]
    (before,) = server.runs()
    rows = "select count() from ml.recommendations"
    published = server.query("python_jobs", rows)

    kills = {"KILLS": f"{server.handlers.process.pid} replace partition"}
    killed, refused = served.many([(train, jobs | kills), (["runs"], jobs)])
    assert "The connection to ClickHouse was lost" in failure(killed)
    assert server.handlers.process.wait() == -signal.SIGKILL
    message = failure(refused)
    assert f"127.0.0.1:{server.port} cannot be reached: Connection refused" in message
    assert "CLICKHOUSE_HOST" in message

    server.age_files()
    server.start()
    sql = "select name from system.tables where database = 'ml' and name like '%__staging_%'"
    assert len(server.query("python_jobs", sql)) == 4
    assert server.runs() == [before]
    assert server.query("python_jobs", rows) == published

    trained, rolled_back, shown = served.many(
        [(train, jobs), (["rollback", before], jobs), (["runs"], jobs)]
    )
    assert trained.returncode == 0, trained.stderr
    assert server.query("python_jobs", sql) == []
    assert rolled_back.returncode == 0, rolled_back.stderr
    now, after, first = server.runs()
    assert now == first == before != after
    assert re.search(rf"current\s+{before[:8]}", shown.stdout)


def test_a_user_is_forgotten_with_the_rights_of_the_page(recommended, served, server):
    jobs, before = server.variables("python_jobs"), server.runs()[0]
    forget = ["forget", "42", "--yes", "--database", "ml"]
    done, rolled_back = served.many([(forget, jobs), (["rollback", before], jobs)])
    # The marts are dbt's; and the raw tables are not for this user to read.
    said = failure(done)
    assert "may not change what dbt builds: analytics.mart_" in said
    assert "Remove the user from the raw tables and run `dbt build`" in said
    assert "staging.int_followed_lists (20 rows)" in said
    assert "`alter table staging.int_followed_lists delete where user_id = 42`" in said
    assert "could not be rewritten" not in said
    assert "raw.users (not to be read by this user)" in done.stdout
    for table in ("recommendations where user_id = 42", "dataset_samples where entity_id = 42"):
        users = " and entity = 'user'" if "samples" in table else ""
        sql = f"select count() from ml.{table}{users}"
        assert server.query("python_jobs", sql) == [(0,)]
    assert server.query("python_jobs", "select count() > 0 from ml.recommendations") == [(1,)]
    assert rolled_back.returncode == 0, rolled_back.stderr


def test_a_reset_wants_the_databases_name_and_takes_no_more_rights(recommended, served, server):
    jobs = server.variables("python_jobs")
    runs = server.runs()
    unnamed, wrong, done, shown = served.many(
        [
            (["reset", "--yes"], jobs),
            (["reset", "--yes", "--database", "raw"], jobs),
            (["reset", "--yes", "--database", "ml"], jobs),
            (["runs"], jobs),
        ]
    )
    assert runs
    for refused in (unnamed, wrong):
        assert "Nothing was removed" in failure(refused)
    assert "Or give --yes --database ml" in unnamed.stderr
    assert "rows of ml.training_runs\n" in unnamed.stderr
    assert done.returncode == 0, done.stderr
    assert "may not empty staging.int_followed_lists" in done.stdout
    assert "Nothing has been published yet" in shown.stdout
    assert server.query("python_jobs", "select count() from ml.recommendations") == [(0,)]


def test_touched_pairs_are_rebuilt_with_the_rights_of_the_page(served, server):
    told = {"raw_ratings": "dated", "raw_watched_movies": "nothing", "raw_loaded_at": "loaded"}
    run = ["dbt", "run", "--select", "+mart_user_movie_matrix", "--vars", json.dumps(told)]
    rows = "count(), sum(cityHash64((user_id, movie_id, rating, watch_count, last_interacted_at)))"
    loads = (
        "create table raw.dated engine = MergeTree order by user_id as "
        "select *, toDate('2020-01-01') as loaded from raw.ratings",
        "create table raw.nothing engine = MergeTree order by user_id as "
        "select *, toDate('2020-01-01') as loaded from raw.watched_movies limit 0",
        "insert into raw.dated select user_id, movie_id, if(rating > 1, 1, 2), now64(3), "
        "toDate('2020-01-02') from raw.ratings where user_id = 42",
    )
    with server.client("loader", server.users["loader"]["password"]) as loader:
        for load in loads[:2]:
            loader.command(load)
        (before,) = served.many([(run, server.variables("dbt"))])
        loader.command(loads[2])
        (night,) = served.many([(run, server.variables("dbt"))])
    assert before.returncode == night.returncode == 0, before.stdout + night.stdout
    of_42 = "select uniqExact(movie_id) from raw.dated where user_id = 42"
    ((pairs,),) = server.query("dbt", of_42)
    touched = f"matrix: {pairs} pairs touched since the last build are built again."
    # On a cluster it is built in full.
    assert (touched in night.stdout) == (not server.cluster)
    mart, whole = (
        server.query("dbt", f"select {rows} from {table}")
        for table in ("analytics.mart_user_movie_matrix", "staging.int_user_movie_interactions")
    )
    assert mart == whole


def test_no_password_is_left_behind(served, server):
    """Runs last: what it looks at is all that the tests above have written."""
    for user, its in server.users.items():
        assert files_with(its["password"], served.directory) == [], user
