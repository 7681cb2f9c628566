"""Loading a release: every line becomes a row or a rejected line; then all tables are swapped."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from python_jobs.errors import UserError
from python_jobs.movielens.lines import lay_views, send
from python_jobs.movielens.release import BLOCK_BYTES, FileFormat, Release, count_lines
from python_jobs.movielens.tables import COLUMNS, RawTables, staging, swap
from python_jobs.progress import Phases
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.explained_errors import error_code

NO_SPACE_CODES = (243, 75)
"""NOT_ENOUGH_SPACE, and CANNOT_WRITE_TO_FILE_DESCRIPTOR, which is a full disk as a rule."""
UNCHANGED = "Nothing was replaced: the raw tables are as they were."
SHOWN_LINES = 5
"""Rejected lines to show of each file."""
SHOWN_CHARACTERS = 60


class RejectedLine(NamedTuple):
    """A line that could not be used; lines count from 1, a header included."""

    file: str
    line_number: int
    reason: str
    line: str

    def __str__(self) -> str:
        shown = self.line[:SHOWN_CHARACTERS]
        dots = "…" if len(self.line) > SHOWN_CHARACTERS else ""
        return f"{self.file}, line {self.line_number:,}: {self.reason}: {shown!r}{dots}"


class FileReport(NamedTuple):
    """How many lines a file has, without its header, what became of them, and the first bad."""

    file: str
    lines: int
    loaded: int
    rejected: int
    first_rejected: list[RejectedLine]


class LoadReport(NamedTuple):
    """What a load found and made: the rows of each raw table, and where all bad lines are kept."""

    format: str
    files: list[FileReport]
    rows: dict[str, int]
    rejected_lines: str


def load(
    warehouse: Warehouse,
    release: Release,
    phases: Phases,
    *,
    replace_any: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> LoadReport:
    """Replace the raw tables with a release.

    Parameters
    ----------
    warehouse
        An open warehouse whose raw tables are as ``dbt seed`` or a load made them, or missing.
    release
        The files.
    phases
        Where to show and time the work.
    replace_any
        Whether rows on a server may be replaced that no load put there.
    block_bytes
        How much of a file to read and parse at a time.

    Raises
    ------
    UserError
        If a file cannot be read to its end or too little of it can be used, or ClickHouse refuses
        or has no room; the raw tables are the old ones then.
    """
    with explained(), staging(warehouse, replace_any=replace_any) as tables:
        files = [load_file(tables, release, file, phases, block_bytes) for file in release.files]
        with phases.phase("users"):
            make_users(tables)
        rows = {str(tables.live(name)): tables.rows(name) for name in COLUMNS}
        rejected_lines = str(tables.live("rejected_lines"))
        del rows[rejected_lines]
        with phases.phase("swap"):
            swap(tables)
    return LoadReport(release.format, files, rows, rejected_lines)


def load_file(
    tables: RawTables, release: Release, file: FileFormat, phases: Phases, block_bytes: int
) -> FileReport:
    """Stage the rows and the rejected lines of one file; refuse one that is not what it seems."""
    staged = "user_ids" if file.table == "users" else file.table
    rejected_before, lines = tables.rows("rejected_lines"), 0
    inlet = lay_views(tables, file, staged)
    with phases.phase(file.name, total=release.size(file)) as bar:
        for first_line, text in release.blocks(file, block_bytes):
            send(tables, inlet, first_line, text)
            lines += count_lines(text)
            bar.advance(len(text))
    loaded, rejected = tables.rows(staged), tables.rows("rejected_lines") - rejected_before
    if loaded + rejected != lines:
        raise UserError(
            f"{lines:,} lines of {file.name} were sent, but {loaded:,} rows and {rejected:,} "
            f"rejected lines arrived. {UNCHANGED}",
            "Run it again; if it stays, please report it.",
        )
    first_rejected = [
        RejectedLine(*row)
        for row in tables.warehouse.client.query(
            "select file, line_number, reason, toValidUTF8(line) "
            f"from {tables.staged('rejected_lines')} where file = '{file.name}' "
            f"order by line_number limit {SHOWN_LINES}"
        ).result_rows
    ]
    if loaded <= rejected:
        examples = "".join(f"\n  {line}" for line in first_rejected)
        raise UserError(
            f"Only {loaded:,} of {lines:,} lines of {file.name} can be used:{examples}",
            f"Is it the release as published? {UNCHANGED}",
        )
    return FileReport(file.name, lines, loaded, rejected, first_rejected)


def make_users(tables: RawTables) -> None:
    """Stage a user for every id that rated or that the release lists.

    Nothing else is known of them, or needed: ages, occupations and post codes are left out.
    ``signed_up_at`` is the time of the first rating, the earliest at which the user is known.
    """
    tables.warehouse.client.command(
        f"""
        insert into {tables.staged("users")} (user_id, signed_up_at)
        select user_id, ifNull(min(rated_at), toDateTime64(0, 3, 'UTC'))
        from (
            select user_id, toNullable(rated_at) as rated_at from {tables.staged("ratings")}
            union all
            select user_id, null as rated_at from {tables.staged("user_ids")}
        )
        group by user_id
        """
    )


@contextmanager
def explained() -> Iterator[None]:
    """Say of what ClickHouse or the disk refuse that nothing was replaced."""
    try:
        yield
    except (DatabaseError, OSError) as error:
        full = error_code(error) in NO_SPACE_CODES or getattr(error, "errno", 0) == errno.ENOSPC
        if not full and isinstance(error, (OperationalError, OSError)):
            raise
        what = "There is no room left" if full else "ClickHouse refused a statement"
        raise UserError(
            f"{what}: {str(error).strip().splitlines()[0]} {UNCHANGED}",
            "Free some space; embedded, blocks also pass through TMPDIR." if full else "",
        ) from error
