"""Which tables hold a user: those that python_jobs fills, those that dbt builds, the raw ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.dbt.relation import Relation
from python_jobs.publishing.retention import PUBLISHED_TABLES
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.explained_errors import (
    ACCESS_DENIED,
    UNKNOWN_DATABASE,
    UNKNOWN_TABLE,
    error_code,
)

OURS = {
    "user_id": "user_id = {user_id:UInt64}",
    "entity_id": "entity = 'user' and entity_id = {user_id:UInt64}",
}
"""Columns that name a user, and the condition that it is the one."""
OTHERS = {
    "user_id": "toString(user_id) = toString({user_id:UInt64})",
    "entity_id": "toString(entity) = 'user' and toString(entity_id) = toString({user_id:UInt64})",
}
"""The same of tables of which nothing is known: text and numbers cannot be compared."""
RAW = "accurateCastOrNull(user_id, 'UInt64') = {user_id:UInt64}"
"""The same of a raw table's column, which may be of any type: macros/as_id.sql has the rule."""
RAW_TABLES = (
    "dataflix.users",
    "dataflix.ratings",
    "dataflix.watched_movies",
    "impressions.impressions",
)
"""Sources with users; there need be no impressions."""
KEPT = "int_followed_lists"
"""The model of dbt's that keeps users whom no build removes."""
STAGING = "__staging_"
"""In the names of tables that are on their way into another."""


@dataclass(frozen=True)
class Holder:
    """A table with rows of a user."""

    relation: Relation
    condition: str
    """SQL by which they are the user's, with the parameter ``user_id``."""
    rows: int


@dataclass(frozen=True)
class Holders:
    """All of them."""

    published: list[Holder]
    """Tables of ``ml``."""
    staged: list[Holder]
    """What a job of this moment, or one that died, was about to publish."""
    built: list[Holder]
    """What dbt builds: marts, and rows that failed a test."""
    others: list[Holder]
    """Tables beside those that are nobody's that this project knows."""
    unseen: list[Relation]
    """Tables that may have the user, and that this user of ClickHouse may not read."""


def find_holders(warehouse: Warehouse, user_id: int) -> Holders:
    """Look for a user in every table of the databases of dbt's models and of ``ml``."""
    project = warehouse.project
    published = {warehouse.published(table) for table in PUBLISHED_TABLES}
    built = {*project.models.values(), *project.failures.values()}
    raw = {project.source(*name.split(".")) for name in RAW_TABLES}
    found = Holders([], [], [], [], _unseen(warehouse, user_id))
    for relation, column in _tables(warehouse, {*published, *built}):
        condition = (OURS if relation in {*published, *built} else OTHERS)[column]
        rows = 0 if relation in raw else count(warehouse, relation, condition, user_id)
        if not rows:
            continue
        holder = Holder(relation, condition, rows)
        if relation in published:
            found.published.append(holder)
        elif relation in built:
            found.built.append(holder)
        elif any(relation.table.startswith(f"{live.table}{STAGING}") for live in published):
            found.staged.append(holder)
        else:
            found.others.append(holder)
    return found


def _unseen(warehouse: Warehouse, user_id: int) -> list[Relation]:
    """Return the table that no build makes anew, where this user may not look into it.

    ClickHouse does not list what a user may not see: such a table has to be asked for by name.
    """
    kept = warehouse.project.model(KEPT)
    try:
        count(warehouse, kept, OURS["user_id"], user_id)
    except ClickHouseError as error:
        if error_code(error) == ACCESS_DENIED:
            return [kept]
        if error_code(error) not in (UNKNOWN_TABLE, UNKNOWN_DATABASE):
            raise
    return []


def raw_rows(warehouse: Warehouse, user_id: int) -> dict[str, int | None]:
    """Return how many rows of a user each raw table has; None where this user may not read it."""
    found: dict[str, int | None] = {}
    for name in RAW_TABLES:
        relation = warehouse.project.source(*name.split("."))
        try:
            found[str(relation)] = count(warehouse, relation, RAW, user_id)
        except ClickHouseError as error:
            if error_code(error) == ACCESS_DENIED:
                found[str(relation)] = None
            elif error_code(error) != UNKNOWN_TABLE:
                raise
    return found


def count(warehouse: Warehouse, relation: Relation, condition: str, user_id: int) -> int:
    """Count the rows of a user in a table."""
    query = f"select count() from {relation} where {condition}"
    return warehouse.number(query, {"user_id": user_id})


def _tables(warehouse: Warehouse, known: Iterable[Relation]) -> list[tuple[Relation, str]]:
    """Return the tables with a user's column, in the databases of those that are known.

    Views hold nothing. In a table of both columns ``user_id`` is the one that counts.
    """
    found = warehouse.client.query(
        """
        select
            columns.database,
            columns.table,
            groupArray(columns.name) as names,
            if(has(names, 'user_id'), 'user_id', 'entity_id')
        from system.columns as columns
        inner join system.tables as tables
            on columns.database = tables.database and columns.table = tables.name
        where columns.database in {databases:Array(String)}
            and columns.name in {names:Array(String)}
            and tables.engine like '%MergeTree'
        group by columns.database, columns.table
        having has(names, 'user_id') or hasAll(names, ['entity', 'entity_id'])
        order by columns.database, columns.table
        """,
        parameters={
            "databases": sorted({relation.database for relation in known}),
            "names": ["user_id", "entity", "entity_id"],
        },
    )
    return [(Relation(database, table), column) for database, table, _, column in found.result_rows]
