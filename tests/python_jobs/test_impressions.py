"""Impressions in a team's own table, with odd types and odd rows: outcomes against a count by hand.

Movies have countries, so that what is popular is another list for each; of three publications the
second replaces the first after half a minute. Everything is random but the edges.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from tests.python_jobs.conftest import Project, rows_of

DAY = 86_400_000
NOW = round(datetime.now(UTC).timestamp()) * 1000
PUBLISHED = {"a": NOW - 30 * DAY, "b": NOW - 30 * DAY + 30_000, "c": NOW - 9 * DAY}
"""When which run was published, in milliseconds since 1970."""
USERS, TOP, UNKNOWN = range(1, 61), 6, 777_777
MOVIES = """
select movie_id from raw.movies where available_from is null and available_until is null
order by movie_id limit 40
"""
WINDOWS = (1, 7, 28)
BUILD = [
    *("dbt", "run", "--vars", "{impressions: lake.views, raw_countries: places}", "--select"),
    *("stg_dataflix__impressions", "stg_dataflix__movies", "int_recommendable_movies"),
    *("mart_users", "mart_user_movie_matrix", "int_movie_ratings", "int_followed_lists"),
    *("int_followed_hits", "int_outcomes_so_far+"),
]
# As true with the vars of a team.
UNIT_TESTS = ["dbt", "test", *BUILD[2:4], "--select", "int_followed_hits,test_type:unit"]
FOUND = "select run_id, rank, list_count, " + ", ".join(
    f"{what}_within_{days}_day{'s' if days > 1 else ''}"
    for days in WINDOWS
    for what in ("shown", "hits", "popular_hits")
)


def first_of(rows: list[tuple[Any, ...]]) -> dict[Any, int]:
    """Return the first time of each key; the time comes last."""
    first: dict[Any, int] = {}
    for *key, at in rows:
        first[tuple(key)] = min(at, first.get(tuple(key), at))
    return first


def planted(movies: list[int]) -> dict[str, Any]:
    """Return lists, watch events, impressions, and the countries of movies."""
    random = np.random.default_rng(3)
    lists = [
        (run_id, user, int(movie), rank)
        for run_id in PUBLISHED
        for user in USERS
        for rank, movie in enumerate(random.choice(movies, TOP, replace=False), start=1)
    ]
    ago = lambda: 1000 * int(random.integers(1, 40 * 86_400))  # noqa: E731
    seen = [(user, movie, NOW - ago()) for user in USERS for movie in movies]
    events = [event for event in seen if random.random() < 0.35]
    views: list[tuple[str, Any, int]] = []
    for run_id, user, movie, _ in lists:
        start = PUBLISHED[run_id]
        if random.random() < 0.6:
            # Whole seconds, as the sample's raw tables have them.
            late = random.choice([random.uniform(-2 * DAY, 12 * DAY), 0, -1000, DAY, 7 * DAY])
            at = start + int(late) // 1000 * 1000
            views += [(str(user), movie, at)] * int(random.integers(1, 3))
            if random.random() < 0.5:
                later = random.choice([random.uniform(-DAY, 2 * DAY), 0, -1000, DAY])
                events.append((user, movie, at + int(later) // 1000 * 1000))
    # A user nobody knows, ids that are none, and a showing without a time.
    views += [(str(UNKNOWN), 1, NOW - 1), ("x", 1, NOW - 1), ("7", "", NOW - 1), ("7", 1, 0)]
    return {
        "lists": lists,
        "events": [event for event in events if event[2] < NOW],
        "views": [view for view in views if view[2] < NOW],
        "places": {movie: ("", "NL", "DE|fr")[max(movie % 5 - 2, 0)] for movie in movies},
    }


@pytest.fixture(scope="module")
def world(trained_project: Project, tmp_path_factory: Any) -> dict[str, Any]:
    """Return what was planted, the countries of the users, and what the mart has."""
    project = trained_project.copy(tmp_path_factory.mktemp("impressions"))
    world = planted([movie for (movie,) in project.query(MOVIES)])
    for name in ("lists", "events", "views"):
        with (project.directory / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(world[name])
    movies, places = ([*each] for each in zip(*world["places"].items(), strict=True))
    columns = "run_id String, user_id UInt64, movie_id UInt64, rank UInt16"

    def csv_of(name: str, structure: str) -> str:
        return f"file('{project.directory / name}.csv', 'CSV', '{structure}')"

    world["commands"] = project.many(
        [
            *(
                ["execute", f"truncate table {name}"]
                for name in (
                    *("ml.recommendations", "ml.training_runs", "staging.int_followed_lists"),
                    *("raw.ratings", "raw.watched_movies"),
                )
            ),
            *(
                [
                    "execute",
                    "insert into ml.training_runs (run_id, published_at) "
                    f"select '{run_id}', fromUnixTimestamp64Milli({at}, 'UTC')",
                ]
                for run_id, at in PUBLISHED.items()
            ),
            [
                "execute",
                "insert into ml.recommendations (run_id, user_id, movie_id, rank) "
                f"select * from {csv_of('lists', columns)}",
            ],
            [
                "execute",
                "insert into raw.watched_movies select user_id, movie_id, "
                "fromUnixTimestamp64Milli(at, 'UTC') from "
                + csv_of("events", "user_id UInt64, movie_id UInt64, at Int64"),
            ],
            ["execute", "alter table raw.movies add column places String"],
            [
                "execute",
                f"alter table raw.movies update places = transform(movie_id, {movies}, {places}, "
                "'XX') where true settings mutations_sync = 1",
            ],
            ["execute", "create database lake"],
            [
                "execute",
                "create table lake.views (user_id LowCardinality(String), movie_id Nullable(Int32),"
                " shown_at Int64, shelf String default 'top') engine = MergeTree order by user_id",
            ],
            [
                "execute",
                "insert into lake.views (user_id, movie_id, shown_at) select * from "
                + csv_of("views", "user_id String, movie_id Nullable(Int32), at Int64"),
            ],
            UNIT_TESTS,
            BUILD,
            ["query", f"{FOUND} from analytics.mart_recommendation_outcomes order by all"],
            BUILD,
            ["query", f"{FOUND} from analytics.mart_recommendation_outcomes order by all"],
            ["query", "select user_id, country from analytics.mart_users"],
            ["query", "select count() from staging.stg_dataflix__impressions"],
        ]
    )
    for outcome in world["commands"]:
        assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-3000:]
    *_, found, _, again, users, staged = world["commands"]
    return world | {
        "found": rows_of(found),
        "again": rows_of(again),
        "country": dict(rows_of(users)),
        "staged": rows_of(staged),
    }


def counted_by_hand(world: dict[str, Any], run_id: str) -> dict[int, list[Any]]:
    """Count for each rank of a run what was shown and what was a hit, one user at a time."""
    start, first = PUBLISHED[run_id], first_of(world["events"])
    known_until = max(at for *_, at in world["events"])
    live = [at for at in PUBLISHED.values() if at > start]
    ends = min(live, default=NOW)
    views = [(int(u), m, at) for u, m, at in world["views"] if u.isdigit() and m]
    shown = first_of([view for view in views if start <= view[2] < ends])
    viewers: dict[int, int] = defaultdict(int)
    for (_, movie), at in first.items():
        viewers[movie] += at < start
    counts: dict[int, list[Any]] = defaultdict(lambda: [0] * 10)
    for name, user, movie, rank in world["lists"]:
        if name != run_id:
            continue
        country = world["country"][user]
        popular = [
            other
            for other in sorted(viewers, key=lambda each: (-viewers[each], each))
            if viewers[other]
            and first.get((user, other), start) >= start
            and (not world["places"][other] or country in world["places"][other].upper().split("|"))
        ]
        row = counts[rank]
        row[0] += 1
        at = shown.get((user, movie), 2**62)
        theirs = first.get((user, movie), -1)
        others = first.get((user, popular[rank - 1]), -1) if rank <= len(popular) else -1
        for place, days in enumerate(WINDOWS):
            end = start + days * DAY
            row[1 + 3 * place] += at < end
            row[2 + 3 * place] += at <= theirs < end
            row[3 + 3 * place] += at <= others < end
    for row in counts.values():
        for place, days in enumerate(WINDOWS):
            if known_until < start + days * DAY:
                row[1 + 3 * place : 4 + 3 * place] = [None] * 3
    return dict(counts)


@pytest.mark.parametrize("run_id", PUBLISHED)
def test_only_what_was_shown_counts_from_its_first_showing(world, run_id):
    found = {rank: figures for run, rank, *figures in world["found"] if run == run_id}
    expected = counted_by_hand(world, run_id)
    assert found == expected
    if run_id != "a":
        for figure in range(1, 7):
            assert sum(row[figure] for row in expected.values()) > 0
        assert expected[1][1] < expected[1][4] < expected[1][0]


def test_a_second_build_of_the_same_changes_nothing(world):
    assert world["again"] == world["found"]


def test_rows_without_a_time_are_no_impressions(world):
    assert world["staged"] == [[len(world["views"]) - 1]]
