"""The raw tables as the loader makes them, and their successors, staged beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError
from python_jobs.movielens.schema import COLUMNS, MARK, REPLACEABLE_ENGINES, SORT_KEYS
from python_jobs.movielens.swapping import finish_swap, has_journal
from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class RawTables:
    """Where the raw tables are, and where one load stages their successors."""

    warehouse: Warehouse
    load_id: str
    """Twelve hexadecimal digits that end the names of the load's own tables."""

    def live(self, table: str) -> Relation:
        """Return the table that readers see."""
        if table == "rejected_lines":
            return self.live("ratings").beside(table)
        return self.warehouse.project.source("dataflix", table)

    def staged(self, table: str) -> Relation:
        """Return this load's own table that has that name."""
        return self.live("ratings").beside(f"{table}__loading_{self.load_id}")

    def pairs(self) -> dict[Relation, Relation]:
        """Return for each staged table the one whose place it is to take."""
        return {self.staged(name): self.live(name) for name in COLUMNS}

    def rows(self, table: str) -> int:
        """Return how many rows are staged in a table."""
        return self.warehouse.number(f"select count() from {self.staged(table)}")

    def create(self, relation: Relation, table: str) -> None:
        """Create a relation as one of :data:`COLUMNS` describes it, unless it exists."""
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS[table].items())
        self.warehouse.client.command(
            f"create table if not exists {relation} ({columns}) "
            f"engine = MergeTree order by {SORT_KEYS[table]} comment '{MARK}'"
        )


@contextmanager
def staging(warehouse: Warehouse, *, replace_any: bool) -> Iterator[RawTables]:
    """Make empty staging tables for the length of a ``with`` block.

    First finishes or removes what dead loads left; one load at a time, since a living one looks
    the same.

    Parameters
    ----------
    warehouse
        An open warehouse.
    replace_any
        Whether rows on a server may be replaced that no load put there.

    Raises
    ------
    UserError
        If a table that would be replaced is not as the loader or ``dbt seed`` makes it, or may not
        be replaced.
    """
    tables = RawTables(warehouse, uuid4().hex[:12])
    database = tables.live("ratings").quoted_database
    # Creating is a privilege that a server's user may not have, or need.
    if not warehouse.client.command(f"exists database {database}"):
        warehouse.client.command(f"create database {database}")
    for load_id in _dead_loads(tables):
        dead = RawTables(warehouse, load_id)
        finish_swap(warehouse, dead.pairs(), dead.staged("swap"))
        _remove_staging(dead)
    for table in COLUMNS:
        _require_replaceable(tables, table, replace_any=replace_any)
    try:
        for table in COLUMNS:
            tables.create(tables.staged(table), table)
        warehouse.client.command(
            f"create table {tables.staged('user_ids')} (user_id UInt64) "
            "engine = MergeTree order by user_id"
        )
        yield tables
    finally:
        # Where a failed swap could not be undone, the old tables are in staging: keep them.
        if not has_journal(warehouse, tables.staged("swap")):
            _remove_staging(tables)


def _dead_loads(tables: RawTables) -> list[str]:
    found = tables.warehouse.client.query(
        """
        select distinct extract(name, '__loading_([0-9a-f]{12})$') as load_id
        from system.tables
        where database = {database:String} and load_id != ''
        """,
        parameters={"database": tables.live("ratings").database},
    )
    return [load_id for (load_id,) in found.result_rows]


def _remove_staging(tables: RawTables) -> None:
    raw = tables.live("ratings")
    found = tables.warehouse.client.query(
        """
        select name
        from system.tables
        where database = {database:String} and endsWith(name, {ending:String})
        -- A view before what it reads.
        order by engine = 'MaterializedView' desc
        """,
        parameters={"database": raw.database, "ending": f"__loading_{tables.load_id}"},
    )
    for (name,) in found.result_rows:
        tables.warehouse.client.command(f"drop table if exists {raw.beside(name)} sync")


def _require_replaceable(tables: RawTables, table: str, *, replace_any: bool) -> None:
    """Refuse to replace what may be a team's own: other columns, a view, or rows on a server."""
    live = tables.live(table)
    found = tables.warehouse.client.query(
        """
        select engine, comment, total_rows, (
            select arraySort(groupArray(name)) from system.columns
            where database = {database:String} and table = {name:String}
        )
        from system.tables
        where database = {database:String} and name = {name:String}
        """,
        parameters={"database": live.database, "name": live.table},
    )
    for engine, comment, rows, columns in found.result_rows:
        if engine not in REPLACEABLE_ENGINES or list(columns) != sorted(COLUMNS[table]):
            raise UserError(
                f"{live} is not a table as `dbt seed` or this loader makes it, and would be lost: "
                f"it is a {engine} with {', '.join(columns)}.",
                "Drop it if nobody needs it, or use a target whose raw database is another.",
            )
        if rows and comment != MARK and not (replace_any or tables.warehouse.embedded):
            raise UserError(
                f"{live} has {rows:,} rows that no MovieLens load put there. They would be lost.",
                "If nobody needs them, say --replace; or use a target with a raw database of its "
                "own.",
            )
