"""A deployment that an earlier release made gains what is new by itself, and keeps its rows."""

import pytest

FIRST_RELEASE = {
    "recommendations": """
        run_id String, user_id UInt64, movie_id UInt64, rank UInt16, score Float32,
        reason LowCardinality(String), because_movie_id UInt64
        """,
    "similar_movies": """
        run_id String, movie_id UInt64, similar_movie_id UInt64, rank UInt16, cosine Float32
        """,
    "movie_factors": "run_id String, movie_id UInt64, feature UInt16, weight Float32",
    "training_runs": """
        run_id String, published_at DateTime64(3, 'UTC'), model_name String, model_version String,
        users UInt64, movies UInt64, interactions UInt64, recommendations UInt64,
        params Map(String, String), metrics Map(String, Float64), dbt_invocation_id String,
        git_commit String
        """,
}
KEYS = {
    "recommendations": "partition by run_id order by (user_id, rank)",
    "similar_movies": "partition by run_id order by (movie_id, rank)",
    "movie_factors": "partition by run_id order by (feature, movie_id)",
    "training_runs": "order by (published_at, run_id)",
}
ROWS = """
insert into ml.training_runs (run_id, published_at, model_name, model_version, params,
    recommendations)
values
    ('trained', '2026-01-01 00:00:00', 'dataflix-nmf', '1', {}, 1),
    ('scored', '2026-01-02 00:00:00', 'dataflix-nmf', '1', {'scored_with_run': 'trained'}, 1)
"""


@pytest.fixture(scope="module")
def upgraded(built_project, tmp_path_factory):
    project = built_project.copy(tmp_path_factory.mktemp("upgraded"))
    project.execute("drop database ml sync")
    project.execute("create database ml")
    for table, columns in FIRST_RELEASE.items():
        project.execute(f"create table ml.{table} ({columns}) engine = MergeTree {KEYS[table]}")
    project.execute(ROWS)
    project.execute("insert into ml.recommendations values ('scored', 1, 2, 1, 0.5, 'factors', 3)")
    project.dbt("run", "--select", "source:recommender+")
    return project


def test_every_table_has_the_columns_of_a_new_one(upgraded, built_project):
    query = (
        "select table, name, type, default_expression from system.columns "
        "where database = 'ml' order by table, position"
    )
    assert upgraded.query(query) == built_project.query(query)
    query = "select engine_full from system.tables where name = 'training_runs'"
    for project in (upgraded, built_project):
        assert "non_replicated_deduplication_window = 1000" in project.query(query)[0][0]


def test_its_rows_are_kept_and_their_mlflow_run_is_known(upgraded):
    query = "select run_id, mlflow_run_id, is_current from analytics.mart_training_runs order by 1"
    expected = [["scored", "trained", True], ["trained", "trained", False]]
    assert upgraded.query(query) == expected
    query = (
        "select run_id, mlflow_run_id, because_movie_id from analytics.mart_user_recommendations"
    )
    assert upgraded.query(query) == [["scored", "trained", 3]]
    query = "select run_id, mlflow_run_id from ml.current_run"
    assert upgraded.query(query) == [["scored", "trained"]]
