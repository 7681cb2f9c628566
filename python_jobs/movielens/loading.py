"""Loading a release: every line becomes a row or a rejected line; then all tables are swapped."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from python_jobs.errors import UserError
from python_jobs.movielens.formats import FileFormat
from python_jobs.movielens.pipes import pipe, send
from python_jobs.movielens.raw_tables import RawTables, staging
from python_jobs.movielens.report import SHOWN_LINES, FileReport, LoadReport, RejectedLine
from python_jobs.movielens.schema import COLUMNS
from python_jobs.movielens.source import BLOCK_BYTES, Release
from python_jobs.movielens.swapping import swap
from python_jobs.progress import Phases
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.explained_errors import error_code

NO_SPACE_CODES = (243, 75)
"""NOT_ENOUGH_SPACE, and CANNOT_WRITE_TO_FILE_DESCRIPTOR, which is a full disk as a rule."""
UNCHANGED = "Nothing was replaced: the raw tables are as they were."


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
        rejected = first_rejected(tables)
        for file in files:
            require_use(file, rejected)
        with phases.phase("users"):
            make_users(tables)
        report = LoadReport(
            release=release.format.name,
            files=files,
            rows={
                str(tables.live(name)): tables.rows(name)
                for name in COLUMNS
                if name != "rejected_lines"
            },
            rejected=rejected,
            rejected_lines=str(tables.live("rejected_lines")),
        )
        with phases.phase("swap"):
            for name in COLUMNS:
                tables.create(tables.live(name), name)
            swap(warehouse, tables.pairs(), tables.staged("swap"))
    return report


def load_file(
    tables: RawTables, release: Release, file: FileFormat, phases: Phases, block_bytes: int
) -> FileReport:
    """Stage the rows and the rejected lines of one file."""
    staged = "user_ids" if file.table == "users" else file.table
    rejected_before, lines = tables.rows("rejected_lines"), 0
    with (
        phases.phase(file.name, total=release.size(file)) as bar,
        pipe(tables, file, tables.staged(staged)) as inlet,
    ):
        for block in release.blocks(file, block_bytes):
            send(tables, inlet, block)
            lines += block.lines
            bar.advance(block.size)
    loaded, rejected = tables.rows(staged), tables.rows("rejected_lines") - rejected_before
    if loaded + rejected != lines:
        raise UserError(
            f"{lines:,} lines of {file.name} were sent, but {loaded:,} rows and {rejected:,} "
            f"rejected lines arrived. {UNCHANGED}",
            "Run it again; if it stays, please report it.",
        )
    return FileReport(file.name, lines, rejected)


def first_rejected(tables: RawTables) -> list[RejectedLine]:
    """Return the first few rejected lines of each file; what is not UTF-8 in them is replaced."""
    found = tables.warehouse.client.query(
        f"""
        select file, line_number, reason, toValidUTF8(line) as line
        from {tables.staged("rejected_lines")}
        order by file, line_number
        limit {SHOWN_LINES} by file
        """
    )
    return [RejectedLine(*row) for row in found.result_rows]


def require_use(report: FileReport, rejected: list[RejectedLine]) -> None:
    """Refuse a file of which more lines were rejected than loaded: it is not what it seems."""
    if report.loaded > report.rejected:
        return
    examples = "".join(f"\n  {line}" for line in rejected if line.file == report.file)
    raise UserError(
        f"Only {report.loaded:,} of {report.lines:,} lines of {report.file} can be used:{examples}",
        f"Is it the release as published? {UNCHANGED}",
    )


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
    full = "Free some space; embedded, blocks also pass through TMPDIR."
    try:
        yield
    except OperationalError:
        raise
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        if error_code(error) in NO_SPACE_CODES:
            raise UserError(f"ClickHouse has no room left: {reason} {UNCHANGED}", full) from error
        raise UserError(f"ClickHouse refused a statement: {reason} {UNCHANGED}") from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise UserError(f"The disk is full: {error}. {UNCHANGED}", full) from error
