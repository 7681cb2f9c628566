"""The tables of ``ml``: made by an earlier release, brought up to date; and what is current."""

from __future__ import annotations

import pytest

from tests.python_jobs.conftest import Project, rows_of

AT_905F4CD = {
    "recommendations": [
        *("run_id String", "user_id UInt64", "movie_id UInt64", "rank UInt16", "score Float32"),
        *("reason LowCardinality(String)", "because_movie_id UInt64"),
    ],
    "similar_movies": [
        *("run_id String", "movie_id UInt64", "similar_movie_id UInt64", "rank UInt16"),
        "cosine Float32",
    ],
    "movie_factors": ["run_id String", "movie_id UInt64", "feature UInt16", "weight Float32"],
    "training_runs": [
        *("run_id String", "published_at DateTime64(3, 'UTC')", "model_name String"),
        *("model_version String", "users UInt64", "movies UInt64", "interactions UInt64"),
        *("recommendations UInt64", "params Map(String, String)", "metrics Map(String, Float64)"),
        *("dbt_invocation_id String", "git_commit String"),
    ],
}
"""The columns before the tables had a version."""
KEYS = {
    "recommendations": "partition by run_id order by (user_id, rank)",
    "similar_movies": "partition by run_id order by (movie_id, rank)",
    "movie_factors": "partition by run_id order by (feature, movie_id)",
    "training_runs": "partition by tuple() order by (published_at, run_id)",
}
SCORED = "f" * 32
"""A run of ``python_jobs score``, published at the very moment of the trained one."""
ROWS = """
select
    (select (count(), sum(cityHash64({recommendations}))) from ml.recommendations),
    (select (count(), sum(cityHash64({similar_movies}))) from ml.similar_movies),
    (select (count(), sum(cityHash64({movie_factors}))) from ml.movie_factors),
    (select (count(), sum(cityHash64({training_runs}))) from ml.training_runs)
""".format(**{table: ", ".join(c.split()[0] for c in cs) for table, cs in AT_905F4CD.items()})
STRUCTURE = """
select table, groupArray((name, type)) from (
    select * from system.columns where database = 'ml' order by table, position
) group by table
"""
CHANGED = (
    "select name, toString(metadata_modification_time) from system.tables where database = 'ml'"
)


def downgrade(table: str) -> list[str]:
    """Return what makes a table that of the earlier release, with its rows in it."""
    columns = AT_905F4CD[table]
    return [
        f"rename table ml.{table} to ml.{table}_new",
        f"create table ml.{table} ({', '.join(columns)}) engine = MergeTree {KEYS[table]}",
        f"insert into ml.{table} select {', '.join(c.split()[0] for c in columns)} "
        f"from ml.{table}_new",
        f"drop table ml.{table}_new sync",
    ]


@pytest.fixture(scope="module")
def upgraded(trained_project: Project, tmp_path_factory) -> tuple[Project, list, list]:
    """A deployment of an earlier release after a run of this one; its rows and what is new."""
    project = trained_project.copy(tmp_path_factory.mktemp("upgraded"))
    statements = (
        "drop view if exists ml.current_run",
        *(statement for table in AT_905F4CD for statement in downgrade(table)),
        f"insert into ml.recommendations select * replace ('{SCORED}' as run_id) "
        "from ml.recommendations limit 5 by user_id",
        f"insert into ml.training_runs select * replace ('{SCORED}' as run_id, "
        f"mapUpdate(params, map('scored_with_run', runs.run_id)) as params) "
        "from ml.training_runs as runs",
    )
    structure, rows = ["query", STRUCTURE], ["query", ROWS]
    build = ["dbt", "run", "--select", "source:recommender+"]
    commands = [structure, *(["execute", sql] for sql in statements), rows, build, structure, rows]
    done = project.many(commands)
    assert done[-3].returncode == 0, done[-3].stdout
    before, after = (done[0], done[-4]), done[-2:]
    return project, [*map(rows_of, before)], [*map(rows_of, after)]


def test_an_earlier_releases_tables_gain_what_is_new(upgraded):
    project, (new, _), (structure, _) = upgraded
    assert structure == new
    columns = {table: [name for name, _ in found] for table, found in new}
    assert columns["training_runs"][:3] == ["run_id", "mlflow_run_id", "published_at"]
    assert columns["recommendations"][-3:] == [
        "because_movie_id",
        "strongest_movie_id",
        "arm",
    ]
    assert columns["current_run"] == columns["training_runs"]
    engine = "select engine_full from system.tables where name = 'training_runs'"
    assert "non_replicated_deduplication_window = 1000" in project.query(engine)[0][0]


def test_an_earlier_releases_rows_are_kept(upgraded):
    _, (_, rows), (_, rows_after) = upgraded
    assert rows_after == rows
    assert rows[0][0][0] > 6000


def test_of_two_publications_at_one_moment_one_is_current_everywhere(upgraded):
    project, _, _ = upgraded
    is_current = "select run_id, mlflow_run_id from {} where is_current"
    ((trained,),), moments, current, *marked, shown = project.queries(
        f"select run_id from ml.training_runs where run_id != '{SCORED}'",
        "select uniqExact(published_at), count() from ml.training_runs",
        "select run_id from ml.current_run",
        is_current.format("staging.int_publications"),
        is_current.format("analytics.mart_training_runs"),
        "select run_id, mlflow_run_id, max(rank), count() > 0, "
        "countIf(strongest_movie_id != because_movie_id) "
        "from analytics.mart_user_recommendations group by run_id, mlflow_run_id",
    )
    assert moments == [[1, 2]]
    assert current == [[SCORED]]
    assert marked == [[[SCORED, trained]]] * 2
    assert shown == [[SCORED, trained, 5, True, 0]]


def test_what_is_up_to_date_is_left_alone_and_a_future_publication_is_refused(upgraded):
    project, _, _ = upgraded
    late = (
        "insert into ml.training_runs select * replace "
        "(now64(3, 'UTC') + interval 5 minute as published_at) from ml.current_run"
    )
    changed, test = ["query", CHANGED], ["dbt", "test", "--select", "source:recommender"]
    commands = (changed, ["execute", late], test, changed)
    before, _, done, after = project.many(commands)
    assert done.returncode == 1
    assert "not_in_the_future_recommender_training_runs_published_at" in done.stdout
    assert rows_of(after) == rows_of(before)
