"""From lines of text to rows: one SQL expression for each rule, whatever the release.

ClickHouse's CSV reader would stop at a broken line or skip it without a word. So the lines are sent
as they are, into a table that computes their fields and keeps nothing; one view on it carries the
good lines on as rows, another the others as rejected lines.
"""

from __future__ import annotations

from python_jobs.movielens.release import FileFormat
from python_jobs.movielens.tables import COLUMNS, RawTables

DAY_SECONDS = 86_400
GENRES = (
    "|Action|Adventure|Animation|Children''s|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|"
    "Horror|Musical|Mystery|Romance|Sci-Fi|Thriller|War|Western"
)
"""Names of the flags that end a line of ml-100k's ``u.item``; the first, "unknown", is none."""
# Slices of one length even where the line is cut short: it is rejected for that later.
FLAGGED = (
    "arrayStringConcat(arrayFilter((name, flag) -> name != '' and flag = '1', "
    f"splitByChar('|', '{GENRES}'), arrayResize(arraySlice(fields, 6), 19, '')), '|')"
)
ID = "nullIf(toUInt64OrNull(fields[{}]), 0)"
VALUES = {
    "users": {"user_id": ID.format(1)},
    "movies": {
        "movie_id": ID.format(1),
        "title": "trimBoth(fields[2])",
        "genres": "if(fields[3] = '(no genres listed)', '', fields[3])",
        # At the end; a series may have its last year, or only a dash: (1975-1979), (2007-).
        "release_year": "toUInt16OrZero(extract(title, '\\\\((\\\\d{4})(?:[-–]\\\\d{0,4})?\\\\)$'))",
    },
    "ratings": {
        "user_id": ID.format(1),
        "movie_id": ID.format(2),
        # Whether it is on the scale is dbt's to judge: there it is counted for every loader.
        "rating": "if(isFinite(toFloat32OrNull(fields[3]) as number), number, null)",
        "rated_at": "if((toInt64OrNull(fields[4]) as seconds) between 0 and toUnixTimestamp(now()) "
        f"+ {DAY_SECONDS}, fromUnixTimestamp64Second(assumeNotNull(seconds), 'UTC'), null)",
    },
}
"""Expression for each column over ``fields``, an array of strings that counts from 1."""
REASONS = {
    "user_id": "user id is no number above 0",
    "movie_id": "movie id is no number above 0",
    "rating": "rating is no number",
    "rated_at": "time is not in seconds between 1970 and now",
}
"""Why a line is rejected where a column's expression is null, in the order of judging."""
# A comma and a field, as RFC 4180 has it: in quotes, with quotes inside doubled, or without any.
CSV_FIELD = r""",(?:"((?:[^"]|"")*)"|([^",]*))"""


def lay_views(tables: RawTables, file: FileFormat, target: str) -> str:
    """Make a file's table of lines and the two views on it, all of which end with the staging.

    Parameters
    ----------
    tables
        Where the staging tables are.
    file
        How the lines are written.
    target
        Staged table for the good rows; the others go to the staged ``rejected_lines``.

    Returns
    -------
    str
        The relation to :func:`send` to.
    """
    command = tables.warehouse.client.command
    lines = tables.staged(f"{file.table}_lines")
    values, columns = dict(VALUES[file.table]), ", ".join(VALUES[file.table])
    if file.genre_flags:
        values["genres"] = FLAGGED
    computed = ", ".join(f"{name} materialized {value}" for name, value in values.items())
    judged = " ".join(
        f"{name} is null, '{reason}'," for name, reason in REASONS.items() if name in values
    )
    command(
        f"""
        create table {lines} (
            as_sent String,
            line_number UInt64
                default toUInt64OrZero(getSetting('log_comment')) + rowNumberInAllBlocks(),
            line String materialized {_decoded(file)},
            fields Array(String) materialized {_split(file)},
            {computed},
            reason String materialized multiIf(
                line = '', 'empty line',
                not isValidUTF8(line), 'not UTF-8',
                {_badly_quoted(file)}, 'quotes do not match',
                length(fields) != {file.fields},
                concat('{file.fields} fields expected, ', toString(length(fields)), ' found'),
                {judged}
                ''
            )
        ) engine = Null
        """
    )
    command(
        f"create materialized view {tables.staged(f'{file.table}_rows')} to {tables.staged(target)} "
        f"as select {columns} from {lines} where reason = ''"
    )
    command(
        f"create materialized view {tables.staged(f'{file.table}_rejected')} "
        f"to {tables.staged('rejected_lines')} "
        f"as select '{file.name}' as file, line_number, reason, line from {lines} where reason != ''"
    )
    return lines


def send(tables: RawTables, lines: str, first_line: int, text: bytes) -> None:
    """Insert a block of lines; when this returns, they are in staging."""
    tables.warehouse.client.raw_insert(
        lines,
        ["as_sent"],
        text,
        # The way for the first line's number beside a format that has none; and a queue of
        # inserts could let the next block pass.
        settings={"log_comment": str(first_line), "async_insert": 0},
        fmt="LineAsString",
    )


def _decoded(file: FileFormat) -> str:
    line = "trimRight(as_sent, '\\r')"
    if not file.latin1:
        return line
    return f"if(isValidUTF8({line}), {line}, convertCharset({line}, 'ISO-8859-1', 'UTF-8'))"


def _split(file: FileFormat) -> str:
    plain = f"splitByString('{file.separator}', line)"
    if file.separator != ",":
        return plain
    # Few lines have quotes, so they may take long. Only string functions in here: ClickHouse
    # computes both branches for every line where it finds one on arrays.
    parted = f"replaceRegexpAll(concat(',', line), '{CSV_FIELD}', '\\x1f\\\\1\\\\2')"
    unquoted = f"""substring(replaceAll({parted}, '""', '"'), 2)"""
    return f"if(position(line, '\"') > 0, splitByChar('\\x1f', {unquoted}), {plain})"


def _badly_quoted(file: FileFormat) -> str:
    if file.separator != ",":
        return "false"
    return f"position(line, '\"') > 0 and not match(concat(',', line), '^(?:{CSV_FIELD})+$')"
