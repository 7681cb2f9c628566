"""``python_jobs sql``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from python_jobs.commands.options import dbt_options, setting
from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import Terminated, UserError

if TYPE_CHECKING:
    from python_jobs.warehouse.connection import Warehouse
    from python_jobs.warehouse.statements import Lexer, Statement


@click.command("sql")
@click.argument("statements", required=False)
@setting(
    "--file",
    "File of statements with semicolons between them; - is standard input.",
    variable="DATAFLIX_SQL_FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
)
@click.option(
    "--write", is_flag=True, help="Let statements change something. It has to be typed, each time."
)
@setting(
    "--format",
    "Output; a table has the first 1,000 rows.",
    "shape",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
)
@dbt_options
def command(
    statements: str | None, file: Path | None, write: bool, shape: str, dbt: DbtOptions
) -> None:
    """Run SQL in the ClickHouse of dbt's profile: statements, a file, or what you type.

    Without statements and a file it asks for them on a terminal, and else reads standard input.
    Without --write it changes nothing: what is no query is refused, by ClickHouse too.

    The first statement that fails is the last; those before it have been carried out. On a server
    each statement stands alone, so that SET and USE reach no further.

    \b
    Example:
        python_jobs sql "select * from analytics.mart_training_runs" --format json
        python_jobs sql --write --file views.sql
        python_jobs sql
    """
    if statements and file:
        raise click.UsageError("Statements or --file, not both.")
    text = statements if file is None else _read(file)
    asks = text is None and sys.stdin.isatty()
    if text is None and not asks:
        text = sys.stdin.read()
    from python_jobs.warehouse.connection import open_warehouse
    from python_jobs.warehouse.console import make_read_only
    from python_jobs.warehouse.statements import Lexer

    with open_warehouse(dbt, create=write) as warehouse:
        lexer = Lexer(warehouse.client if warehouse.embedded else None)
        if not write:
            make_read_only(warehouse)
        if asks:
            _ask(warehouse, lexer, shape, write)
        else:
            _run_all(warehouse, lexer.all(text or ""), shape, write)


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"There is no file {file}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as UTF-8 text: {error}.") from error


def _run_all(warehouse: Warehouse, statements: list[Statement], shape: str, write: bool) -> None:
    if not statements:
        raise UserError("There is no statement to run.", "`python_jobs sql -h` has examples.")
    for number, statement in enumerate(statements, start=1):
        place = f"Statement {number} of {len(statements)}" if len(statements) > 1 else "Statement"
        _run(warehouse, statement, shape, write, f"{place} ({statement})")


def _run(warehouse: Warehouse, statement: Statement, shape: str, write: bool, place: str) -> None:
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from python_jobs.commands.sql_screens import show_rows
    from python_jobs.warehouse.console import explained, refuse_changes

    if not write:
        refuse_changes(statement)
    try:
        if statement.gives_rows:
            show_rows(warehouse.client, statement, shape)
        else:
            warehouse.client.command(statement.text)
            click.echo(f"Done: {statement}", err=True)
    except ClickHouseError as error:
        raise explained(error, warehouse, place) from error


def _ask(warehouse: Warehouse, lexer: Lexer, shape: str, write: bool) -> None:
    """Read statements from a terminal, and run each when its semicolon has come."""
    import readline  # noqa: F401  # gives input() its line editing and history

    place = warehouse.project.target + ("" if write else ", read-only")
    click.echo(f"Target {place}. A semicolon ends a statement, Ctrl-D ends this.", err=True)
    typed = ""
    while True:
        try:
            typed += input("    ... " if typed else "sql> ") + "\n"
            statements, typed = lexer.split(typed)
            typed = typed.lstrip()
            for statement in statements:
                _run(warehouse, statement, shape, write, "Statement")
        except EOFError:
            click.echo(err=True)
            return
        except Terminated:
            raise
        except KeyboardInterrupt:
            click.echo(err=True)
            typed = ""
        except UserError as error:
            click.echo(f"Error: {error}", err=True)
