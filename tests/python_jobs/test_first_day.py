"""The first day with one's own data, from the sample to it and back, by the pages' own commands."""

from __future__ import annotations

import json
import re

import pytest

from tests.python_jobs.test_extending import CONTRACT, COUNTED, FILE, MODEL, WRITTEN

OWN = """
create database own;

-- Numbers as text; a time in milliseconds, which one user lacks.
create table own.users (
    user_id String, email LowCardinality(Nullable(String)), country Nullable(FixedString(2)),
    signed_up_at Nullable(Int64)
) engine = MergeTree order by user_id;
insert into own.users
select
    toString(user_id + 5000), email, country,
    if(user_id = 42, null, toUnixTimestamp64Milli(signed_up_at))
from raw.users;

create table own.movies (
    movie_id Int32, title LowCardinality(String), genres Nullable(String),
    director LowCardinality(Nullable(String)), release_year String, duration_minutes Float64
) engine = MergeTree order by movie_id;
insert into own.movies
select
    movie_id + 7000, 'Own; ' || title, genres, director, toString(release_year), duration_minutes
from raw.movies;

create table own.ratings (
    user_id Nullable(Int64), movie_id LowCardinality(String), rating Decimal(4, 1), rated_at Int64
) engine = MergeTree order by tuple();
insert into own.ratings
select user_id + 5000, toString(movie_id + 7000), rating, toUnixTimestamp64Milli(rated_at)
from raw.ratings;

create table own.watched_movies (
    user_id UInt32, movie_id Nullable(Int64), watched_at LowCardinality(String)
) engine = MergeTree order by user_id;
insert into own.watched_movies
select user_id + 5000, movie_id + 7000, formatDateTime(watched_at, '%Y-%m-%dT%H:%i:%SZ')
from raw.watched_movies
"""
MART = """
select user_id - {0}, movie_id - {1}, rating, watch_count, last_interacted_at
from analytics.mart_user_movie_matrix order by 1, 2
"""
RUNS = "select run_id from ml.training_runs order by published_at desc"
TITLES = "select distinct startsWith(title, 'Own; ') from analytics.mart_user_recommendations"


@pytest.fixture(scope="module")
def day(trained_project, tmp_path_factory):
    """The project, step by step, and what each step left; the demo's own steps are behind it."""
    project = trained_project.copy(tmp_path_factory.mktemp("day"))
    left = {"sample": project.query(MART.format(0, 0)), "first": project.query(RUNS)}
    file = project.directory / "own.sql"
    file.write_text(OWN)
    left["sql"] = project.python_jobs("sql", "--write", "--file", "own.sql")
    settings = project.directory / "dbt_project.yml"
    shipped = settings.read_text()
    settings.write_text(shipped.replace("raw_database: null", "raw_database: own"))
    (project.directory / FILE).write_text(MODEL)
    (project.directory / WRITTEN).write_text(CONTRACT)

    left["pipeline"] = project.python_jobs("pipeline")
    left["mart"], left["titles"] = project.query(MART.format(5000, 7000)), project.query(TITLES)
    left["added"] = project.query("select * from analytics.mart_genre_activity order by 1")
    left["counted"] = project.query(COUNTED.replace("having count() >= 100", ""))
    unknown = "select user_id, signed_up_at from analytics.mart_users where user_id in (5042, 5043)"
    left["users"] = project.query(f"{unknown} order by 1")
    left["again"] = project.python_jobs("pipeline")
    left["runs"] = [run for (run,) in project.query(RUNS)]

    ask = ["recommend", "--format", "json", "--user"]
    prefix = left["runs"][1][:8]
    commands = [[*ask, "5042"], [*ask, "42"], ["rollback", prefix], ["reset", "--yes"], ["runs"]]
    done = project.many([(command, {}) for command in commands])
    left |= dict(zip(("own", "other", "rollback", "reset", "none"), done, strict=True))
    settings.write_text(shipped)
    left["demo"] = project.python_jobs("demo")
    return left


@pytest.mark.parametrize("step", ["sql", "pipeline", "again", "own", "rollback", "reset", "demo"])
def test_each_step_succeeds_and_warns_of_nothing(day, step):
    done = day[step]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "WARN " not in re.sub(r"WARN=0", "", done.stdout)
    assert "Traceback" not in done.stdout + done.stderr


def test_awkward_types_make_the_same_mart(day):
    assert day["mart"] == day["sample"]
    assert [user for user, time in day["users"] if time is None] == [5042]


def test_lists_are_of_ones_own_movies_with_their_titles(day):
    listed = json.loads(day["own"].stdout)
    assert len(listed) == 10
    assert all(movie["title"].startswith("Own; ") for movie in listed)
    assert day["titles"] == [[True]]
    assert day["other"].returncode == 1
    assert "User 42" in day["other"].stderr


def test_the_mart_that_was_added_is_built_too(day):
    assert len(day["added"]) > 5
    assert day["added"] == day["counted"]


def test_two_pipelines_are_two_runs_and_some_digits_lead_back(day):
    second, first, sample = day["runs"]
    assert [sample] == [run for (run,) in day["first"]]
    assert f"Run {first} (version 2) is current again." in day["rollback"].stdout
    assert second not in day["rollback"].stdout


def test_after_a_reset_the_demo_is_the_demo_again(day):
    assert "Nothing has been published" in day["none"].stdout
    assert "User 42 liked best" in day["demo"].stdout
    assert "Own; " not in day["demo"].stdout
    assert "Watched or rated" not in day["demo"].stdout  # the sample ends before it is published
    assert len(day["demo"].stdout.splitlines() + day["demo"].stderr.splitlines()) < 60
