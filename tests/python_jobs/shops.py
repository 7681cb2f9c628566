"""A shop whose raw tables grow, and its training mart as the rules make it, in Python."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
# The load time is called as ClickHouse calls a piece of a table: any name will do.
TABLES = (
    "create database raw",
    "create table raw.users (user_id String, email String, country String, signed_up_at Date, "
    "part DateTime) engine = MergeTree order by user_id",
    "create table raw.movies (movie_id UInt32, title String, genres String, director String, "
    "release_year UInt16, duration_minutes UInt16) engine = MergeTree order by movie_id",
    "create table raw.ratings (user_id Nullable(String), movie_id Int64, rating Nullable(Float64), "
    "rated_at Nullable(DateTime64(3, 'UTC')), part Nullable(DateTime64(3, 'UTC'))) "
    "engine = MergeTree order by tuple()",
    "create table raw.watched_movies (user_id Nullable(String), movie_id Int64, "
    "watched_at Nullable(DateTime64(3, 'UTC')), part Nullable(DateTime64(3, 'UTC'))) "
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


def night_of(*options: str, which: str = "", **variables: Any) -> list[list[str]]:
    told = json.dumps({"raw_loaded_at": "part", **variables})
    run = ["dbt", "run", "--select", f"{which}mart_user_movie_matrix", "--vars", told, *options]
    return [run, ["query", MART], ["query", STAMP]]
