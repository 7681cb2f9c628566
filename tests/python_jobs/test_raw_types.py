"""Every column of the four raw tables in every type that a team's own may have.

The staging models' own SQL, as dbt compiles it, reads other tables in place of the sample's.
"""

import json
from datetime import datetime
from hashlib import sha256

import pytest

STAGING = "target/compiled/dataflix/models/staging/dataflix/stg_dataflix__{}.sql"
USUAL = {
    "users": {"user_id": 1, "email": "'a@b.c'", "country": "'NL'", "signed_up_at": "now()"},
    "movies": {
        "movie_id": 1,
        "title": "'Heat'",
        "genres": "'Crime'",
        "director": "''",
        "release_year": 1995,
        "duration_minutes": 170,
        "available_from": "now()",
        "available_until": "now()",
    },
    "ratings": {"user_id": 1, "movie_id": 1, "rating": 4, "rated_at": "now()"},
    "watched_movies": {"user_id": 1, "movie_id": 1, "watched_at": "now()"},
}
NUMBERS = (
    *("Int8", "UInt16", "Int32", "UInt64", "Float64", "Decimal(9, 2)", "String", "FixedString(2)"),
    *("Nullable(Int64)", "Nullable(Float32)", "Nullable(Decimal(9, 1))", "Nullable(String)"),
    *("LowCardinality(UInt32)", "LowCardinality(String)", "LowCardinality(Nullable(String))"),
)
WORDS = (
    *("String", "FixedString(2)", "Nullable(String)", "Enum8('NL' = 1)"),
    *("LowCardinality(String)", "LowCardinality(Nullable(String))", "Nullable(FixedString(2))"),
)
DAY, MOMENT = datetime(2023, 11, 14), datetime(2023, 11, 14, 22, 13, 20)
TIMES = {
    **dict.fromkeys(("Date", "Date32", "Nullable(Date)", "LowCardinality(Date)"), "'2023-11-14'"),
    **dict.fromkeys(("DateTime", "Nullable(DateTime)"), "'2023-11-14 22:13:20'"),
    **dict.fromkeys(("DateTime64(6)", "Nullable(DateTime64(3))"), "'2023-11-14 22:13:20'"),
    "LowCardinality(Nullable(DateTime))": "'2023-11-14 22:13:20'",
    "DateTime('Europe/Paris')": "'2023-11-14 23:13:20'",
    **dict.fromkeys(("UInt32", "Int64", "Nullable(Int64)", "Float64"), 1_700_000_000),
    **dict.fromkeys(("Decimal(18, 3)", "LowCardinality(Nullable(Int64))"), 1_700_000_000),
    **dict.fromkeys(("UInt64", "Nullable(UInt64)"), 1_700_000_000_000),
    **dict.fromkeys(("String", "LowCardinality(String)"), "'2023-11-14T22:13:20Z'"),
    **dict.fromkeys(("Nullable(String)", "LowCardinality(Nullable(String))"), "'1700000000'"),
}
"""A value of each type, 2023-11-14 22:13:20 in UTC or, where it is only a day, its midnight."""
COLUMNS = {
    ("users", "user_id"): (NUMBERS, 7),
    ("users", "email"): (WORDS, sha256(b"nl").hexdigest()),
    ("users", "country"): (WORDS, "NL"),
    ("users", "signed_up_at"): (TIMES, MOMENT),
    ("movies", "movie_id"): (NUMBERS, 7),
    ("movies", "title"): (WORDS, "NL"),
    ("movies", "genres"): (WORDS, ["NL"]),
    ("movies", "director"): (WORDS, "NL"),
    ("movies", "release_year"): (NUMBERS, 7),
    ("movies", "available_from"): (TIMES, MOMENT),
    ("movies", "available_until"): (TIMES, MOMENT),
    ("movies", "duration_minutes"): (NUMBERS, 7),
    ("ratings", "user_id"): (NUMBERS, 7),
    ("ratings", "movie_id"): (NUMBERS, 7),
    ("ratings", "rating"): (NUMBERS, 4),
    ("ratings", "rated_at"): (TIMES, MOMENT),
    ("watched_movies", "user_id"): (NUMBERS, 7),
    ("watched_movies", "movie_id"): (NUMBERS, 7),
    ("watched_movies", "watched_at"): (TIMES, MOMENT),
}
"""Of each column: the types, and what staging is to make of the value."""
TEXTS = ("email", "country", "title", "director")
NOTHING: dict[str, object] = {"rating": 0.0, "genres": []}
NOTHING |= dict.fromkeys(("signed_up_at", "rated_at", "watched_at"))
NOTHING |= dict.fromkeys(("available_from", "available_until"))
"""What staging makes of null in a column that holds no id, number or word."""


