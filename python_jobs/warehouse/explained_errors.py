"""What ClickHouse's errors mean to a user, without a password in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    Error,
    OperationalError,
)

from python_jobs.dbt.project import DbtProject
from python_jobs.errors import UserError

NO_SUCH_COLUMN, UNKNOWN_COLUMN = 16, 47
UNKNOWN_TABLE, UNKNOWN_DATABASE, ACCESS_DENIED = 60, 81, 497
NOT_ENOUGH_SPACE = 243
HINTS = {
    NOT_ENOUGH_SPACE: "Make room on its disk and run the command again. `python_jobs runs` "
    "shows which run is current; half of a run never is.",
    ACCESS_DENIED: "docs/server.md lists what each user needs.",
    **dict.fromkeys(
        (NO_SUCH_COLUMN, UNKNOWN_COLUMN),
        "After an upgrade run `dbt run` once: it gives the tables of an earlier release their new "
        "columns.",
    ),
}


@contextmanager
def explained_errors(project: DbtProject) -> Iterator[None]:
    """Turn ClickHouse's errors about missing relations and lost connections into advice.

    Raises
    ------
    UserError
        In place of any error of the ClickHouse driver.
    """
    try:
        yield
    except ClickHouseError as error:
        code, secret = error_code(error), project.credentials.password
        if code in (UNKNOWN_TABLE, UNKNOWN_DATABASE):
            raise UserError(
                f"A table is missing: {first_line(error)}",
                "Run `dbt run` first: dbt builds the mart and creates the tables that "
                "python_jobs fills.",
            ) from error
        if _is_lost(error, project):
            raise UserError(
                f"The connection to ClickHouse was lost: "
                f"{without_secret(root_cause(error), secret)}.",
                "Run the command again when the server answers; `python_jobs runs` shows which "
                "run is current.",
            ) from error
        raise UserError(
            f"ClickHouse refused a statement: {without_secret(str(error), secret)}",
            HINTS.get(code or 0, ""),
        ) from error


def error_code(error: Exception) -> int | None:
    """Return ClickHouse's numeric error code, or None where it was not ClickHouse that failed.

    The driver takes it from ClickHouse's own header or message; the HTTP status of a proxy, which
    the message of an error may also hold, is no such code.
    """
    return error.code if isinstance(error, Error) else None


def _is_lost(error: ClickHouseError, project: DbtProject) -> bool:
    """Say whether nothing answered, or something else than ClickHouse, as a proxy does."""
    by_another = type(error) is DatabaseError and project.credentials.type != "chdb"
    return error_code(error) is None and (by_another or isinstance(error, OperationalError))


def without_secret(text: str, secret: str) -> str:
    """Return a text with a password, if there is one, replaced by stars."""
    return text.replace(secret, "*****") if secret else text


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def root_cause(error: BaseException) -> str:
    """Return what the first of the errors that led to this one says."""
    while earlier := error.__cause__ or (not error.__suppress_context__ and error.__context__):
        error = earlier
    return getattr(error, "strerror", None) or first_line(error)
