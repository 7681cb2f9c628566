"""A run's rows on their way into a published table: staged, checked, and swapped in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from python_jobs.dbt.relation import Relation
from python_jobs.publishing.verification import verify
from python_jobs.threads import ahead
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.replicas import missing_replicas_named, on_every_replica

STAGING_DDL = {"distributed_ddl_output_mode": "throw_only_active"}
"""In a database of the engine Replicated a staging table is made on every replica, empty on all but
one: that one which is down makes or drops it later need not be waited for."""
Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
"""One block of a table: for each column but ``run_id`` its values, all of the same length."""


class Filler(Protocol):
    """Fills a staging table in another way than row by row through this process."""

    def fill(self, staging: Relation) -> int:
        """Fill an empty table; return how many rows it has then."""
        ...


Tables = Mapping[str, Iterable[Columns] | Filler]
"""For each published table its rows in blocks, consumed once, or what fills it.

Blocks are made on a thread of their own while the one before is inserted: making one asks nothing
of the warehouse, whose one client is busy."""


def staging_of(warehouse: Warehouse, table: str, run_id: str) -> Relation:
    """Return where a run's staging table is."""
    live = warehouse.published(table)
    return live.beside(f"{live.table}__staging_{run_id}")


def stage(warehouse: Warehouse, table: str, run_id: str, rows: Iterable[Columns] | Filler) -> int:
    """Load a run's rows into its staging table, check them there, and return how many there are.

    Raises
    ------
    UserError
        If the staged rows fail a check.
    """
    staging = staging_of(warehouse, table, run_id)
    make_staging(warehouse, table, run_id, staging)
    if isinstance(rows, Iterable):
        loaded = sum(load_block(warehouse, staging, block) for block in ahead(rows))
    else:
        loaded = rows.fill(staging)
    verify(warehouse, table, staging, loaded)
    return loaded


def make_staging(warehouse: Warehouse, table: str, run_id: str, staging: Relation) -> None:
    """Make an empty table for rows of a run on their way into a published table."""
    live = warehouse.published(table)
    drop(warehouse, table, staging)
    warehouse.client.command(
        f"create table {staging} as {live} {plain_engine(warehouse, live)}",
        settings=STAGING_DDL if live in warehouse.replicated else {},
    )
    # The server fills the one value that all rows share: sending it would double the insert.
    warehouse.client.command(
        f"alter table {staging} modify column run_id String default {{run_id:String}}",
        parameters={"run_id": run_id},
    )


def plain_engine(warehouse: Warehouse, live: Relation) -> str:
    """Return the engine of a replicated table's staging table, whose rows are on one replica.

    It is the text after the columns; empty where the table has no replicas and is copied as it is.

    REPLACE PARTITION brings them to the others; it wants the same keys and storage on both sides.
    """
    if live not in warehouse.replicated:
        return ""
    ((partition_by, order_by, primary_key, policy),) = warehouse.client.query(
        """
        select partition_key, sorting_key, primary_key, storage_policy
        from system.tables
        where database = {database:String} and name = {table:String}
        """,
        parameters={"database": live.database, "table": live.table},
    ).result_rows
    partitions = f"partition by ({partition_by}) " if partition_by else ""
    return (
        f"engine = MergeTree {partitions}primary key ({primary_key}) "
        f"order by ({order_by}) settings storage_policy = '{policy}'"
    )


def load_block(warehouse: Warehouse, staging: Relation, block: Columns) -> int:
    """Insert one block of columns, and return its number of rows."""
    columns: list[Any] = list(block.values())
    rows = len(columns[0])
    if rows:
        names = list(block)
        warehouse.client.insert(str(staging), columns, column_names=names, column_oriented=True)
    return rows


def swap_in(warehouse: Warehouse, table: str, run_id: str, rows: int) -> None:
    """Put the staged rows in the live table, as its partition of the run; on every replica of it.

    Raises
    ------
    UserError
        If a replica went away meanwhile.
    """
    live, staging = warehouse.published(table), staging_of(warehouse, table, run_id)
    if rows:
        statement = f"alter table {live} replace partition {{run_id:String}} from {staging}"
    else:
        # REPLACE PARTITION refuses an empty source.
        statement = f"alter table {live} drop partition {{run_id:String}}"
    with missing_replicas_named(warehouse, live):
        warehouse.client.command(
            statement, parameters={"run_id": run_id}, settings=on_every_replica(warehouse, live)
        )


def drop_staging(warehouse: Warehouse, table: str, run_id: str) -> None:
    """Drop a run's staging table, if there is one."""
    drop(warehouse, table, staging_of(warehouse, table, run_id))


def drop(warehouse: Warehouse, table: str, staging: Relation) -> None:
    """Drop a staging table of a published table, if it is there."""
    warehouse.client.command(
        f"drop table if exists {staging} sync",
        settings=STAGING_DDL if warehouse.published(table) in warehouse.replicated else {},
    )
