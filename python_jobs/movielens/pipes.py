"""The way of a block of lines through ClickHouse: parsed once, then to rows or to rejected lines.

A block is inserted as one string into a table that keeps nothing, and views carry its lines on. So
a block is one statement, on a server or embedded, and nothing of it stays in memory after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from python_jobs.dbt.relation import Relation
from python_jobs.movielens.formats import FileFormat
from python_jobs.movielens.parsing import parse, rules
from python_jobs.movielens.raw_tables import RawTables
from python_jobs.movielens.schema import COLUMNS
from python_jobs.movielens.source import Block


@contextmanager
def pipe(tables: RawTables, file: FileFormat, target: Relation) -> Iterator[Relation]:
    """Lay the views for one file, for the length of a ``with`` block.

    Parameters
    ----------
    tables
        Where the staging tables are.
    file
        How the lines are written.
    target
        Staged relation for the good rows; the others go to the staged ``rejected_lines``.

    Yields
    ------
    Relation
        Where to :func:`send` blocks.
    """
    client = tables.warehouse.client
    lines, parsed = tables.staged("lines"), tables.staged("parsed")
    to_parsed, to_rows, to_rejected = map(tables.staged, ("to_parsed", "to_rows", "to_rejected"))
    columns = [rule.column for rule in rules(file)]
    types = ", ".join(f"{column} {COLUMNS[file.table][column]}" for column in columns)
    client.command(f"create table {lines} (first_line UInt64, text String) engine = Null")
    client.command(
        f"create table {parsed} ({types}, line_number UInt64, line String, "
        "reason LowCardinality(String)) engine = Null"
    )
    client.command(
        f"create materialized view {to_rows} to {target} as "
        f"select {', '.join(columns)} from {parsed} where reason = ''"
    )
    client.command(
        f"create materialized view {to_rejected} to {tables.staged('rejected_lines')} as "
        f"select '{file.name}' as file, line_number, reason, line from {parsed} where reason != ''"
    )
    client.command(f"create materialized view {to_parsed} to {parsed} as {parse(file, lines)}")
    yield lines
    # A failed load's are dropped with the rest of its staging.
    for relation in (to_parsed, to_rows, to_rejected, parsed, lines):
        client.command(f"drop table {relation} sync")


def send(tables: RawTables, lines: Relation, block: Block) -> None:
    """Insert a block; when this returns, its lines are in staging."""
    tables.warehouse.client.insert(
        str(lines),
        [[block.first_line, block.text]],
        column_names=["first_line", "text"],
        column_type_names=["UInt64", "String"],
    )
