"""Which data sets are the same, and what a run of another one is good for: nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from uuid import uuid4

import pytest

from python_jobs.errors import UserError
from python_jobs.evaluation.limits import Limits
from python_jobs.interactions.dataset import read_dataset
from python_jobs.jobs.live import find_live, load_live
from python_jobs.jobs.options import TrainOptions
from python_jobs.jobs.roll_back import roll_back
from python_jobs.jobs.train import TrainReport, train
from python_jobs.model.settings import Settings
from python_jobs.progress import Phases
from python_jobs.publishing.commit import commit
from python_jobs.publishing.history import PublishedRun, current_run
from python_jobs.publishing.retention import PUBLISHED_TABLES
from tests.python_jobs.conftest import Project
from tests.python_jobs.test_your_data import run_sql

CASES = {
    "as it was": ([], True),
    "grown by a third": (
        [
            "insert into raw.users select * replace (user_id + 1000 as user_id, "
            "concat(toString(user_id), '@new.example') as email, "
            "addDays(signed_up_at, 99) as signed_up_at) from raw.users limit 100",
            "insert into raw.movies select * replace (movie_id + 1000 as movie_id, "
            "concat('New ', title) as title) from raw.movies limit 67",
        ],
        True,
    ),
    "shrunk by a fifth": (
        [
            "delete from raw.users where user_id % 5 = 0",
            "delete from raw.movies where movie_id % 5 = 0",
        ],
        True,
    ),
    # The gate is to refuse it for its size, and could not if it were another data set.
    "collapsed to a twentieth": (
        ["delete from raw.users where user_id > 15", "delete from raw.movies where movie_id > 10"],
        True,
    ),
    "a third of the titles corrected": (
        ["alter table raw.movies update title = concat(title, '!') where movie_id % 3 = 0"],
        True,
    ),
    "titles in another case": (
        ["alter table raw.movies update title = upper(title) where 1"],
        True,
    ),
    "e-mails masked": (["alter table raw.users update email = 'x' where 1"], True),
    "e-mails and times gone": (
        [
            "alter table raw.users update email = '' where 1, "
            "update signed_up_at = toDateTime64(0, 3, 'UTC') where 1"
        ],
        True,
    ),
    "other titles under the same ids": (
        ["alter table raw.movies update title = concat(title, ' II') where 1"],
        False,
    ),
    "movies numbered anew": (
        ["alter table raw.movies update movie_id = 201 - movie_id where 1"],
        False,
    ),
    "users numbered anew": (
        ["alter table raw.users update user_id = 1 + user_id % 300 where 1"],
        False,
    ),
    "users numbered elsewhere": (
        ["alter table raw.users update user_id = user_id + 10000 where 1"],
        False,
    ),
}
"""What is done to the raw tables, and whether they hold the same data set after it."""
DECIDE = """
import json, sys, clickhouse_connect
client = clickhouse_connect.get_client(interface="chdb", path=sys.argv[1])
rule, cases = json.load(sys.stdin)
tables = ("users", "movies")
for table in tables:
    client.command(f"create table raw.{table}_kept engine = MergeTree order by tuple() "
                   f"as select * from raw.{table}")
