"""What came of publications, against a count by hand; and what experiments find of planted arms.

Five publications are planted: run `a`, lists scored with it, a rollback to `a`, and the
experiments `better`, whose challenger's lists are watched more, and `equal`. What users did
afterwards is random.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from python_jobs.publishing.arms import gets_challenger
from tests.python_jobs.conftest import Project, rows_of

NOW = datetime.now(UTC).replace(microsecond=0)
PUBLISHED = {
    ("a", 0): NOW - timedelta(days=34.5),
    ("scored", 0): NOW - timedelta(days=34),
    ("a", 1): NOW - timedelta(days=10),
    ("better", 0): NOW - timedelta(days=9),
    ("equal", 0): NOW - timedelta(days=8.9),
}
"""When which run was published, and for the which time."""
USERS, TOP = 300, 10
MOVIES = {"a": (1, 60), "scored": (40, 90), "better": (91, 140), "equal": (141, 190)}
"""From which movies each run's lists are."""
CHANCE = {("better", True): 0.35, ("better", False): 0.1, ("equal", True): 0.2}
"""How likely a movie of an experiment's list is watched, by run and by whether it is the
challenger's; 0.2 elsewhere."""
WINDOWS = {1: "1_day", 7: "7_days", 28: "28_days"}
EVENTS = (
    "select user_id, movie_id, toUnixTimestamp64Milli(assumeNotNull(happened_at)) "
    "from staging.int_interaction_events where is_usable"
)
SHOWN = (
    "select movie_id from raw.movies where coalesce(available_from, now()) <= now() "
    "and coalesce(available_until, now() + 1) > now()"
)
OUTCOMES = (
    "select run_id, toUnixTimestamp64Milli(published_at), arm, rank, reason, list_count, "
    + ", ".join(f"hits_within_{name}, popular_hits_within_{name}" for name in WINDOWS.values())
    + ", hits_while_live, is_final from analytics.mart_recommendation_outcomes "
    "order by all"
)
VERDICTS = (
    "select experiment, window_days, champion_user_count, challenger_user_count, "
    "champion_hit_rate, challenger_hit_rate, difference, difference_from, difference_to, verdict, "
    "is_final from analytics.mart_experiment_outcomes order by all"
)
LISTS = "run_id String, user_id UInt64, movie_id UInt64, rank UInt16, reason String, arm String"
LATE = "run_id in ('a', 'scored')"
BUILD = [
    "dbt",
    "run",
    "--select",
    "mart_user_movie_matrix",
    "int_movie_ratings",
    "int_followed_lists",
    "int_outcomes_so_far+",
    "int_experiment_outcomes_so_far+",
]


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def planted_lists() -> list[tuple[str, int, int, int, str, str]]:
    random, rows = np.random.default_rng(5), []
    users = np.arange(1, USERS + 1, dtype=np.uint64)
    for run_id, (first, last) in MOVIES.items():
        challengers = gets_challenger(users, run_id, 0.5)
        for user in range(1, USERS + 1):
            movies = random.choice(np.arange(first, last + 1), TOP, replace=False)
            arm = "challenger" if challengers[user - 1] else "champion"
            reason = "popular" if user > USERS - 5 else "factors"
            rows += [
                (
                    run_id,
                    user,
                    int(movie),
                    rank,
                    reason,
                    arm if run_id in ("better", "equal") else "",
                )
                for rank, movie in enumerate(movies, start=1)
            ]
    return rows