@pytest.fixture(scope="module")
def staged(warehouse):
    """Return what staging makes of a raw table: a dictionary for each row, and the types."""

    def run(table, rows):
        path = warehouse.project.directory / STAGING.format(table)
        sql = path.read_text().replace(f"`raw`.`{table}`", f"({rows})")
        found = warehouse.client.query(sql)
        types = [kind.name for kind in found.column_types]
        return [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows], types

    return run


def _value(column, kind):
    if kind in TIMES and column.endswith(("_at", "_from", "_until")):
        return TIMES[kind]
    if kind in NUMBERS and (column.endswith(("_id", "_year", "_minutes")) or column == "rating"):
        number = 4 if column == "rating" else 7
        return f"'{number}'" if "String" in kind else number
    return "'NL'"


def _rows(client, table, column, kind):
    """Return a query of a row with the value, and of one with null where the type has it."""
    client.command(f"create or replace table types.one (x {kind}) engine = Memory")
    nulls = ", (null)" if "Nullable" in kind else ""
    client.command(f"insert into types.one values ({_value(column, kind)}){nulls}")
    # Staging keeps one row of a user or a movie.
    numbered = {f"{table.removesuffix('s')}_id": "rowNumberInAllBlocks() + 1"}
    columns = {**USUAL[table], **numbered, column: "x"}
    named = ", ".join(f"{columns[name]} as {name}" for name in USUAL[table])
    return f"select {named} from types.one"


def _expected(table, column, kind):
    _, value = COLUMNS[table, column]
    if value is MOMENT and TIMES[kind] == "'2023-11-14'":
        value = DAY
    if "Nullable" not in kind:
        return [value]
    if (table, column) in {("users", "user_id"), ("movies", "movie_id")}:
        return [value]  # a row without its key is none
    return [value, NOTHING.get(column, "" if kind in WORDS and column in TEXTS else 0)]


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda name: name)
def test_a_column_is_read_in_any_plausible_type_and_staging_has_the_same_types(
    staged, warehouse, table, column
):
    usual = "select " + ", ".join(f"{sql} as {name}" for name, sql in USUAL[table].items())
    _, types = staged(table, usual)
    warehouse.client.command("create database if not exists types")
    warehouse.client.command("set allow_suspicious_low_cardinality_types = 1")
    for kind in COLUMNS[table, column][0]:
        rows, found = staged(table, _rows(warehouse.client, table, column, kind))
        assert found == types, kind
        staged_as = "email_hash" if column == "email" else column
        values = [row[staged_as] for row in rows]
        assert sorted(values, key=str) == sorted(_expected(table, column, kind), key=str), kind


@pytest.mark.parametrize("nothing", ["toDate(0)", "toDateTime(0)", "''", "'soon'", "toInt64(0)"])
def test_a_time_that_is_not_known_is_null_and_not_1970(staged, nothing):
    columns = {**USUAL["users"], "signed_up_at": nothing}
    named = ", ".join(f"{sql} as {name}" for name, sql in columns.items())
    ((user,), _) = staged("users", f"select {named}")
    assert user["signed_up_at"] is None


def test_no_unit_test_takes_its_types_from_a_raw_table(built_project):
    manifest = json.loads((built_project.directory / "target/manifest.json").read_text())
    raw = [
        (test["name"], given["format"])
        for test in manifest["unit_tests"].values()
        for given in test["given"]
        if given["input"].startswith("source('dataflix'")
    ]
    assert len(raw) > 5
    assert {form for _, form in raw} == {"sql"}
