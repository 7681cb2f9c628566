"""Taking a user's rows out of tables: each partition that has some is swapped for one without them.

As a run is published, and not with ``alter table … delete``, which would keep the user's id in the
list of a table's mutations, and the rows on disk until the parts from before it are cleaned up.
"""

from __future__ import annotations

from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError
from python_jobs.publishing.holders import Holder, count
from python_jobs.publishing.staging import STAGING_DDL, plain_engine
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.replicas import (
    missing_replicas_named,
    on_every_replica,
    require_every_replica,
)

COPY = "__staging_forget"
"""How the names of the copies end."""
WAIT = {"mutations_sync": 2}
"""A change of rows returns when every replica has made it."""


def say_how_many_are_left(warehouse: Warehouse, user_id: int) -> None:
    """Let each run's row say how many recommendations it has without those of a user.

    To be done before they go: whatever dies in between, the same numbers are found again. A
    rollback wants as many rows as a run says that it has.
    """
    runs, lists = warehouse.published("training_runs"), warehouse.published("recommendations")
    theirs = "user_id = {user_id:UInt64}"
    found = warehouse.client.query(
        f"select run_id, countIf(not ({theirs})) from {lists} group by run_id "
        f"having countIf({theirs}) > 0",
        parameters={"user_id": user_id},
    ).result_rows
    if not found:
        return
    warehouse.client.command(
        f"""
        alter table {runs}
        update recommendations = transform(
            run_id, {{run_ids:Array(String)}}, {{counts:Array(UInt64)}}, recommendations
        )
        where run_id in {{run_ids:Array(String)}}
        """,
        parameters={"run_ids": [run for run, _ in found], "counts": [left for _, left in found]},
        settings=WAIT,
    )


def remove_copies(warehouse: Warehouse) -> None:
    """Drop the copies of attempts that died: they have the rows of everybody else."""
    project = warehouse.project
    known = {*project.models.values(), *project.failures.values(), *project.sources.values()}
    found = warehouse.client.query(
        "select database, name from system.tables "
        "where database in {databases:Array(String)} and endsWith(name, {ending:String})",
        parameters={
            "databases": sorted({relation.database for relation in known}),
            "ending": COPY,
        },
    )
    for database, name in found.result_rows:
        live = Relation(database, name.removesuffix(COPY))
        if live in known:
            _drop_copy(warehouse, live)


def _drop_copy(warehouse: Warehouse, live: Relation) -> None:
    ddl = STAGING_DDL if live in warehouse.replicated else {}
    warehouse.client.command(
        f"drop table if exists {live.beside(live.table + COPY)} sync", settings=ddl
    )


def remove_rows(warehouse: Warehouse, holder: Holder, user_id: int) -> None:
    """Swap each partition that holds a user for one that does not, on every replica.

    Readers see the old one or the new one. Nothing else may write to the table meanwhile.

    Raises
    ------
    UserError
        If the copy has not the rows that it should have, or a replica is missing.
    """
    live, parameters = holder.relation, {"user_id": user_id}
    require_every_replica(warehouse, live)
    staging = live.beside(f"{live.table}{COPY}")
    ddl = STAGING_DDL if live in warehouse.replicated else {}
    affected = f"_partition_id in (select _partition_id from {live} where {holder.condition})"
    partitions = warehouse.client.query(
        f"select _partition_id, count() from {live} where {affected} group by all",
        parameters=parameters,
    ).result_rows
    _drop_copy(warehouse, live)
    warehouse.client.command(
        f"create table {staging} as {live} {plain_engine(warehouse, live)}", settings=ddl
    )
    warehouse.client.command(
        f"insert into {staging} select * from {live} where {affected} and not ({holder.condition})",
        parameters=parameters,
    )
    copied = f"select _partition_id, count() from {staging} group by all"
    found = warehouse.client.query(copied).result_rows
    kept = {str(partition): int(rows) for partition, rows in found}
    if sum(kept.values()) != sum(rows for _, rows in partitions) - holder.rows:
        raise UserError(
            f"{live} was written to meanwhile, and is as it was.",
            "Run the command again when no job and no dbt runs.",
        )
    with missing_replicas_named(warehouse, live):
        for partition, _ in partitions:
            # REPLACE PARTITION refuses an empty source.
            change = (
                f"replace partition id '{partition}' from {staging}"
                if kept.get(partition)
                else f"drop partition id '{partition}'"
            )
            warehouse.client.command(
                f"alter table {live} {change}", settings=on_every_replica(warehouse, live)
            )
    _drop_copy(warehouse, live)
    if left := count(warehouse, live, holder.condition, user_id):
        raise UserError(
            f"{live} has {left:,} rows of the user again: something wrote them meanwhile.",
            "Run the command again when no job and no dbt runs.",
        )
