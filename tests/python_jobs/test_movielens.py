"""What becomes of a release: the raw tables, the rejected lines, and what was there before."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from python_jobs.commands.load_movielens import show_load
from python_jobs.errors import UserError
from python_jobs.movielens import loading
from python_jobs.movielens.loading import load
from python_jobs.movielens.release import Release
from python_jobs.movielens.tables import COLUMNS, SORT_KEYS, swap
from python_jobs.progress import Phases
from tests.python_jobs.loader import warehouse_of
from tests.python_jobs.movielens_files import (
    FAMILIES,
    MOVIES,
    RATINGS,
    YEARS,
    nested,
    write_1m,
    write_csv,
    zipped,
)

PLACES = {
    "directory": lambda directory, path: directory,
    "one folder down": nested,
    "zip": lambda directory, path: zipped(directory, path.with_suffix(".zip")),
}


def utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)  # as the driver has it


class Raw:
    """A raw database of the test's own, in the session's ClickHouse."""

    def __init__(self, client, database: str) -> None:
        self.client, self.database = client, database
        self.warehouse = warehouse_of(client, database)

    def load(self, path, block_bytes: int = 1 << 20):
        return load(self.warehouse, Release(path), Phases(), block_bytes=block_bytes)

    def rows(self, table: str, columns: str = "*") -> list[tuple]:
        query = f"select {columns} from {self.database}.{table} order by all"
        return list(self.client.query(query).result_rows)

    @property
    def tables(self) -> set[str]:
        return {
            name for (name,) in self.client.query(f"show tables from {self.database}").result_rows
        }

    def everything(self) -> dict[str, list[tuple]]:
        return {table: self.rows(table) for table in sorted(self.tables)}


@pytest.fixture
def raw(warehouse):
    database = f"raw_{uuid4().hex[:8]}"
    yield Raw(warehouse.client, database)
    warehouse.client.command(f"drop database if exists {database} sync")


@pytest.fixture
def release(tmp_path):
    directory = tmp_path / "release"
    directory.mkdir()
    return directory


@pytest.fixture
def loaded(raw, tmp_path):
    """A raw database with a release in it."""
    directory = tmp_path / "before"
    directory.mkdir()
    write_csv(directory)
    raw.load(directory)
    return raw


def test_the_tables_are_those_of_the_seeds(warehouse):
    query = "select name, type from system.columns where database = 'raw' and table = {t:String}"
    key = "select sorting_key from system.tables where database = 'raw' and name = {t:String}"
    for table in ("users", "movies", "ratings", "watched_movies"):
        seeded = warehouse.client.query(query, parameters={"t": table}).result_rows
        assert dict(seeded) == COLUMNS[table]
        seeded_key = warehouse.client.command(key, parameters={"t": table})
        assert seeded_key.strip("()") == SORT_KEYS[table].strip("()")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_release_becomes_the_same_tables(raw, release, tmp_path, family, place):
    FAMILIES[family](release)
    report = raw.load(PLACES[place](release, tmp_path / "moved"))
    assert raw.rows("movies") == [
        (movie_id, title, "|".join(genres), "", year, 0, None, None)
        for (movie_id, title, genres), year in zip(MOVIES, YEARS, strict=True)
    ]
    assert raw.rows("ratings") == [
        (user, movie, rating, utc(seconds)) for user, movie, rating, seconds in RATINGS
    ]
    first = {1: 964981247, 2: 847117005, 3: 1260759144}
    assert raw.rows("users") == [(user, "", "", "", "", utc(at)) for user, at in first.items()]
    assert raw.rows("watched_movies") == raw.rows("rejected_lines") == []
    assert raw.tables == set(COLUMNS)
    assert [file.rejected for file in report.files] == [0] * len(report.files)
    assert report.rows[f"{raw.database}.ratings"] == len(RATINGS)


def test_a_table_of_an_earlier_release_is_replaced(loaded, release):
    """It has no columns that say what may be shown."""
    write_csv(release)
    movies = f"{loaded.database}.movies"
    for column in ("available_from", "available_until"):
        loaded.client.command(f"alter table {movies} drop column {column}")
    loaded.load(release)
    assert loaded.rows("movies", "any(available_from), count()") == [(None, len(MOVIES))]


def test_half_stars_and_large_ids_stay(raw, release):
    ratings = [(2**32 + 1, 2**63 + 1, 0.5, 0), (2, 1, 4.5, 847117005)]
    write_csv(release, ratings=ratings)
    raw.load(release)
    assert sorted(raw.rows("ratings", "user_id, movie_id, rating, toInt64(rated_at)")) == sorted(
        ratings
    )


def test_what_was_there_is_replaced(loaded, release):
    client, database = loaded.client, loaded.database
    client.command(f"insert into {database}.watched_movies values (1, 1, now())")
    client.command(f"insert into {database}.users (user_id) values (77)")
    write_csv(release, ratings=RATINGS[:2])
    loaded.load(release)
    assert loaded.rows("watched_movies") == []
    assert loaded.rows("users", "user_id") == [(1,)]
    assert len(loaded.rows("ratings")) == 2


BROKEN_RATINGS = (
    (b"1,1,4.0", "4 fields expected, 3 found"),
    (b"1,1,4.0,964982703,5", "4 fields expected, 5 found"),
    (b"one,1,4.0,964982703", "user id is no number above 0"),
    (b"-1,1,4.0,964982703", "user id is no number above 0"),
    (b"18446744073709551616,1,4.0,964982703", "user id is no number above 0"),
    (b"1,0,4.0,964982703", "movie id is no number above 0"),
    (b"1,,4.0,964982703", "movie id is no number above 0"),
    (b"1,1,good,964982703", "rating is no number"),
    (b"1,1,nan,964982703", "rating is no number"),
    (b"1,1,1e99,964982703", "rating is no number"),
    (b"1,1,4.0,2000-07-30", "time is not in seconds between 1970 and now"),
    (b"1,1,4.0,-1", "time is not in seconds between 1970 and now"),
    (b"1,1,4.0,964982703000", "time is not in seconds between 1970 and now"),
    (b"1,1,4.0,99999999999999999999", "time is not in seconds between 1970 and now"),
    (b'1,1,"4.0,964982703', "quotes do not match"),
    (b"\xff\xfe1,1,4.0,964982703", "not UTF-8"),
    (b"", "empty line"),
    (b"\0\0\0", "4 fields expected, 1 found"),
)


# One block, blocks of a line or two, and blocks whose ends fall anywhere.
@pytest.mark.parametrize("block_bytes", [1 << 20, 1, 50])
def test_rejected_lines_are_kept_with_their_numbers_and_reasons(raw, release, block_bytes):
    write_csv(release)
    good = [f"{user},7,3.5,964982703".encode() for user in range(1, len(BROKEN_RATINGS) + 2)]
    mixed = [b"userId,movieId,rating,timestamp", good[0]]
    for (broken, _), line in zip(BROKEN_RATINGS, good[1:], strict=True):
        mixed += [broken, line]
    # Without a line end, as a file that was cut off.
    (release / "ratings.csv").write_bytes(b"\n".join(mixed))
    report = raw.load(release, block_bytes)
    assert raw.rows("ratings", "user_id") == [(user,) for user in range(1, len(good) + 1)]
    rejected = raw.client.query(
        f"select line_number, reason, hex(line) from {raw.database}.rejected_lines "
        "where file = 'ratings.csv' order by line_number"
    ).result_rows
    assert list(rejected) == [
        (3 + 2 * position, reason, line.hex().upper())
        for position, (line, reason) in enumerate(BROKEN_RATINGS)
    ]
    _, ratings = report.files
    assert (ratings.lines, ratings.loaded) == (len(mixed) - 1, len(good))
    assert [line.line_number for line in ratings.first_rejected] == [3, 5, 7, 9, 11]


def test_broken_movies_are_rejected_in_every_family(raw, release):
    write_1m(release)
    with (release / "movies.dat").open("ab") as file:
        file.write(b"7::Too::Many (1999)::Drama\nseven::Se7en (1995)::Crime\n8::No genres (1999)\n")
        # Latin-1 is what a line is that is not UTF-8.
        file.write("9::Amélie (2001)::Romance\n".encode())
    raw.load(release)
    assert raw.rows("rejected_lines", "file, line_number, reason") == [
        ("movies.dat", 7, "3 fields expected, 4 found"),
        ("movies.dat", 8, "movie id is no number above 0"),
        ("movies.dat", 9, "3 fields expected, 2 found"),
    ]
    titles = [title for (title,) in raw.rows("movies", "title")]
    assert {"Misérables, Les (1995)", "Amélie (2001)"} <= set(titles)


def test_latin1_in_a_csv_release_is_rejected(raw, release):
    write_csv(release)
    path = release / "movies.csv"
    path.write_bytes(path.read_text("utf-8").encode("latin-1"))
    report = raw.load(release)
    (line,) = report.files[0].first_rejected
    assert (line.file, line.line_number, line.reason) == ("movies.csv", 5, "not UTF-8")
    assert "Mis�rables" in line.line
    assert len(raw.rows("movies")) == len(MOVIES) - 1


printable = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Zs")))


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(titles=st.lists(printable | st.text('",(19)x'), min_size=1, max_size=50))
def test_any_title_that_csv_can_write_is_read_back(raw, release, titles):
    write_csv(release, movies=[(number, title, ()) for number, title in enumerate(titles, 1)])
    raw.load(release, block_bytes=200)
    assert raw.rows("movies", "movie_id, title") == list(enumerate(titles, 1))


def spoil(name: str, content: bytes):
    def apply(directory):
        (directory / name).write_bytes(content)

    return apply


SPOILED = {
    "ratings missing": (lambda d: (d / "ratings.csv").unlink(), "ratings.csv is missing"),
    "movies missing": (lambda d: (d / "movies.csv").unlink(), "movies.csv is missing"),
    "two releases": (write_1m, "more than one release"),
    "no release": (lambda d: [p.unlink() for p in d.iterdir()], "No MovieLens release"),
    "empty": (spoil("ratings.csv", b""), "first line of ratings.csv"),
    "header alone": (
        spoil("ratings.csv", b"userId,movieId,rating,timestamp\n"),
        "ratings.csv is empty",
    ),
    "no header": (spoil("ratings.csv", b"1,1,4.0,964982703\n"), "first line of ratings.csv"),
    "UTF-16": (
        spoil("movies.csv", "movieId,title,genres\n1,A (1999),Drama\n".encode("utf-16")),
        "first line of movies.csv",
    ),
    "no text": (
        spoil("ratings.csv", b"userId,movieId,rating,timestamp\n" + bytes(3 << 20)),
        "no line end",
    ),
    "hardly any line of use": (
        spoil("ratings.csv", b"userId,movieId,rating,timestamp\n1,1,4.0,1\n" + b"a;b;c;d\n" * 9),
        "Only 1 of 10 lines of ratings.csv",
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_release_that_cannot_be_used_changes_nothing(loaded, release, what):
    before = loaded.everything()
    write_csv(release, ratings=RATINGS[:1])
    change, message = SPOILED[what]
    change(release)
    with pytest.raises(UserError, match=message):
        loaded.load(release)
    assert loaded.everything() == before


def test_a_zip_that_is_damaged_changes_nothing(loaded, release, tmp_path):
    before = loaded.everything()
    write_csv(release, ratings=[(user, 1, 4, user) for user in range(1, 10_000)])
    whole = zipped(release, tmp_path / "whole.zip").read_bytes()
    # Well inside the ratings, which are the last but one entry.
    place = whole.index(b"__MACOSX") - 1000
    flipped = bytes([whole[place] ^ 255])
    damaged = {
        "cut.zip": whole[: len(whole) // 2],
        "flipped.zip": whole[:place] + flipped + whole[place + 1 :],
        "text.zip": b"not a zip",
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=r"damaged|neither a directory nor a whole zip"):
            loaded.load(tmp_path / name, block_bytes=50_000)
        assert loaded.everything() == before


def test_a_path_that_is_not_there_is_named(loaded, tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist"):
        loaded.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "own",
    [
        "view {}.ratings as select 1 as user_id",
        "table {}.ratings (user_id UInt64, secret String) engine = MergeTree order by user_id",
        "table {}.rejected_lines (x String) engine = Memory",
    ],
)
def test_a_teams_own_tables_are_not_replaced(raw, release, own):
    raw.client.command(f"create database {raw.database}")
    raw.client.command(f"create {own.format(raw.database)}")
    before = raw.everything()
    write_csv(release)
    with pytest.raises(UserError, match="would be lost"):
        raw.load(release)
    assert raw.everything() == before


def test_an_error_halfway_through_the_swap_is_undone(loaded, release, monkeypatch):
    before = loaded.everything()

    def swap_without_ratings(tables):
        loaded.client.command(f"drop table {tables.staged('ratings')} sync")
        swap(tables)

    monkeypatch.setattr(loading, "swap", swap_without_ratings)
    write_csv(release, movies=MOVIES[:2], ratings=RATINGS[:1])
    with pytest.raises(UserError, match=r"ratings__loading.*Nothing was replaced"):
        loaded.load(release)
    assert loaded.everything() == before


def test_an_interrupt_leaves_the_old_tables_and_nothing_else(loaded, release, monkeypatch):
    before = loaded.everything()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "make_users", interrupt)
    write_csv(release, movies=MOVIES[:2], ratings=RATINGS[:1])
    with pytest.raises(KeyboardInterrupt):
        loaded.load(release)
    assert loaded.everything() == before


def test_lines_are_numbered_through_whatever_clickhouse_takes_at_once(raw, release):
    # More lines than ClickHouse takes at once.
    write_csv(release)
    with (release / "ratings.csv").open("ab") as file:
        file.write(b"1,1,4.0,964982703\n" * 2_100_000)
        file.write(b"\n" * 1_500_000 + b"x\n")
    (_, ratings) = raw.load(release, 1 << 28).files
    assert ratings.rejected == 1_500_001
    assert raw.rows("rejected_lines", "max(line_number), uniqExact(line_number)") == [
        (3_600_008, 1_500_001)
    ]


def test_the_report_says_what_happened_and_what_is_next(raw, release, capsys):
    write_csv(release)
    with (release / "ratings.csv").open("a") as file:
        file.write("x,1,4.0,964982703\n")
    show_load(raw.load(release))
    shown = capsys.readouterr().out
    assert "ratings.csv, line 8: user id is no number above 0: 'x,1,4.0,964982703'" in shown
    assert f"{raw.database}.rejected_lines" in shown
    assert "dbt build" in shown
    assert "python_jobs train" in shown
