"""What goes wrong on the first day with one's own data, and whether the words name the cause."""

from __future__ import annotations

import re
from typing import Any

import pytest

from python_jobs.interactions.stamp import RAW_TABLES
from tests.python_jobs.conftest import rows_of
from tests.python_jobs.test_your_data import run_sql

TEXT = """
create database shop;
create view shop.users as
    select * replace (concat('u-', toString(user_id)) as user_id) from raw.users;
create view shop.movies as select * from raw.movies;
create view shop.ratings as
    select * replace (concat('u-', toString(user_id)) as user_id) from raw.ratings;
create view shop.watched_movies as select * from raw.watched_movies where 0;
create database mixed;
create view mixed.users as select * from raw.users;
create view mixed.movies as select * from raw.movies;
create view mixed.ratings as
    select * replace (if(movie_id = 7, 'tt0114709', toString(movie_id)) as movie_id)
    from raw.ratings;
create view mixed.watched_movies as select * from raw.watched_movies;
"""
STATE = ["query", "select count(), max(run_id) from ml.training_runs"]
BUILD = ["dbt", "build", "--selector", "before_training"]


@pytest.fixture(scope="module")
def mistakes(trained_project, tmp_path_factory) -> dict[str, Any]:
    """What is printed where ids are text, where a build failed, and where a var is misspelt."""
    project = trained_project.copy(tmp_path_factory.mktemp("mistakes"))
    run_sql(project, TEXT)
    settings = project.directory / "dbt_project.yml"
    shipped = settings.read_text()

    def told(line: str, **commands: list[str]) -> dict[str, Any]:
        settings.write_text(shipped.replace("  raw_database: null", line))
        return dict(zip(commands, project.many([*commands.values()]), strict=True))

    shop = "  raw_database: shop"
    left = told(shop, text=BUILD, before=STATE, train=["train"], score=["score"], after=STATE)
    left |= told("  raw_databse: shop", instead=BUILD, recommend=["recommend", "--user", "42"])
    left |= told("  raw_database: null\n  ratings_weight: 2", beside=["runs"])
    left |= told("", absent=["dbt", "parse"])
    left["mixed"] = project.run("dbt", *BUILD[1:], "--vars", "raw_database: mixed")
    return left


def words(done: Any, code: int = 1) -> str:
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


def test_text_for_ids_fails_the_build_and_is_named_as_the_cause(mistakes):
    said = words(mistakes["text"])
    assert "Ids must be whole numbers above 0, and these are not: " in said
    for table in ("ratings", "users"):
        assert re.search(rf"shop.{table}.user_id \(all [\d,]+, such as 'u-\d+'\)", said)
    assert "movie_id" not in said
    assert "watched_movies.user_id" not in said  # it has no rows
    assert 'cityHash64(user_id) as user_id`: docs/your_data.md, "String ids"' in said
    assert "START sql" not in said


def test_a_few_ids_that_are_text_are_counted_with_an_example(mistakes):
    said = words(mistakes["mixed"], code=0)
    assert re.search(r"[1-9]\d* movie id is no number", said)
    assert "An id must be a whole number above 0; mixed.ratings.movie_id has 'tt0114709'" in said


@pytest.mark.parametrize("command", ["train", "score"])
def test_after_a_failed_build_the_old_marts_are_not_published_as_the_new(mistakes, command):
    said = words(mistakes[command])
    assert "The marts are of other raw tables than the vars name now: " in said
    assert "from raw.users, raw.movies, raw.ratings and raw.watched_movies" in said
    assert "the vars name shop.users, shop.movies, shop.ratings and shop.watched_movies" in said
    assert "Run `dbt build`" in said
    assert rows_of(mistakes["before"]) == rows_of(mistakes["after"])


@pytest.mark.parametrize("command", ["instead", "recommend"])
def test_a_misspelt_var_is_named_beside_the_nearest_one(mistakes, command):
    said = words(mistakes[command])
    assert "Nothing reads the var raw_databse (raw_database?). Mend its name" in said
    assert "profile" not in said


def test_a_misspelt_var_beside_the_right_ones_is_named_too(mistakes):
    assert "Nothing reads the var ratings_weight (rating_weight?)" in words(mistakes["beside"])


def test_a_var_that_is_gone_is_named(mistakes):
    said = words(mistakes["absent"])
    assert "There is no var raw_database in dbt_project.yml. Put its line back" in said


def test_the_vars_that_are_known_are_those_of_the_project(empty_project):
    import yaml

    project = yaml.safe_load((empty_project.directory / "dbt_project.yml").read_text())
    macro = (empty_project.directory / "macros/known_vars.sql").read_text()
    assert re.findall("'(.*)'", macro) == [*project["vars"], "load_sample"]


def test_train_says_what_it_learned_from_and_when_that_was_built(warehouse):
    from python_jobs.interactions.stamp import read_stamp

    for name in ("mart_user_movie_matrix", "mart_dataset"):
        stamp = read_stamp(warehouse, warehouse.project.model(name))
        assert {*stamp.raw} == {*RAW_TABLES}
        built = r"built \d{4}-\d\d-\d\d \d\d:\d\d UTC from raw.users, raw.movies, raw.ratings and "
        assert re.search(built, str(stamp))
