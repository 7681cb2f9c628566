"""From lines of text to rows: one SQL expression for each rule, whatever the release.

ClickHouse's CSV reader would stop at a broken line or skip it without a word, so a block of the
file is sent as one string, and split and judged in SQL: every line becomes a row or a rejected
line with its number.
"""

from __future__ import annotations

from dataclasses import dataclass

from python_jobs.dbt.relation import Relation
from python_jobs.movielens.formats import FLAGGED_GENRES, FileFormat

DAY_SECONDS = 86_400

_HAS_QUOTES = "position(line, '\"') > 0"
# A comma and a field, as RFC 4180 has it: in quotes, with quotes inside doubled, or without any.
_CSV_FIELD = r""",(?:"((?:[^"]|"")*)"|([^",]*))"""
_UNIT_SEPARATOR = r"\x1f"
# At the end of a title; a series may have its last year, or only a dash: (1975-1979), (2007-).
_YEAR = r"'\\((\\d{4})(?:[-–]\\d{0,4})?\\)$'"


@dataclass(frozen=True)
class Rule:
    """What a column is made of, and when its line cannot be used."""

    column: str
    value: str
    """Nullable expression over ``fields``, an array of strings that counts from 1."""
    required: str = ""
    """Reason to reject the line where the value is null; empty where null is the default."""


def rules(file: FileFormat) -> list[Rule]:
    """Return the rules of a file's columns, in the order in which they are judged."""
    user = Rule("user_id", "nullIf(toUInt64OrNull(fields[1]), 0)", "user id is no number above 0")
    if file.table == "users":
        return [user]
    if file.table == "movies":
        return [
            Rule(
                "movie_id", "nullIf(toUInt64OrNull(fields[1]), 0)", "movie id is no number above 0"
            ),
            Rule("title", "trimBoth(fields[2])"),
            Rule("genres", _genres(file)),
            Rule("release_year", f"toUInt16OrNull(extract(trimBoth(fields[2]), {_YEAR}))"),
        ]
    rating = "toFloat32OrNull(fields[3])"
    seconds = "toInt64OrNull(fields[4])"
    in_range = f"{seconds} between 0 and toUnixTimestamp(now()) + {DAY_SECONDS}"
    return [
        user,
        Rule("movie_id", "nullIf(toUInt64OrNull(fields[2]), 0)", "movie id is no number above 0"),
        # Whether it is on the scale is dbt's to judge: there it is counted for every loader.
        Rule("rating", f"if(isFinite({rating}), {rating}, null)", "rating is no number"),
        Rule(
            "rated_at",
            f"if({in_range}, fromUnixTimestamp64Second(assumeNotNull({seconds}), 'UTC'), null)",
            "time is not in seconds between 1970 and now",
        ),
    ]


def parse(file: FileFormat, lines: Relation) -> str:
    """Return the query that turns blocks of lines into rows.

    Parameters
    ----------
    file
        How the lines are written.
    lines
        Relation with ``first_line`` and ``text``, one row per block.

    Returns
    -------
    str
        A select of ``line_number``, ``line``, ``reason`` (empty where the line is good) and the
        columns of :func:`rules`, at their defaults where the line is rejected.
    """
    judged = [
        f"{rule.column}_or_null is null, '{rule.required}',"
        for rule in rules(file)
        if rule.required
    ]
    values = [f"{rule.value} as {rule.column}_or_null," for rule in rules(file)]
    columns = [f"assumeNotNull({rule.column}_or_null) as {rule.column}," for rule in rules(file)]
    return f"""
with

numbered as (

    select
        first_line + position_in_block - 1 as line_number,
        trimRight(line_as_sent, '\\r') as line_in_file
    from (select first_line, splitByChar('\\n', text) as block from {lines})
    array join block as line_as_sent, arrayEnumerate(block) as position_in_block

),

decoded as (

    select line_number, {_decoded(file)} as line from numbered

),

split as (

    select line_number, line, {_split(file)} as fields from decoded

),

typed as (

    select
        {" ".join(values)}
        line_number,
        line,
        {_well_quoted(file)} as well_quoted,
        length(fields) as found
    from split

)

select
    {" ".join(columns)}
    line_number,
    line,
    multiIf(
        line = '', 'empty line',
        not isValidUTF8(line), 'not UTF-8',
        not well_quoted, 'quotes do not match',
        found != {file.fields},
        concat('{file.fields} fields expected, ', toString(found), ' found'),
        {" ".join(judged)}
        ''
    ) as reason
from typed
"""


def _decoded(file: FileFormat) -> str:
    if not file.latin1:
        return "line_in_file"
    converted = "convertCharset(line_in_file, 'ISO-8859-1', 'UTF-8')"
    return f"if(isValidUTF8(line_in_file), line_in_file, {converted})"


def _split(file: FileFormat) -> str:
    if len(file.separator) > 1:
        return f"splitByString('{file.separator}', line)"
    plain = f"splitByChar('{file.separator}', line)"
    if file.separator != ",":
        return plain
    # Few lines have quotes, so they may take long. Only string functions in here: ClickHouse
    # computes both branches for every line where it finds one on arrays.
    fields = f"replaceRegexpAll(concat(',', line), '{_CSV_FIELD}', '{_UNIT_SEPARATOR}\\\\1\\\\2')"
    unquoted = f"""substring(replaceAll({fields}, '""', '"'), 2)"""
    return f"if({_HAS_QUOTES}, splitByChar('{_UNIT_SEPARATOR}', {unquoted}), {plain})"


def _well_quoted(file: FileFormat) -> str:
    if file.separator != ",":
        return "true"
    return f"not {_HAS_QUOTES} or match(concat(',', line), '^(?:{_CSV_FIELD})+$')"


def _genres(file: FileFormat) -> str:
    if not file.genre_flags:
        return "if(fields[3] = '(no genres listed)', '', fields[3])"
    names = ", ".join("'" + name.replace("'", "\\'") + "'" for name in FLAGGED_GENRES)
    flags = f"arraySlice(fields, {file.fields - len(FLAGGED_GENRES) + 1})"
    # Slices of one length even where the line is cut short: it is rejected for that later.
    padded = f"arrayResize({flags}, {len(FLAGGED_GENRES)}, '')"
    chosen = f"arrayFilter((name, flag) -> name != '' and flag = '1', [{names}], {padded})"
    return f"arrayStringConcat({chosen}, '|')"
