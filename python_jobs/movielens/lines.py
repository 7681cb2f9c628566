"""From lines of text to rows: one SQL expression for each rule, whatever the release.

ClickHouse's CSV reader would stop at a broken line or skip it without a word. So the lines are sent
as they are, into a table that computes their fields and keeps nothing; one view on it carries the
good lines on as rows, another the others as rejected lines.
"""

from __future__ import annotations

from python_jobs.dbt.relation import Relation
from python_jobs.movielens.release import FileFormat
from python_jobs.movielens.tables import RawTables

DAY_SECONDS = 86_400
ID = "nullIf(toUInt64OrNull(fields[{}]), 0)"
VALUES = {
    "users": {"user_id": ID.format(1)},
    "movies": {
        "movie_id": ID.format(1),
        "title": "trimBoth(fields[2])",
        "genres": "if(fields[3] = '(no genres listed)', '', fields[3])",
        # At the end; a series may have its last year, or only a dash: (1975-1979), (2007-).
        "release_year": r"toUInt16OrZero(extract(title, '\\((\\d{4})(?:[-–]\\d{0,4})?\\)$'))",
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
# In ml-100k a 0 or 1 each at the end of the line; the first is for "unknown".
GENRE_FLAGS = """arrayStringConcat(arrayFilter(
    (genre, flag) -> genre != '' and flag = '1',
    splitByChar('|', '|Action|Adventure|Animation|Children''s|Comedy|Crime|Documentary|Drama'
        || '|Fantasy|Film-Noir|Horror|Musical|Mystery|Romance|Sci-Fi|Thriller|War|Western'),
    arrayResize(arraySlice(fields, 6), 19, '')
), '|')"""
# A comma and a field, as RFC 4180 has it: in quotes, with quotes inside doubled, or without any.
CSV_FIELD = r""",(?:"((?:[^"]|"")*)"|([^",]*))"""


def lay_views(tables: RawTables, file: FileFormat, target: str) -> Relation:
    """Return the relation to :func:`send` a file's lines to, with its two views laid.

    The good rows go to the staged table ``target``, the other lines to ``rejected_lines``.
    """
    create = tables.warehouse.client.command
    lines = tables.staged(f"{file.table}_lines")
    values = dict(VALUES[file.table])
    columns = ", ".join(values)
    if file.name == "u.item":
        values["genres"] = GENRE_FLAGS
    computed = ", ".join(f"{name} materialized {value}" for name, value in values.items())
    judged = "".join(
        f"{name} is null, '{reason}', " for name, reason in REASONS.items() if name in values
    )
    line, quoted, fields = (
        r"trimRight(as_sent, '\r')",
        "''",
        f"splitByString('{file.separator}', line)",
    )
    if file.latin1:
        line = f"if(isValidUTF8({line}), {line}, convertCharset({line}, 'ISO-8859-1', 'UTF-8'))"
    if file.separator == ",":
        # Both sides of an if are computed for every line: only on '' are these expressions fast.
        quoted = "if(position(line, '\"') > 0, concat(',', line), '')"
        parted = rf"replaceRegexpAll(quoted, '{CSV_FIELD}', '\x1f\\1\\2')"
        unquoted = rf"""splitByChar('\x1f', substring(replaceAll({parted}, '""', '"'), 2))"""
        fields = f"if(quoted = '', {fields}, {unquoted})"
    create(
        f"""
        create table {lines} (
            as_sent String,
            line_number UInt64
                default toUInt64OrZero(getSetting('log_comment')) + rowNumberInAllBlocks(),
            line String materialized {line},
            quoted String materialized {quoted},
            fields Array(String) materialized {fields},
            {computed},
            reason String materialized multiIf(
                line = '', 'empty line',
                not isValidUTF8(line), 'not UTF-8',
                quoted != '' and not match(quoted, '^(?:{CSV_FIELD})+$'), 'quotes do not match',
                length(fields) != {file.fields},
                concat('{file.fields} fields expected, ', toString(length(fields)), ' found'),
                {judged} ''
            )
        ) engine = Null
        """
    )
    for staged, what in (
        (target, f"{columns} from {lines} where reason = ''"),
        (
            "rejected_lines",
            f"'{file.name}' as file, line_number, reason, line from {lines} where reason != ''",
        ),
    ):
        view = tables.staged(f"{file.table}_to_{staged}")
        create(f"create materialized view {view} to {tables.staged(staged)} as select {what}")
    return lines


def send(tables: RawTables, lines: Relation, first_line: int, text: bytes) -> None:
    """Insert a block of lines; when this returns, they are in staging."""
    tables.warehouse.client.raw_insert(
        str(lines),
        ["as_sent"],
        text,
        fmt="LineAsString",
        # The first line's number, for which the format has no place.
        settings={"log_comment": str(first_line), "async_insert": 0},
    )
