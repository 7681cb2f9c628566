"""Removing all that was published: the rows of the tables that python_jobs fills, and no others."""

from __future__ import annotations

from python_jobs.publishing.retention import PUBLISHED_TABLES, remove_leftovers
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.replicas import on_every_replica

RUNS = ("training_runs", "refused_runs")
"""Tables with a row for each run, which are not partitioned; the one that commits comes first."""


def published_rows(warehouse: Warehouse) -> dict[str, int]:
    """Return how many rows each table that python_jobs fills has, the commit rows first."""
    tables = (*RUNS, *PUBLISHED_TABLES)
    return {
        str(relation): warehouse.number(f"select count() from {relation}")
        for relation in map(warehouse.published, tables)
    }


def remove_published(warehouse: Warehouse) -> None:
    """Remove every publication. The tables stay, as dbt made them.

    The commit rows go first: whatever dies after that leaves no run current, and lists that no
    reader looks for, which the next reset, or in time the next publication, removes. By partitions,
    which takes no more rights than publishing does.
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