def planted_events(lists: list[tuple[str, int, int, int, str, str]]) -> list[tuple[int, int, str]]:
    """Return watch events: of what lists had, again and again, and of anything."""
    random, events = np.random.default_rng(6), []
    for run_id, user, movie, _, _, arm in lists:
        start = PUBLISHED[run_id, 0]
        if random.random() < CHANCE.get((run_id, arm == "challenger"), 0.2):
            most = 32 if run_id in ("a", "scored") else 6
            events += [
                (user, movie, start + timedelta(days=float(random.uniform(0, most))))
                for _ in range(random.integers(1, 3))
            ]
    for _ in range(3000):
        day = timedelta(days=float(random.uniform(0.1, 36)))
        events.append((int(random.integers(1, USERS)), int(random.integers(1, 91)), NOW - day))
    # At the very edges of windows: user 1 with what was at rank 1 to 4 of run `a`.
    edges = (0, 1, 7, 28)
    first = [row for row in lists if row[:2] == ("a", 1)]
    events = [event for event in events if event[0] != 1 or event[1] not in {r[2] for r in first}]
    for (_, user, movie, *_), days in zip(first, edges, strict=False):
        events.append((user, movie, PUBLISHED["a", 0] + timedelta(days=days)))
    return [(u, m, f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}") for u, m, at in events]


@pytest.fixture(scope="module")
def outcomes(trained_project: Project, tmp_path_factory: Any) -> dict[str, Any]:
    """Return the lists, and what there was to read before and after the lists were gone."""
    project = trained_project.copy(tmp_path_factory.mktemp("outcomes"))
    lists = planted_lists()
    events = planted_events(lists)
    # The first build knows nothing of the last five days.
    known = f"{NOW - timedelta(days=5):%Y-%m-%d %H:%M:%S}"
    early = [event for event in events if event[2] < known]
    files: dict[str, list[Any]] = {
        "lists": lists,
        "early": early,
        "late": [e for e in events if e[2] >= known],
    }
    for name, rows in files.items():
        with (project.directory / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    def loaded(name: str, structure: str) -> str:
        return f"file('{project.directory / name}.csv', 'CSV', '{structure}')"

    def run(run_id: str, at: datetime) -> list[str]:
        told = (
            f"map('experiment', '{run_id}', 'experiment_share', '0.5', 'challenger_version', '2', "
        )
        told += "'challenger_run_id', 'm2')"
        params = told if run_id in ("better", "equal") else "map('n_components', '1')"
        return [
            "execute",
            "insert into ml.training_runs (run_id, mlflow_run_id, published_at, model_version, "
            f"params) select '{run_id}', 'm', fromUnixTimestamp64Milli({milliseconds(at)}, 'UTC'), "
            f"'1', {params}",
        ]

    columns = "run_id, user_id, movie_id, rank, reason, arm"
    watched = "user_id UInt64, movie_id UInt64, watched_at DateTime64(3, \\'UTC\\')"
    looks = [["query", sql] for sql in (EVENTS, OUTCOMES, VERDICTS)]
    commands = [
        *(
            ["execute", f"truncate table ml.{name}"]
            for name in ("recommendations", "training_runs")
        ),
        ["execute", "truncate table staging.int_followed_lists"],
        [
            "execute",
            f"insert into ml.recommendations ({columns}) select * from {loaded('lists', LISTS)}",
        ],
        *(run(run_id, at) for (run_id, _), at in PUBLISHED.items()),
        ["execute", f"insert into raw.watched_movies select * from {loaded('early', watched)}"],
        BUILD,
        *looks,
        # All that has happened since; what retention does; and what came too late to be counted.
        ["execute", f"insert into raw.watched_movies select * from {loaded('late', watched)}"],
        [
            "execute",
            "insert into raw.watched_movies select user_id, movie_id, "
            f"fromUnixTimestamp64Milli({milliseconds(PUBLISHED['a', 0]) + 1}, 'UTC') "
            f"from ml.recommendations where {LATE} and user_id between 100 and 150",
        ],
        *(
            ["execute", f"alter table ml.recommendations drop partition '{name}'"]
            for name in MOVIES
        ),
        [*BUILD, "--full-refresh"],
        *looks,
        ["query", SHOWN],
        ["runs"],
    ]
    done = project.many(commands)
    for outcome in done:
        assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-3000:]
    first = commands.index(BUILD) + 1
    return {
        "lists": lists,
        "before": [rows_of(each) for each in done[first : first + 3]],
        "after": [rows_of(each) for each in done[-5:-2]],
        "shown": {movie for (movie,) in rows_of(done[-2])},
        "runs": done[-1].stdout,
    }


def firsts(events: list[Any]) -> dict[tuple[int, int], int]:
    """Return when each user first did something with each movie."""
    first: dict[tuple[int, int], int] = {}
    for user, movie, moment in events:
        first[user, movie] = min(moment, first.get((user, movie), moment))
    return first


def counted_by_hand(
    outcomes: dict[str, Any], events: list[Any], publication: tuple[str, int], known: list[Any]
) -> dict[tuple[str, int, str], list[Any]]:
    """Count, for each arm, rank and reason, what the mart counts, one list at a time.

    What was popular is taken from the events that were ``known`` when the publication was followed,
    and from the movies that may be shown.
    """
    at = milliseconds(PUBLISHED[publication])
    later = [milliseconds(each) for each in PUBLISHED.values() if milliseconds(each) > at]
    replaced, day = min(later, default=2**62), 86_400_000
    first = firsts(events)
    known_until = max(moment for *_, moment in events)
    viewers: dict[int, set[int]] = defaultdict(set)
    for (user, movie), moment in firsts(known).items():
        if moment < at:
            viewers[movie].add(user)
    popular = sorted(
        viewers.keys() & outcomes["shown"], key=lambda movie: (-len(viewers[movie]), movie)
    )
    unseen = {
        user: [movie for movie in popular if user not in viewers[movie]]
        for user in range(1, USERS + 1)
    }
    counts: dict[tuple[str, int, str], list[Any]] = defaultdict(lambda: [0] * 8)
    for run_id, user, movie, rank, reason, arm in outcomes["lists"]:
        if run_id != publication[0]:
            continue
        row = counts[arm, rank, reason]
        row[0] += 1
        theirs = first.get((user, movie), -1)
        others = unseen[user][rank - 1] if rank <= len(unseen[user]) else 0
        popular_at = first.get((user, others), -1)
        for place, days in enumerate(WINDOWS):
            row[1 + 2 * place] += at <= theirs < at + days * day
            row[2 + 2 * place] += at <= popular_at < at + days * day
        row[7] += at <= theirs < min(at + 28 * day, replaced)
    for row in counts.values():
        for place, days in enumerate(WINDOWS):
            if known_until < at + days * day:
                row[1 + 2 * place] = row[2 + 2 * place] = None
        row.append(known_until >= at + 28 * day)
    return dict(counts)


def found(rows: list[Any], publication: tuple[str, int]) -> dict[tuple[str, int, str], list[Any]]:
    at = milliseconds(PUBLISHED[publication])
    return {
        (arm, rank, reason): figures
        for run_id, moment, arm, rank, reason, *figures in rows
        if (run_id, moment) == (publication[0], at)
    }


@pytest.mark.parametrize("publication", PUBLISHED, ids=lambda each: f"{each[0]}-{each[1]}")
def test_the_mart_counts_what_a_person_would(outcomes, publication):
    events, rows, _ = outcomes["before"]
    assert len(outcomes["shown"]) < 200
    expected = counted_by_hand(outcomes, events, publication, events)
    assert found(rows, publication) == expected
    hits = np.array([row[1] or 0 for row in expected.values()])
    popular = np.array([row[2] or 0 for row in expected.values()])
    assert hits.sum() > 5
    assert popular.sum() > 5


def test_a_rollback_is_a_publication_of_its_own(outcomes):
    first, again = (found(outcomes["before"][1], ("a", turn)) for turn in (0, 1))
    assert all(row[-1] for row in first.values())
    assert not any(row[-1] for row in again.values())
    assert all(row[1] is not None and row[3] is None for row in again.values())
    assert [row[1] for row in first.values()] != [row[1] for row in again.values()]


def test_final_figures_outlive_their_lists_late_events_and_a_full_refresh(outcomes):
    (late, rows, _), known = outcomes["after"], outcomes["before"][0]
    for publication in (("a", 0), ("scored", 0)):
        before = found(outcomes["before"][1], publication)
        assert found(rows, publication) == before
        # They would be others if they were counted again.
        assert counted_by_hand(outcomes, late, publication, known) != before


@pytest.mark.parametrize("publication", [("a", 1), ("better", 0), ("equal", 0)])
def test_what_is_open_goes_on_when_its_lists_are_gone(outcomes, publication):
    events, rows, _ = outcomes["after"]
    after = found(rows, publication)
    known = outcomes["before"][0]
    assert after == counted_by_hand(outcomes, events, publication, known)
    assert all(row[3] is not None and row[5] is None for row in after.values())


def rates(outcomes: dict[str, Any], run_id: str, arm: str, days: int) -> np.ndarray:
    """Return for each user of an arm the share of the list that was a hit."""
    at = milliseconds(PUBLISHED[run_id, 0])
    first = firsts(outcomes["after"][0])
    hits: dict[int, int] = defaultdict(int)
    for name, user, movie, _, _, in_arm in outcomes["lists"]:
        if (name, in_arm) == (run_id, arm):
            hits[user] += at <= first.get((user, movie), -1) < at + days * 86_400_000
    return np.array(list(hits.values())) / TOP


@pytest.mark.parametrize("run_id", ["better", "equal"])
def test_an_experiments_figures_are_means_over_users(outcomes, run_id):
    rows = {row[1]: row[2:] for row in outcomes["after"][2] if row[0] == run_id}
    for days in (1, 7):
        arms = [rates(outcomes, run_id, arm, days) for arm in ("champion", "challenger")]
        difference = arms[1].mean() - arms[0].mean()
        error = np.sqrt(sum(arm.var(ddof=1) / arm.size for arm in arms))
        expected = [
            arms[0].size,
            arms[1].size,
            arms[0].mean(),
            arms[1].mean(),
            difference,
            difference - 1.96 * error,
            difference + 1.96 * error,
        ]
        assert rows[days][:7] == pytest.approx(expected)
    assert rows[28][4] is None


def test_a_better_arm_is_found_and_an_equal_one_is_not(outcomes):
    verdicts = {(row[0], row[1]): tuple(row[-2:]) for row in outcomes["after"][2]}
    assert verdicts["better", 7] == ("challenger is better", True)
    assert verdicts["better", 28] == ("cannot tell yet", False)
    assert verdicts["equal", 1] == verdicts["equal", 7] == ("cannot tell yet", False)
    before = {(row[0], row[1]): tuple(row[-2:]) for row in outcomes["before"][2]}
    assert before["better", 7] == ("cannot tell yet", False)


def test_the_runs_are_shown_with_what_came_of_them(outcomes):
    lines = [line.split() for line in outcomes["runs"].splitlines()]
    shown = {
        (line[0], line[1]): line for line in lines if len(line) > 8 and line[0] in ("a", "equal")
    }
    at = f"{PUBLISHED['a', 0]:%Y-%m-%d}"
    rows = found(outcomes["after"][1], ("a", 0)).values()
    lists, one_day, popular = (sum(row[place] for row in rows) for place in (0, 1, 2))
    assert shown["a", at][4:6] == [f"{one_day / lists:.2%}", f"{popular / lists:.2%}"]
    versions = {line[4]: line[3] for line in lines if line[:1] == ["better"] and "-" in line[1]}
    assert versions == {"champion": "1", "challenger": "2"}
    assert "Experiments" in outcomes["runs"]
    better = [line for line in lines if line[:2] == ["better", "7"]]
    assert better[0][-3:] == ["challenger", "is", "better"]


LAST_SCREEN = """
import sys
import python_jobs.commands.steps
python_jobs.commands.steps.run_steps = lambda *_: None
from python_jobs.__main__ import main
sys.argv = ["python_jobs", "demo"]
main()
"""
"""The demo without its steps, which test_first_day.py runs."""


def test_the_demos_screen_shows_outcomes_once_there_are_any(project):
    project.execute(
        # The demo's own build would have named the data set.
        "alter table analytics.mart_dataset update dataset_label = 'sample' where true "
        "settings mutations_sync = 1",
        "insert into analytics.mart_recommendation_outcomes (run_id, published_at, rank, "
        "shown_within_1_day, hits_within_1_day, popular_hits_within_1_day) "
        "select 'earlier', '2026-01-02 03:04:05', 1, 40, 9, 3",
    )
    done = project.run("python", "-c", LAST_SCREEN, COLUMNS="150")
    assert done.returncode == 0, done.stderr
    lists, _, outcomes = done.stdout.partition("Next (after")
    assert "User 42 liked best" in lists
    assert "Watched or rated of what was recommended" in outcomes
    ((*_, rate, popular),) = [
        line.split() for line in outcomes.splitlines() if "2026-01-02" in line
    ]
    assert [rate, popular] == ["22.50%", "7.50%"]
