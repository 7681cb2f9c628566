"""What a query of ``python_jobs sql`` gave: a table for people, JSON and CSV for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from itertools import islice
from typing import Any

import click
from clickhouse_connect.driver.client import Client
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from python_jobs.commands.screens import console
from python_jobs.errors import UserError
from python_jobs.warehouse.statements import Statement

SHOWN = 1000
"""Rows of a table; a terminal holds few more."""
CHUNK = 1 << 16
WHOLE = {"wait_end_of_query": 1}
"""Lets a server say that a query failed before it has begun to answer."""


def show_rows(client: Client, statement: Statement, shape: str) -> None:
    """Run a statement that gives rows, and print them.

    Raises
    ------
    UserError
        If the statement names a format of its own.
    """
    if statement.words[-2:-1] == ("format",):
        raise UserError(
            f"The statement ends in a FORMAT of its own: {statement}",
            "Take it out; --format is table, json or csv.",
        )
    if shape == "table":
        _show_table(client, statement)
    elif shape == "csv":
        with _raw(client, statement, "CSVWithNames") as stream:
            while chunk := stream.read(CHUNK):
                sys.stdout.write(chunk.decode())
    else:
        rows = _lines(client, statement)
        click.echo("[" + next(rows, "").strip(), nl=False)
        for row in rows:
            click.echo(",\n " + row, nl=False)
        click.echo("]")


def _show_table(client: Client, statement: Statement) -> None:
    if statement.is_a_query:
        with client.query_rows_stream(statement.text) as stream:
            rows = list(islice(stream, SHOWN + 1))
            names = stream.source.column_names
    else:
        result = client.query(statement.text)
        rows, names = list(result.result_rows), result.column_names
    table = Table(box=SIMPLE_HEAD)
    for name in names:
        table.add_column(escape(name), overflow="fold")
    for row in rows[:SHOWN]:
        table.add_row(*map(_shown, row))
    console().print(table)
    if len(rows) > SHOWN:
        click.echo(f"The first {SHOWN:,} rows; --format json or csv has them all.", err=True)


def _shown(value: Any) -> str:
    return "NULL" if value is None else escape(str(value))


def _raw(client: Client, statement: Statement, fmt: str) -> AbstractContextManager[Any]:
    """Return the answer as bytes; the embedded engine streams queries only, and not SHOW."""
    if statement.is_a_query:
        return client.raw_stream(statement.text, fmt=fmt, settings=WHOLE)
    return BytesIO(client.raw_query(statement.text, fmt=fmt, settings=WHOLE))


def _lines(client: Client, statement: Statement) -> Iterator[str]:
    left = b""
    with _raw(client, statement, "JSONEachRow") as stream:
        while chunk := stream.read(CHUNK):
            *lines, left = (left + chunk).split(b"\n")
            yield from (line.decode() for line in lines)
