"""The training mart after nights that rebuild only touched pairs, against one made in Python."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.python_jobs.conftest import Project, rows_of

DAY = 24 * 3600 * 1000
MART = """
select
    user_id, movie_id, reinterpretAsUInt32(interaction_score), rating, watch_count,
    toUnixTimestamp64Milli(first_interacted_at), toUnixTimestamp64Milli(last_interacted_at)
from analytics.mart_user_movie_matrix
order by user_id, movie_id
"""
STAMP = """
select comment, toUnixTimestamp64Milli(now64(3)), toString(uuid) from system.tables
where database = 'analytics' and name = 'mart_user_movie_matrix'
"""
TABLES = (
    "create database raw",
    "create table raw.users (user_id String, email String, country String, signed_up_at Date, "
    "_loaded_at DateTime) engine = MergeTree order by user_id",
    "create table raw.movies (movie_id UInt32, title String, genres String, director String, "
    "release_year UInt16, duration_minutes UInt16) engine = MergeTree order by movie_id",
    "create table raw.ratings (user_id Nullable(String), movie_id Int64, rating Nullable(Float64), "
    "rated_at Nullable(DateTime64(3, 'UTC')), _loaded_at Nullable(DateTime64(3, 'UTC'))) "
    "engine = MergeTree order by tuple()",
    "create table raw.watched_movies (user_id Nullable(String), movie_id Int64, "
    "watched_at Nullable(DateTime64(3, 'UTC')), _loaded_at Nullable(DateTime64(3, 'UTC'))) "
    "engine = MergeTree order by tuple()",
)
TOUCHED, WHOLE = "pairs touched since", "is built from all events, since"

Row = list[Any]


@dataclass(frozen=True)
class Event:
    """A raw row; ``rating`` is none for a watch event, ``at`` in milliseconds since 1970."""

    user: str | None
    movie: int
    rating: float | None
    at: int | None
    is_rating: bool


@dataclass
class Shop:
    """What the raw tables hold, and the statements that bring them there."""

    users: set[int] = field(default_factory=set)
    movies: set[int] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)

    def load(self, events: list[Event], loaded: datetime) -> list[list[str]]:
        """Return the statements that load events, all with one load time."""
        self.events += events
        stamp = f"'{loaded:%Y-%m-%d %H:%M:%S.%f}'"[:-4] + "'"
        statements = []
        for table, is_rating in (("ratings", True), ("watched_movies", False)):
            rows = [
                f"({_text(each.user)}, {each.movie}, "
                + (f"{'null' if each.rating is None else each.rating}, " if is_rating else "")
                + f"fromUnixTimestamp64Milli({each.at}), {stamp})".replace(
                    "fromUnixTimestamp64Milli(None)", "null"
                )
                for each in events
                if each.is_rating == is_rating
            ]
            if rows:
                statements.append(["execute", f"insert into raw.{table} values " + ", ".join(rows)])
        return statements

    def know(self, users: set[int], movies: set[int]) -> list[list[str]]:
        """Return the statements after which these users and movies are known, and no others."""
        self.users, self.movies = users, movies
        return [
            ["execute", "truncate table raw.users"],
            ["execute", "truncate table raw.movies"],
            *_inserts("users", [f"('{user}', '', '', '2020-01-01', now())" for user in users]),
            *_inserts("movies", [f"({movie}, 'M', '', '', 2000, 90)" for movie in movies]),
        ]

    def mart(self, now: int, rated: float = 1.0, watched: float = 1.0) -> list[Row]:
        """Return the mart's rows as the rules of docs/collaborative_filtering.md make them."""
        pairs: dict[tuple[int, int], list[Event]] = defaultdict(list)
        for each in self.events:
            known = each.user is not None and each.user.isdigit() and int(each.user) in self.users
            on_scale = not each.is_rating or (each.rating is not None and 0 < each.rating <= 5)
            if not known or each.movie not in self.movies or not on_scale or each.at is None:
                continue
            if 631152000000 <= each.at <= now + DAY:
                pairs[int(each.user or 0), each.movie].append(each)
        rows: list[Row] = []
        for (user, movie), events in sorted(pairs.items()):
            ratings = [(each.at or 0, each.rating or 0.0) for each in events if each.is_rating]
            rating = max(ratings)[1] if ratings else None
            watches = sum(not each.is_rating for each in events)
            times = [each.at or 0 for each in events]
            score = rated * (rating or 0) + watched * (watches > 0)
            if score > 0:
                (bits,) = struct.unpack("<I", struct.pack("<f", score))
                rows.append([user, movie, bits, rating, watches, min(times), max(times)])
        return rows


