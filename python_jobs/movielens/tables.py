"""The raw tables as the loader makes them, their successors, and how these take their places.

EXCHANGE of several pairs is one statement, which does one pair after the other; each exchange is
atomic, the sequence is not. So whatever can be wrong with the data must be found before. A table's
comment names its load and moves with it: by the comments an error halfway is undone here, and the
next load finishes a swap in the midst of which the process or the server was killed. Readers in
those milliseconds may see some new tables beside some old ones, but never part of a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.replicas import catch_up_everywhere, on_cluster, table_engine

TIME, NAME = "DateTime64(3, 'UTC')", "LowCardinality(String)"
COLUMNS = {
    "users": {
        "user_id": "UInt64",
        "email": "String",
        "first_name": "String",
        "last_name": "String",
        "country": NAME,
        "signed_up_at": TIME,
    },
    "movies": {
        "movie_id": "UInt64",
        "title": "String",
        "genres": NAME,
        "director": NAME,
        "release_year": "UInt16",
        "duration_minutes": "UInt16",
        "available_from": f"Nullable({TIME})",
        "available_until": f"Nullable({TIME})",
    },
    "ratings": {"user_id": "UInt64", "movie_id": "UInt64", "rating": "Float32", "rated_at": TIME},
    "watched_movies": {"user_id": "UInt64", "movie_id": "UInt64", "watched_at": TIME},
    "rejected_lines": {"file": NAME, "line_number": "UInt64", "reason": NAME, "line": "String"},
}
"""Columns of each table that a load replaces; the raw ones as ``dbt seed`` makes them."""
ADDED = {"available_from", "available_until"}
"""Columns that tables of earlier releases lack."""
SORT_KEYS = {
    "users": "user_id",
    "movies": "movie_id",
    "ratings": "(user_id, movie_id)",
    "watched_movies": "(user_id, movie_id)",
    "rejected_lines": "(file, line_number)",
}
REPLACEABLE_ENGINES = ("MergeTree", "ReplicatedMergeTree", "SharedMergeTree")
MARK = "Loaded by python_jobs load-movielens"
"""How the comment of the tables begins that a load made."""


@dataclass(frozen=True)
class RawTables:
    """Where the raw tables are, and where one load stages their successors."""

    warehouse: Warehouse
    load_id: str = ""
    """Twelve hexadecimal digits that end the names of the load's own tables."""

    @property
    def database(self) -> str:
        """Database of the raw tables, as system tables spell it."""
        return self.live("ratings").database

    @property
    def comment(self) -> str:
        """Comment of the tables that this load makes."""
        return f"{MARK} {self.load_id}"

    def live(self, table: str) -> Relation:
        """Return the relation that readers see."""
        if table == "rejected_lines":
            return self.named(table)
        return self.warehouse.project.source("dataflix", table)

    def staged(self, table: str) -> Relation:
        """Return the relation of this load's own that has that name."""
        return self.named(f"{table}__loading_{self.load_id}")

    def named(self, name: str) -> Relation:
        """Return the relation of a table beside the raw ones."""
        return Relation(self.database, name)

    def rows(self, table: str) -> int:
        """Return how many rows are staged in a table."""
        return self.warehouse.number(f"select count() from {self.staged(table)}")

    def create(self, relation: Relation, table: str) -> None:
        """Create a relation as one of :data:`COLUMNS` describes it, unless it exists."""
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS[table].items())
        engine = table_engine(self.warehouse, self.database)
        # Lines that are the same are rows that are the same, and no insert that was tried again.
        settings = "" if engine == "MergeTree" else "settings replicated_deduplication_window = 0"
        self.warehouse.client.command(
            f"create table if not exists {relation} {on_cluster(self.warehouse)} ({columns}) "
            f"engine = {engine} order by {SORT_KEYS[table]} {settings} comment '{self.comment}'"
        )

    def existing(self) -> dict[str, tuple[str, str]]:
        """Return engine and comment of every table of the database, a view before what it reads."""
        found = self.warehouse.client.query(
            "select name, engine, comment from system.tables where database = {database:String} "
            "order by engine = 'MaterializedView' desc",
            parameters={"database": self.database},
        )
        return {name: (engine, comment) for name, engine, comment in found.result_rows}

    def pairs(self, *, swapped: bool) -> dict[Relation, Relation]:
        """Return staged and live relations where this load's table is live, or still staged."""
        new = {name for name, (_, comment) in self.existing().items() if comment == self.comment}
        pairs = {self.staged(table): self.live(table) for table in COLUMNS}
        return {
            staged: live
            for staged, live in pairs.items()
            if (live if swapped else staged).table in new
        }

    def remove_staging(self) -> None:
        """Drop what is this load's own, unless old tables are there, from half a swap."""
        if self.pairs(swapped=True) and self.pairs(swapped=False):
            return
        for name in self.existing():
            if name.endswith(f"__loading_{self.load_id}"):
                self.warehouse.client.command(
                    f"drop table if exists {self.named(name)} {on_cluster(self.warehouse)} sync"
                )


