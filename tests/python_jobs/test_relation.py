"""Databases and tables with any name, on the real engine."""

from __future__ import annotations

import numpy as np
import pytest

from python_jobs.commands.load_movielens import show_load
from python_jobs.dbt.project import DbtProject
from python_jobs.dbt.relation import Relation
from python_jobs.interactions.mart import read_interactions
from python_jobs.movielens import tables as movielens_tables
from python_jobs.movielens.loading import load
from python_jobs.movielens.release import Release
from python_jobs.movielens.tables import staging
from python_jobs.progress import Phases
from python_jobs.publishing.history import list_runs
from python_jobs.warehouse.connection import Warehouse
from tests.python_jobs.movielens_files import write_csv
from tests.python_jobs.publishing_data import lists, publish, rollback, run_of

DATABASE = "we\"ird.na\\me['`x"
ENDING = "`.\\[/b]"
PUBLISHED = ("recommendations", "training_runs", "similar_movies", "movie_factors")


@pytest.mark.parametrize(
    ("relation", "text"),
    [
        (Relation("analytics", "mart_movies"), "analytics.mart_movies"),
        (Relation("lake.eu", "stars"), "`lake.eu`.stars"),
        (Relation("1st", "of-all"), "`1st`.`of-all`"),
        (Relation("a`b", "c\\d"), "`a\\`b`.`c\\\\d`"),
        (Relation("Filme", "Größe"), "Filme.`Größe`"),
        (Relation("table", "Function"), "`table`.`Function`"),
    ],
)
def test_it_is_quoted_where_it_must_be(relation, text):
    assert str(relation) == text
    assert str(relation.beside("x")) == f"{relation.quoted_database}.x"


@pytest.fixture
def weird(warehouse):
    """The project with a mart and published tables of its own, under names full of traps."""

    def copied(original: Relation, contents: str = "") -> Relation:
        copy = Relation(DATABASE, original.table + ENDING)
        warehouse.client.command(f"create table {copy} as {original}")
        if contents:
            warehouse.client.command(f"insert into {copy} {contents}")
        return copy

    quoted = Relation(DATABASE, "").quoted_database
    warehouse.client.command(f"create database {quoted}")
    mart = copied(warehouse.mart, f"select * from {warehouse.mart} limit 1000")
    warehouse.client.command(f'alter table {mart} modify comment \'{{"dbt_invocation_id": "i"}}\'')
    tables = {f"recommender.{name}": copied(warehouse.published(name)) for name in PUBLISHED}
    samples = copied(warehouse.published("dataset_samples"))
    tables["recommender_datasets.dataset_samples"] = samples
    current = Relation(DATABASE, "current_run" + ENDING)
    warehouse.client.command(
        f"create view {current} as select * from {tables['recommender.training_runs']} "
        "order by published_at desc, run_id desc limit 1"
    )
    tables["recommender.current_run"] = current
    for name in ("users", "movies", "ratings", "watched_movies"):
        tables[f"dataflix.{name}"] = Relation(DATABASE, name + ENDING)
    project = DbtProject(
        warehouse.project.directory,
        warehouse.project.target,
        warehouse.project.credentials,
        {"mart_user_movie_matrix": mart},
        tables,
    )
    yield Warehouse(warehouse.client, project)
    warehouse.client.command(f"drop database {quoted} sync")


def _tables(weird: Warehouse) -> set[str]:
    found = weird.client.query(
        "select name from system.tables where database = {database:String}",
        parameters={"database": DATABASE},
    )
    return {name for (name,) in found.result_rows}


def test_a_mart_is_read(weird, warehouse):
    interactions = read_interactions(weird)
    assert interactions.matrix.nnz == 1000
    assert interactions.stamp.dbt_invocation_id == "i"
    assert interactions.relation == str(weird.mart)
    assert np.isin(interactions.user_ids, read_interactions(warehouse).user_ids).all()


def test_runs_are_published_listed_kept_and_rolled_back_to(weird):
    recommendations = weird.published("recommendations")
    before = _tables(weird)
    dead = recommendations.beside(f"{recommendations.table}__staging_dead")
    weird.client.command(f"create table {dead} as {recommendations}")
    for run_id in ("a", "b", "c"):
        publish(weird, run_of(run_id), {"recommendations": lists(5, 3, blocks=2)}, keep=2)
    assert _tables(weird) == before
    runs = {run.run_id: (run.current, run.kept) for run in list_runs(weird)}
    assert runs == {"c": (True, True), "b": (False, True), "a": (False, False)}
    rollback(weird, "b")
    assert list_runs(weird)[0].run_id == "b"
    rows = weird.client.query(
        f"select run_id, count() from {recommendations} group by run_id order by run_id"
    )
    assert rows.result_rows == [("b", 15), ("c", 15)]


def test_movielens_is_loaded_and_a_swap_that_died_is_finished(weird, tmp_path, capsys, monkeypatch):
    write_csv(tmp_path)
    before = _tables(weird)
    show_load(load(weird, Release(tmp_path), Phases()))
    ratings = weird.project.source("dataflix", "ratings")
    assert str(ratings)[:8] in capsys.readouterr().out
    loaded = weird.client.command(f"select count() from {ratings}")
    assert loaded > 0

    exchange = movielens_tables._exchange

    def exchange_some_and_die(warehouse, pairs):
        exchange(warehouse, dict(list(pairs.items())[:2]))
        raise KeyboardInterrupt

    weird.client.command(f"truncate table {ratings}")
    monkeypatch.setattr(movielens_tables, "_exchange", exchange_some_and_die)
    with pytest.raises(KeyboardInterrupt):
        load(weird, Release(tmp_path), Phases())
    monkeypatch.undo()
    assert weird.number(f"select count() from {ratings}") == 0
    with staging(weird, replace_any=False):
        assert weird.client.command(f"select count() from {ratings}") == loaded
    left = {"movies", "ratings", "users", "watched_movies"}
    assert _tables(weird) == before | {name + ENDING for name in left} | {"rejected_lines"}
