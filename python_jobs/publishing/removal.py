"""Removing all that was published, and what is kept of what came of it; nothing else."""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.dbt.relation import Relation
from python_jobs.publishing.retention import PUBLISHED_TABLES, remove_leftovers
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.explained_errors import (
    ACCESS_DENIED,
    UNKNOWN_DATABASE,
    UNKNOWN_TABLE,
    error_code,
)
from python_jobs.warehouse.replicas import on_every_replica

RUNS = ("training_runs", "refused_runs")
"""Tables with a row for each run, which are not partitioned; the one that commits comes first."""
FOLLOWED = ("int_followed_lists", "int_final_outcomes", "int_final_experiment_outcomes")
"""Models of dbt's that keep what came of publications, and that no build makes anew."""


def published_rows(warehouse: Warehouse) -> dict[str, int]:
    """Return how many rows each table has that :func:`remove_published` empties."""
    tables = [warehouse.published(table) for table in (*RUNS, *PUBLISHED_TABLES)]
    return {
        str(relation): warehouse.number(f"select count() from {relation}")
        for relation in (*tables, *_followed(warehouse))
    }


def _followed(warehouse: Warehouse) -> list[Relation]:
    """Return the tables of outcomes that this user of ClickHouse sees."""
    relations = [warehouse.project.model(model) for model in FOLLOWED]
    found = warehouse.client.query(
        "select database, name from system.tables where name in {names:Array(String)}",
        parameters={"names": [relation.table for relation in relations]},
    )
    there = {Relation(*row) for row in found.result_rows}
    return [relation for relation in relations if relation in there]


def remove_published(warehouse: Warehouse) -> list[Relation]:
    """Remove every publication; return which tables of outcomes this user may not empty.

    The tables stay, as dbt made them. The commit rows go first: whatever dies after that leaves no
    run current, and lists that no reader looks for, which the next reset, or in time the next
    publication, removes. By partitions, which takes no more rights than publishing does.
    """
    for table in RUNS:
        runs = warehouse.published(table)
        warehouse.client.command(
            f"alter table {runs} drop partition tuple()", settings=on_every_replica(warehouse, runs)
        )
    for table in PUBLISHED_TABLES:
        live = warehouse.published(table)
        found = warehouse.client.query(
            "select distinct partition from system.parts "
            "where active and database = {database:String} and table = {table:String}",
            parameters={"database": live.database, "table": live.table},
        )
        for (run_id,) in found.result_rows:
            warehouse.client.command(
                f"alter table {live} drop partition {{run_id:String}}",
                parameters={"run_id": run_id},
            )
    remove_leftovers(warehouse)
    kept = []
    # Not only those that are seen: ClickHouse does not list what a user may not read.
    for relation in map(warehouse.project.model, FOLLOWED):
        try:
            warehouse.client.command(f"truncate table {relation}")
        except ClickHouseError as error:
            if error_code(error) == ACCESS_DENIED:
                kept.append(relation)
            elif error_code(error) not in (UNKNOWN_TABLE, UNKNOWN_DATABASE):
                raise
    return kept
