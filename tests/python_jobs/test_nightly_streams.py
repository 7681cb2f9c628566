"""The training mart after any nights, against one made in Python: streams that hypothesis makes up.

``STREAMS=50 pytest -n 0 tests/python_jobs/test_nightly_streams.py`` tries more of them than the
suite does.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.python_jobs.conftest import Project, rows_of
from tests.python_jobs.shops import DAY, TABLES, Event, Shop, night_of

NOW = round(datetime.now(UTC).timestamp() * 1000)
MOMENTS = st.sampled_from([NOW - 3 * DAY, NOW - 2 * DAY, NOW - 2 * DAY + 1, NOW - DAY])
"""Few, so that many events of a pair are at the same one."""
TIMES = MOMENTS | st.sampled_from([None, 0, 600_000_000_000, NOW + 900 * DAY])
USERS, MOVIES = st.integers(1, 4), st.integers(1, 3)
RATINGS = st.sampled_from([0.5, 2.5, 3.0, 5.0, 0.0, 7.0, None])


@dataclass(frozen=True)
class Night:
    """What came on a day, and who is known by then."""

    events: list[Event]
    users: set[int]
    movies: set[int]


@st.composite
def an_event(draw: st.DrawFn) -> Event:
    """Return a rating or a watch event of few users and movies, one in some broken."""
    is_rating = draw(st.booleans())
    user = draw(USERS.map(str) | USERS.map(str) | st.sampled_from([None, "nobody", "0"]))
    return Event(user, draw(MOVIES), draw(RATINGS) if is_rating else None, draw(TIMES), is_rating)


@st.composite
def some_nights(draw: st.DrawFn) -> list[Night]:
    """Return a stream in any order, cut into nights anywhere."""
    stream = draw(st.permutations(draw(st.lists(an_event(), min_size=12, max_size=40))))
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), min_size=2, max_size=3)))
    borders = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    known = st.sets(USERS, min_size=2), st.sets(MOVIES, min_size=2)
    everyone = {1, 2, 3, 4}, {1, 2, 3}
    return [
        Night(
            stream[begin:end],
            *(draw(st.just(all_) | some) for some, all_ in zip(known, everyone, strict=True)),
        )
        for begin, end in borders
    ]


@settings(
    max_examples=int(os.environ.get("STREAMS", "2")),
    derandomize="STREAMS" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(nights=some_nights())
def test_any_stream_cut_into_any_nights_leaves_the_rows_of_a_full_build(
    empty_project: Project, nights: list[Night]
) -> None:
    with TemporaryDirectory() as directory:
        project, shop = empty_project.copy(Path(directory) / "project"), Shop()
        commands, expected = [["execute", statement] for statement in TABLES], []
        begin = datetime.now(UTC)
        for number, night in enumerate(nights):
            commands += shop.know(night.users, night.movies)
            commands += shop.load(night.events, begin - timedelta(days=30 - number))
            commands += night_of(which="" if number else "+")
            expected.append(Shop(night.users, night.movies, list(shop.events)))
        commands += night_of("--full-refresh")
        expected.append(expected[-1])
        done = project.many(commands)
    assert not [each for each in done if each.returncode], [each.stdout for each in done][-1]
    ran = [place for place, command in enumerate(commands) if command[0] == "dbt"]
    for number, (place, state) in enumerate(zip(ran, expected, strict=True)):
        ((comment, _, _),) = rows_of(done[place + 2])
        as_of = json.loads(comment)["night"]["as_of"]
        assert rows_of(done[place + 1]) == state.mart(as_of), number