found = []
for statements in cases:
    for table in tables:
        client.command(f"drop table raw.{table} sync")
        # Ids are no key here, so that they can be changed.
        client.command(f"create table raw.{table} engine = MergeTree order by tuple() "
                       f"as select * from raw.{table}_kept")
    for statement in statements:
        client.command(statement, settings={"mutations_sync": 2})
    ids = f"select distinct dataset_id, dataset_label from ({rule})"
    found.append(client.query(ids).result_rows)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def decided(trained_project: Project, tmp_path_factory) -> dict[str, list]:
    """The data set that the rule finds in each case, beside the sample of the trained run."""
    project = trained_project.copy(tmp_path_factory.mktemp("decided"))
    compiled = project.directory / "target/compiled/dataflix/models/marts/mart_dataset.sql"
    cases = [statements for statements, _ in CASES.values()]
    done = subprocess.run(
        [sys.executable, "-c", DECIDE, str(project.directory / ".chdb")],
        input=json.dumps([compiled.read_text(), cases]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    recorded = project.query("select dataset_id from ml.training_runs")
    return {"recorded": recorded, **dict(zip(CASES, json.loads(done.stdout), strict=True))}


@pytest.mark.parametrize("case", CASES)
def test_a_data_set_is_known_again(decided, case):
    ((dataset_id, label),) = decided[case]
    ((recorded,),) = decided["recorded"]
    assert len(dataset_id) == 8
    assert label == ""
    assert (dataset_id == recorded) is CASES[case][1]


OWN = """
create database own;
create table own.users engine = MergeTree order by user_id as
select number + 1 as user_id, concat('u', toString(number), '@own.example') as email, '' as country,
    toDateTime('2024-01-01 00:00:00', 'UTC') + number * 60 as signed_up_at from numbers(80);
create table own.movies engine = MergeTree order by movie_id as
select number + 1 as movie_id, concat('Own ', toString(number)) as title, 'Drama' as genres,
    '' as director, 2000 as release_year, 90 as duration_minutes from numbers(50);
create table own.ratings engine = MergeTree order by user_id as
select 1 + cityHash64(number) % 79 as user_id, 1 + cityHash64(number, 1) % 50 as movie_id,
    toFloat32(1 + number % 5) as rating,
    toDateTime('2025-01-01 00:00:00', 'UTC') + number as rated_at
from numbers(1500);
create table own.watched_movies engine = MergeTree order by user_id as
select user_id, movie_id, rated_at as watched_at from own.ratings where rating > 3;
"""
SHOWN = """
select
    (select count() from analytics.mart_user_recommendations),
    (select count() from analytics.mart_similar_movies),
    (select count() from analytics.mart_latent_features),
    (select sum(recommended_user_count) from analytics.mart_movie_reach),
    (select countIf(not startsWith(title, 'Own')) from analytics.mart_user_recommendations)
"""


@pytest.fixture(scope="module")
def story(trained_project: Project, tmp_path_factory) -> dict:
    """The sample trained, then own tables under other and under the same ids, then back again."""
    project = trained_project.copy(tmp_path_factory.mktemp("own"))
    ((first,),) = project.query("select run_id from ml.training_runs")
    run_sql(project, OWN)
    settings = project.directory / "dbt_project.yml"
    kept = settings.read_text()
    settings.write_text(kept.replace("raw_database: null", "raw_database: own"))
    label = {"DATAFLIX_DATASET": "shop"}
    project.dbt("run", **label)
    told: dict = {"first": first, "unseen": project.query(SHOWN)}
    names = ("recommend", "score", "rollback", "demo", "trained", "own", "sample's", "relabelled")
    done = project.many(
        [
            (["recommend", "--user", "42"], label),
            (["score"], label),
            (["rollback", first], label),
            (["demo"], {}),
            (["train", "--like", "live"], label),
            (["recommend", "--user", "42", "--format", "json"], label),
            (["recommend", "--user", "299"], label),
            (["train"], {"DATAFLIX_DATASET": "another"}),
        ]
    )
    told |= dict(zip(names, done, strict=True))
    project.dbt("run", "--select", "source:recommender+", **label)
    told |= {"seen": project.query(SHOWN)}
    told["runs"] = project.query(
        "select dataset_id, dataset_label from analytics.mart_training_runs "
        "order by first_published_at"
    )
    told["shop's champion"] = project.query("select model_version from ml.current_run")
    settings.write_text(kept)
    project.dbt("run", "--select", "+mart_dataset")
    back: list[tuple[list[str], dict[str, str]]] = [
        (["rollback", first], {}),
        (["recommend", "--user", "42", "--format", "json"], {}),
    ]
    told["back"], told["sample again"] = project.many(back)
    return told


def refused(done, code: int = 1) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_no_mart_shows_the_lists_of_another_data_set(story):
    assert story["unseen"] == [[0, 0, 0, 0, 0]]


@pytest.mark.parametrize("command", ["recommend", "score"])
def test_the_sample_model_is_no_model_of_own_data(story, command):
    said = refused(story[command])
    assert "There is no model to go by: what is live, version 1, was made from another data" in said
    assert "and the marts hold shop (" in said
    assert "Run `python_jobs train`" in said


def test_a_run_of_another_data_set_is_not_rolled_back_to(story):
    said = refused(story["rollback"])
    assert f"Run {story['first']} was made from another data set" in said
    assert "Point the raw_… vars back at its tables and run `dbt build`" in said


def test_the_demo_does_not_call_own_tables_the_sample(story):
    assert "raw tables of your own, such as own.users" in refused(story["demo"])


def test_a_champion_of_another_data_set_is_no_champion_and_the_gate_says_so(story):
    trained = story["trained"]
    assert trained.returncode == 0, trained.stderr
    assert "settings: the defaults, as what is live, version 1, was made from another" in (
        trained.stderr
    )
    said = " ".join(trained.stdout.split())
    assert "gate compared with nothing, because what is live, version 1, was made from" in said
    assert "data set shop (" in said


def test_own_users_get_own_movies_and_nobody_else_gets_any(story):
    assert story["own"].returncode == 0, story["own"].stderr
    listed = json.loads(story["own"].stdout)
    assert len(listed) == 10
    assert all(movie["title"].startswith("Own ") for movie in listed)
    said = refused(story["sample's"])
    assert "User 299 has no interactions, and is not among the users either" in said
    assert "`dbt build`" in said
    ((lists, similar, features, reach, others),) = story["seen"]
    assert lists == reach > 1000
    assert similar > 0
    assert features == 10
    assert others == 0


def test_a_name_that_the_marts_do_not_have_is_told(story):
    said = refused(story["relabelled"])
    assert "The marts were built as the data set shop (" in said
    assert "DATAFLIX_DATASET is 'another' here" in said
    assert story["shop's champion"] == [["2"]]


def test_the_marts_name_the_data_set_of_each_run(story):
    (one, nameless), (two, shop) = story["runs"]
    assert one != two
    assert (nameless, shop) == ("", "shop")


def test_the_sample_is_known_again_and_can_be_rolled_back_to(story):
    assert story["back"].returncode == 0, story["back"].stderr
    listed = json.loads(story["sample again"].stdout)
    assert all(movie["title"] and not movie["title"].startswith("Own ") for movie in listed)


@pytest.fixture(scope="module")
def live_run(warehouse, store) -> PublishedRun:
    """A run of the data set that the marts hold, made in this process."""
    for table in (*PUBLISHED_TABLES, "training_runs"):
        warehouse.client.command(f"truncate table {warehouse.published(table)}")
    _train(warehouse, store)
    run = current_run(warehouse)
    assert run is not None
    return run


def _train(warehouse, store, **changes) -> TrainReport:
    options = TrainOptions(Settings(2, max_iter=5), top=3, **changes)
    live, _ = find_live(warehouse, store)
    return train(warehouse, store, live, options, Phases())


def _recorded_as(warehouse, run, dataset_id) -> PublishedRun:
    """Commit the run anew, as one of another data set, and return it."""
    other = replace(run.row(), run_id=uuid4().hex, dataset_id=dataset_id, recommendations=0)
    return commit(warehouse, other, current_run(warehouse))


def test_a_run_leaves_its_data_set_beside_its_lists(warehouse, store, live_run):
    dataset = read_dataset(warehouse)
    assert live_run.dataset_id == dataset.id
    left = warehouse.client.query(
        "select entity, entity_id, identities, dataset_id from ml.dataset_samples "
        f"where run_id = '{live_run.run_id}' order by all"
    ).result_rows
    mart = warehouse.client.query(
        "select entity, entity_id, identities, dataset_id from analytics.mart_dataset order by all"
    ).result_rows
    assert left == mart
    assert len(mart) == 300 + 203
    tags = store.client.get_run(live_run.mlflow_run_id).data.tags
    assert tags["dataset"] == tags["dataset_id"] == dataset.id
    assert tags["compared_with"] == "nothing, because nothing is live yet"


def test_a_model_of_another_data_set_is_no_model(warehouse, store, live_run):
    _recorded_as(warehouse, live_run, "0000ffff")
    live, _ = find_live(warehouse, store)
    assert live.run is not None
    assert live.ours is None
    with pytest.raises(UserError, match="was made from another data set: 0000ffff") as told:
        load_live(store, live)
    assert "Run `python_jobs train`" in told.value.hint


def test_a_champion_of_another_data_set_does_not_refuse(warehouse, store, live_run):
    _recorded_as(warehouse, live_run, "0000ffff")
    # Under limits that no champion lets through.
    report = _train(warehouse, store, limits=Limits(max_shrink=-1), publish=False)
    assert report.verdict.passed
    assert "nothing, because what is live, version 1, was made from another" in report.compared_with


def test_a_run_of_another_data_set_stays_where_it_is(warehouse, store, live_run):
    other = _recorded_as(warehouse, live_run, "0000ffff")
    commit(warehouse, live_run.row(), current_run(warehouse))
    before = current_run(warehouse)
    live, _ = find_live(warehouse, store)
    with pytest.raises(UserError, match="was made from another data set, 0000ffff; the marts hold"):
        roll_back(warehouse, store, live, other.run_id)
    assert current_run(warehouse) == before


def test_a_run_of_an_earlier_release_keeps_its_gate(warehouse, store, live_run):
    """An upgraded deployment must not let its next nightly run through unseen."""
    _recorded_as(warehouse, live_run, "")
    live, _ = find_live(warehouse, store)
    assert live.ours == live.run
    report = _train(warehouse, store, limits=Limits(max_shrink=-1), publish=False)
    assert not report.verdict.passed
    assert report.compared_with == "version 1, which is live"
    assert load_live(store, live).version.number == "1"