def _text(value: str | None) -> str:
    return "null" if value is None else f"'{value}'"


def _inserts(table: str, rows: list[str]) -> list[list[str]]:
    return [["execute", f"insert into raw.{table} values " + ", ".join(rows)]] if rows else []


def _stream(random: Random, start: int, count: int) -> list[Event]:
    """Return events of all kinds in any order: many of a pair, late, broken, in the future."""
    events = []
    for _ in range(count):
        user = random.choice([*map(str, range(1, 31)), None, "nobody", "0"])
        at = random.choice(
            [
                start - random.randrange(400) * DAY - random.randrange(DAY),
                start - random.randrange(3),
                *random.choices([None, 0, 500_000_000_000, start + 40 * DAY], k=1),
            ]
        )
        is_rating = random.random() < 0.6
        rating = random.choice([None, 0, -1, 7, *(half / 2 for half in range(1, 11))])
        events.append(
            Event(user, random.randrange(22), rating if is_rating else None, at, is_rating)
        )
    return events


def _night(*options: str, which: str = "", **variables: Any) -> list[list[str]]:
    told = json.dumps({"raw_loaded_at": "_loaded_at", **variables})
    run = ["dbt", "run", "--select", f"{which}mart_user_movie_matrix", "--vars", told, *options]
    return [run, ["query", MART], ["query", STAMP]]


ONE_BY_ONE = "settings max_block_size = 1"
"""ClickHouse sleeps three seconds a block at most."""


@pytest.fixture(scope="module")
def fresh(empty_project: Project, tmp_path_factory: Any) -> Project:
    """A shop without rows."""
    project = empty_project.copy(tmp_path_factory.mktemp("nightly"))
    project.execute(*TABLES)
    return project


def test_nights_leave_the_rows_of_a_full_build(fresh: Project) -> None:
    random, shop = Random(13), Shop()
    begin = datetime.now(UTC).replace(microsecond=123000)
    now = round(begin.timestamp() * 1000)
    stream = _stream(random, now, 1500)
    # In the future today, and not any more some seconds later.
    later = now + DAY + 15_000
    soon = Event("3", 7, 4.5, later, True)
    everyone, everything = set(range(1, 29)), set(range(1, 20))
    nights = [
        (everyone - {4, 5}, everything - {3}, [*stream[:700], soon]),
        (everyone - {4, 5}, everything - {3}, stream[700:760]),
        # Known since, with the events that came before; and no longer known.
        (everyone - {6}, everything, []),
        (everyone - {6, 7}, everything - {8, 9}, stream[760:900]),
        (everyone | {29}, everything, stream[900:905]),
        (everyone | {29}, everything, []),
    ]
    commands, expected = [], []
    for number, (users, movies, events) in enumerate(nights):
        loaded = begin - timedelta(days=30 - number)
        commands += shop.know(users, movies) + shop.load(events, loaded)
        if number == len(nights) - 1:
            until = f"toUInt64(greatest(0, {later - DAY + 999} / 1000 - toUnixTimestamp(now())))"
            commands.append(["query", f"select sleepEachRow(1) from numbers({until}) {ONE_BY_ONE}"])
        commands += _night(which="" if number else "+")
        expected.append(Shop(set(users), set(movies), list(shop.events)))
    done = fresh.many(commands)
    assert not [each for each in done if each.returncode], [each.stdout for each in done][-1]
    ran = [place for place, command in enumerate(commands) if command[0] == "dbt"]
    tables = set()
    for number, place in enumerate(ran):
        told, rows, ((comment, after, uuid),) = (
            done[place].stdout,
            rows_of(done[place + 1]),
            rows_of(done[place + 2]),
        )
        as_of = json.loads(comment)["night"]["events"]["ratings"]["as_of"]
        assert rows in (expected[number].mart(as_of), expected[number].mart(after)), number
        assert (TOUCHED in told) == (number > 0), told
        assert WHOLE not in told
        tables.add(uuid)
    assert len(rows) > 200
    # One table in the place of the other, and never rows taken out of one that is read.
    assert len(tables) == len(nights)
    assert [3, 7] in [row[:2] for row in rows if row[6] == later]


