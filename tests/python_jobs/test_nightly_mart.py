"""The training mart after nights that rebuild only touched pairs, against one made in Python."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.python_jobs.conftest import Project, rows_of
from tests.python_jobs.shops import DAY, TABLES, TOUCHED, WHOLE, Event, Shop, night_of


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
        commands += night_of(which="" if number else "+")
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
        as_of = json.loads(comment)["night"]["as_of"]
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
        commands += night_of(*options, which="" if expected else "+", **variables)
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
    # Rows of before and after in one part; and no parts at all.
    seen = {"raw_ratings": "seen"}
    commands += shop.load(stream[340:360], begin - timedelta(days=8))
    commands.append(["execute", "optimize table raw.ratings final"])
    night(TOUCHED, rating_weight=2.5)
    commands.append(["execute", "create view raw.seen as select * from raw.ratings"])
    night("it reads other tables or views than", rating_weight=2.5, **seen)
    everything = ("--select", "+mart_user_movie_matrix")
    night("it does not say yet", *everything, rating_weight=2.5, **seen)
    commands += shop.load(stream[360:380], begin - timedelta(days=7))
    night(TOUCHED, rating_weight=2.5, **seen)
    commands += shop.know({*range(1, 31), 99}, set(range(1, 15_000)))
    at = round(begin.timestamp() * 1000) - 9 * DAY
    many = [Event("99", movie, 3.0, at, True) for movie in range(1, 15_000)]
    commands += shop.load(many, begin - timedelta(days=6))
    night("more than a quarter of its pairs are touched", rating_weight=2.5, **seen)
    for day in (5, 4):
        at += DAY
        again = [Event("99", movie, 3.5, at, True) for movie in range(1, 9_000)]
        commands += shop.load(again, begin - timedelta(days=day))
        night(TOUCHED, rating_weight=2.5, **seen)
    night("a sixth of its rows on disk are old ones", rating_weight=2.5, **seen)
    undated = "insert into raw.ratings values ('1', 1, 3.5, '2024-01-01 00:00:00', null)"
    commands.append(["execute", undated])
    shop.events.append(Event("1", 1, 3.5, 1704067200000, True))
    night("raw.seen has rows without a load time: 1", rating_weight=2.5, **seen)
    night("raw.seen has rows without a load time: 1", rating_weight=2.5, **seen)
    night("", rating_weight=2.5, raw_loaded_at=None)

    done = project.many(commands)
    assert not [each for each in done if each.returncode], [each.stdout for each in done]
    ran = [place for place, command in enumerate(commands) if command[0] == "dbt"]
    for place, (why, state, weights) in zip(ran, expected, strict=True):
        told = done[place].stdout
        ((comment, now, _),) = rows_of(done[place + 2])
        assert rows_of(done[place + 1]) == state.mart(now, **weights), why
        assert ("night" in json.loads(comment)) == (
            not why.endswith(("a load time: 1", "views than")) and place != ran[-1]
        ), why
        assert why in told, (why, told)
        assert (WHOLE in told) == (why not in ("", TOUCHED)), told
        assert (TOUCHED in told) == (why == TOUCHED), (place, told)


def test_a_mart_of_a_release_without_its_index_is_built_again_once(
    empty_project: Project, tmp_path: Any
) -> None:
    project, random, shop = empty_project.copy(tmp_path / "project"), Random(3), Shop()
    begin = datetime.now(UTC)
    stream = _stream(random, round(begin.timestamp() * 1000) - DAY, 200)
    project.execute(*TABLES)
    model = project.directory / "models/marts/mart_user_movie_matrix.sql"
    text = model.read_text()
    start, end = text.index("        indexes=["), text.index("        query_settings=")
    model.write_text(text[:start] + text[end:])
    knowing = shop.know(set(range(1, 31)), set(range(1, 20)))
    before = shop.load(stream[:150], begin - timedelta(days=9))
    done = project.many([*knowing, *before, *night_of(which="+")])
    assert not [each for each in done if each.returncode], [each.stdout for each in done]
    model.write_text(text)
    indexes = (
        "select name, expr, type from system.data_skipping_indices "
        "where database = 'analytics' and table = 'mart_user_movie_matrix'"
    )
    for hours, told in ((2, "its SQL, a view that it reads or a var has changed"), (1, TOUCHED)):
        later = shop.load(stream[-25 * hours :][:25], begin - timedelta(hours=hours))
        done = project.many([*later, *night_of(), ["query", indexes]])
        run, mart, stamp, found = done[-4:]
        assert not run.returncode
        assert told in run.stdout
        assert rows_of(mart) == shop.mart(rows_of(stamp)[0][1])
        assert rows_of(found) == [["first_interacted_at", "first_interacted_at", "minmax"]]