def swap(tables: RawTables) -> None:
    """Put all staged tables in the place of the live ones, and those in staging.

    Raises
    ------
    DatabaseError
        If ClickHouse refuses; the old tables are live then. Where even undoing was refused, the
        next load finishes the swap.
    """
    for table in COLUMNS:
        # Empty, and not of this load: else it would count as swapped.
        RawTables(tables.warehouse).create(tables.live(table), table)
    try:
        _exchange(tables.warehouse, {tables.staged(table): tables.live(table) for table in COLUMNS})
    except Exception:
        _exchange(tables.warehouse, tables.pairs(swapped=True))
        raise


def _exchange(warehouse: Warehouse, pairs: Mapping[Relation, Relation]) -> None:
    if pairs:
        catch_up_everywhere(warehouse, pairs)
        exchanges = ", ".join(f"{staged} and {live}" for staged, live in pairs.items())
        warehouse.client.command(f"exchange tables {exchanges} {on_cluster(warehouse)}")


@contextmanager
def staging(warehouse: Warehouse, *, replace_any: bool) -> Iterator[RawTables]:
    """Make empty staging tables for the length of a ``with`` block.

    First finishes or removes what dead loads left; one load at a time, since a living one looks
    the same.

    Raises
    ------
    UserError
        If a table that would be replaced is not as the loader or ``dbt seed`` makes it, or has rows
        on a server that no load put there and that may not be replaced (``replace_any``).
    """
    tables = RawTables(warehouse, uuid4().hex[:12])
    command = warehouse.client.command
    database = tables.live("ratings").quoted_database
    # Creating is a privilege that a server's user may not have, or need.
    if not command(f"exists database {database}"):
        command(f"create database {database} {on_cluster(warehouse)}")
    for load_id in {name[-12:] for name in tables.existing() if name[:-12].endswith("__loading_")}:
        dead = RawTables(warehouse, load_id)
        if dead.pairs(swapped=True):
            _exchange(warehouse, dead.pairs(swapped=False))
        dead.remove_staging()
    for table in COLUMNS:
        _require_replaceable(tables, table, replace_any=replace_any)
    try:
        for table in COLUMNS:
            tables.create(tables.staged(table), table)
        user_ids = tables.staged("user_ids")
        command(f"create table {user_ids} (user_id UInt64) engine = MergeTree order by user_id")
        yield tables
    finally:
        tables.remove_staging()


def _require_replaceable(tables: RawTables, table: str, *, replace_any: bool) -> None:
    """Refuse to replace what may be a team's own: other columns, a view, or rows on a server."""
    live, client = tables.live(table), tables.warehouse.client
    engine, comment = tables.existing().get(live.table, ("", ""))
    if not engine:
        return
    columns = [name for name, *_ in client.query(f"describe table {live}").result_rows]
    if engine not in REPLACEABLE_ENGINES or {*columns} | ADDED != {*COLUMNS[table]} | ADDED:
        raise UserError(
            f"{live} is not a table as `dbt seed` or this loader makes it, and would be lost: "
            f"it is a {engine} with {', '.join(columns)}.",
            "Drop it if nobody needs it, or use a target whose raw database is another.",
        )
    if replace_any or tables.warehouse.embedded or comment.startswith(MARK):
        return
    if rows := tables.warehouse.number(f"select count() from {live}"):
        raise UserError(
            f"{live} has {rows:,} rows that no MovieLens load put there. They would be lost.",
            "If nobody needs them, say --replace; or use a target with a raw database of its own.",
        )