def test_what_is_more_than_new_rows_rebuilds_the_mart_and_says_why(
    empty_project: Project, tmp_path: Any
) -> None:
    project, random, shop = empty_project.copy(tmp_path / "project"), Random(7), Shop()
    begin = datetime.now(UTC)
    stream = _stream(random, round(begin.timestamp() * 1000) - DAY, 400)
    commands = [["execute", statement] for statement in TABLES]
    commands += shop.know(set(range(1, 31)), set(range(1, 20)))
    commands += shop.load(stream[:300], begin - timedelta(days=9))
    expected: list[tuple[str, Shop, dict[str, float]]] = []

    def night(why: str, *options: str, **variables: Any) -> None:
        nonlocal commands
        commands += _night(*options, which="" if expected else "+", **variables)
        weights = {"rated": variables.get("rating_weight", 1.0)}
        expected.append((why, replace(shop, events=list(shop.events)), weights))

    night("")
    edit = "alter table raw.ratings update rating = 1.5 where rating = 4"
    edit += " settings mutations_sync = 2"
    commands.append(["execute", edit])
    shop.events = [replace(each, rating=1.5) if each.rating == 4 else each for each in shop.events]
    night("rows of raw.ratings have changed since the last build")
    commands.append(["execute", "delete from raw.watched_movies where movie_id = 3"])
    kept = [each for each in shop.events if each.is_rating or each.movie != 3]
    night_gone = len(shop.events) - len(kept)
    shop.events = kept
    night(f"rows have gone from raw.watched_movies since the last build: {night_gone}")
    commands += shop.load(stream[300:340], begin - timedelta(days=20))
    late = sum(each.is_rating for each in stream[300:340])
    night(
        "rows with a load time before the last build have come into raw.ratings since: " + str(late)
    )
    night("its SQL, a view that it reads or a var has changed", rating_weight=2.5)
    commands.append(["execute", "delete from analytics.mart_user_movie_matrix where user_id = 9"])
    night("its own rows have changed since the last build", rating_weight=2.5)
    night("", "--full-refresh", rating_weight=2.5)
    # The same rows in another order, in another table: nothing has changed.
    copy = "create or replace table raw.ratings engine = MergeTree order by movie_id as "
    commands.append(["execute", copy + "select * from raw.ratings"])
    night(TOUCHED, rating_weight=2.5)
    undated = "insert into raw.ratings values ('1', 1, 3.5, '2024-01-01 00:00:00', null)"
    commands.append(["execute", undated])
    shop.events.append(Event("1", 1, 3.5, 1704067200000, True))
    night("raw.ratings has rows without a load time: 1", rating_weight=2.5)
    night("it does not say yet what it was built from", rating_weight=2.5)
    night("", rating_weight=2.5, raw_loaded_at=None)

    done = project.many(commands)
    assert not [each for each in done if each.returncode], [each.stdout for each in done]
    ran = [place for place, command in enumerate(commands) if command[0] == "dbt"]
    for place, (why, state, weights) in zip(ran, expected, strict=True):
        told = done[place].stdout
        ((comment, now, _),) = rows_of(done[place + 2])
        assert rows_of(done[place + 1]) == state.mart(now, **weights), why
        assert ("night" in json.loads(comment)) == (
            "load time: 1" not in why and "does not say" not in why and place != ran[-1]
        ), why
        assert why in told
        assert (WHOLE in told) == (why not in ("", TOUCHED)), told
        assert (TOUCHED in told) == (why == TOUCHED), told
