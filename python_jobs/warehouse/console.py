"""Statements that a person typed: run one by one, read-only unless told otherwise."""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.errors import UserError
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.explained_errors import (
    UNKNOWN_DATABASE,
    UNKNOWN_TABLE,
    error_code,
    without_secret,
)
from python_jobs.warehouse.statements import Statement

READONLY = 164
LIST_TABLES = '`python_jobs sql "select database, name from system.tables"` lists what there is.'
HINTS = {
    READONLY: "Without --write nothing is changed, and no setting is set.",
    UNKNOWN_TABLE: LIST_TABLES,
    UNKNOWN_DATABASE: LIST_TABLES,
}


def make_read_only(warehouse: Warehouse) -> None:
    """Let ClickHouse refuse whatever would change something, for as long as the client is open."""
    if warehouse.embedded:
        # For the connection, which cannot take it back; a setting of a query could be left out.
        warehouse.client.command("set readonly = 1")
    elif warehouse.client.server_settings["readonly"].value == "0":
        warehouse.client.set_client_setting("readonly", 1)


def refuse_changes(statement: Statement) -> None:
    """Refuse what is more than reading, some of which ClickHouse's ``readonly`` lets pass.

    It stops no ``kill``, no ``system stop merges`` and no file that a query is written into.

    Raises
    ------
    UserError
        If the statement gives no rows, or gives them to a file.
    """
    if statement.writes_a_file:
        raise UserError(
            f"`into outfile` writes a file: {statement}",
            "Send the output there: python_jobs sql … --format csv > FILE. Or give --write.",
        )
    if not (statement.gives_rows or statement.words[0] == "use"):
        raise UserError(
            f"Without --write only queries run, and this is none: {statement}",
            "Nothing was changed. If it is meant, give --write.",
        )


def explained(error: ClickHouseError, warehouse: Warehouse, place: str) -> UserError:
    """Return what a statement's error is to whoever typed it; a lost connection is none of these.

    Parameters
    ----------
    error
        What the driver raised.
    warehouse
        Where the statement ran.
    place
        Which statement it was.
    """
    code = error_code(error)
    if code is None:
        raise error
    said = without_secret(str(error), warehouse.project.credentials.password)
    return UserError(f"{place}: {said}", HINTS.get(code, ""))
