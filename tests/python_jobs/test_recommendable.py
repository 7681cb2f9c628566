"""What may be shown, from raw tables to lists: a tenth of the catalogue, half of it in NL only."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from python_jobs.commands.list_screens import show_recommendations
from tests.python_jobs.conftest import rows_of

LISTS = """
select user_id, movie_id, rank, reason from ml.recommendations
where run_id = (select argMax(run_id, published_at) from ml.training_runs) order by user_id, rank
"""
WITHDRAWN, ANNOUNCED = 113, 263
"""Listed, but for the sample's own dates."""
MOVIES = f"""
select movie_id, places from raw.movies
where listed = 'yes' and movie_id not in ({WITHDRAWN}, {ANNOUNCED})
"""
USERS = "select user_id, country, movie_count from analytics.mart_users"
SEEN = "select user_id, movie_id from analytics.mart_user_movie_matrix"
MART = "select user_id, movie_id, rank from analytics.mart_user_recommendations order by 1, 3"
SIMILAR = "select movie_id, similar_movie_id, rank from analytics.mart_similar_movies order by 1, 3"
PUBLISHED_SIMILAR = """
select distinct similar_movie_id from ml.similar_movies
where run_id = (select argMax(run_id, published_at) from ml.training_runs)
"""
WITHHELD = """
select count(), uniqExact(movie_id), any(movie_id), any(recommendation_count)
from staging.withheld_recommendations
"""
TOP = 5


def who_may_see(movies: list[list], users: list[list]) -> dict[int, set[int]]:
    """Return what may be shown to each user: counted here, not as the project does."""
    everywhere = {movie for movie, places in movies if not places}
    in_nl = {movie for movie, _ in movies}
    return {user: in_nl if country == "NL" else everywhere for user, country, _ in users}


@pytest.fixture(scope="module")
def ruled(trained_project, tmp_path_factory):
    """Rules come to a project that has lists; it is scored; then the first of all is withdrawn.

    Returns what was found when it had been scored, after the withdrawal and a build, and after
    another score without one; and what the first score and the build said. Nine tenths of the
    catalogue are gone at once, so that the first score has to be told that this is meant.
    """
    project = trained_project.copy(tmp_path_factory.mktemp("ruled"))
    settings = project.directory / "dbt_project.yml"
    text = settings.read_text()
    for name, column in (("is_listed", "listed"), ("countries", "places")):
        assert f"raw_{name}: null" in text
        text = text.replace(f"raw_{name}: null", f"raw_{name}: {column}")
    settings.write_text(text)
    project.execute(
        "alter table raw.movies "
        "add column listed String default if(movie_id % 10 = 3, 'yes', 'no'), "
        "add column places String default if(movie_id % 20 = 3, 'nl|XX', '')"
    )
    project.dbt("run", "--select", "stg_dataflix__movies", "int_recommendable_movies")
    looks = [["query", sql] for sql in (LISTS, MOVIES, USERS, SEEN, PUBLISHED_SIMILAR)]
    recommends = [
        ["recommend", "--user", str(user), "--top", str(TOP), "--format", "json"]
        for user in (1, 7, 296)
    ]
    score = ["score", "--top", str(TOP)]
    meant = [*score, "--max-shrink", "1"]
    scored, *answers = project.many([meant, *looks, *recommends])
    assert scored.returncode == 0, scored.stderr
    before = [rows_of(answer) for answer in answers[: len(looks)]]
    shown = [json.loads(answer.stdout) for answer in answers[len(looks) :]]
    ((gone, _),) = Counter(movie for _, movie, *_ in before[0]).most_common(1)
    project.execute(
        f"alter table raw.movies update listed = 'no' where movie_id = {gone} "
        "settings mutations_sync = 1"
    )
    built = project.dbt("build", "--selector", "after_training")
    looks = [["query", sql] for sql in (MART, SIMILAR, WITHHELD)]
    *found, again, lists = project.many([*looks, score, ["query", LISTS]])
    assert again.returncode == 0, again.stderr
    after = [rows_of(answer) for answer in found]
    return before, shown, gone, scored.stdout + built.stdout, after, rows_of(lists)


def test_lists_are_full_of_what_may_be_shown_in_the_users_country(ruled):
    (lists, movies, users, seen, _), *_ = ruled
    may_see = who_may_see(movies, users)
    assert {len(found) for found in may_see.values()} == {7, 18}
    of_user: dict[int, list[int]] = {}
    for user, movie, rank, _ in lists:
        of_user.setdefault(user, []).append(movie)
        assert rank == len(of_user[user])
    seen_by: dict[int, set[int]] = {}
    for user, movie in seen:
        seen_by.setdefault(user, set()).add(movie)
    for user, found in may_see.items():
        left = found - seen_by.get(user, set())
        assert set(of_user.get(user, [])) <= left
        assert len(of_user.get(user, [])) == min(TOP, len(left))
    assert {reason for *_, reason in lists} == {"factors", "popular"}


def test_score_says_for_how_many_too_little_may_be_shown(ruled):
    (_, movies, users, seen, _), _, _, said, *_ = ruled
    may_see, short = who_may_see(movies, users), 0
    for user in {user for user, _ in seen}:
        short += len(may_see[user] - {movie for who, movie in seen if who == user}) < TOP
    assert short > 50
    assert f"For {short:,} users there are too few unseen movies that may be shown" in said


def test_a_user_to_whom_nothing_may_be_shown_is_not_said_to_have_seen_it(capsys):
    show_recommendations([], 2, "table")
    said = capsys.readouterr().out
    assert "no movie that the user has not seen may be shown to the user" in said


def test_similar_movies_are_what_may_be_shown_in_some_country(ruled):
    (_, movies, _, _, similar), *_ = ruled
    assert {movie for (movie,) in similar} <= {movie for movie, _ in movies}
    assert len(similar) > 10


def test_recommend_shows_what_score_published(ruled):
    (lists, *_), shown, *_ = ruled
    for user, answer in zip((1, 7, 296), shown, strict=True):
        assert answer
        assert [row["movie_id"] for row in answer] == [row[1] for row in lists if row[0] == user]


def test_what_was_withdrawn_is_gone_from_the_marts_and_counted(ruled):
    (lists, *_), _, gone, said, (mart, similar, withheld), _ = ruled
    kept = [(user, movie) for user, movie, *_ in lists if movie != gone]
    assert [(user, movie) for user, movie, _ in mart] == kept
    ranks: Counter[int] = Counter()
    for user, _, rank in mart:
        ranks[user] += 1
        assert rank == ranks[user]
    lost = len(lists) - len(kept)
    assert lost > 50
    assert withheld == [[lost, 1, gone, len(lists)]]
    assert gone not in {other for _, other, _ in similar}
    assert (
        f"{lost:,} of {len(lists):,} published recommendations name movies that may not be shown"
        in said
    )


def test_a_score_after_it_fills_the_lists_again(ruled):
    (_, movies, users, seen, _), _, gone, *_, after = ruled
    assert gone not in {movie for _, movie, *_ in after}
    may_see = who_may_see([row for row in movies if row[0] != gone], users)
    for user, movie in seen:
        if user in may_see:
            may_see[user] = may_see[user] - {movie}
    lengths = Counter(user for user, *_ in after)
    assert lengths == {user: min(TOP, len(left)) for user, left in may_see.items() if left}


COLLAPSED = """
alter table raw.movies update available_until = toDateTime('2020-01-01 00:00:00', 'UTC')
where movie_id > 8 settings mutations_sync = 1
"""
LIVE = "select run_id, count() from ml.recommendations group by run_id order by run_id"
CURRENT = "select run_id from ml.current_run"
REASONS = "select job, reasons from ml.refused_runs order by refused_at"


SHOWN = """
select count() from raw.movies
where coalesce(available_from, now()) <= now() and coalesce(available_until, now() + 1) > now()
"""


def test_a_catalogue_that_collapsed_goes_live_nowhere(trained_project, tmp_path):
    """A feed that withdraws nearly everything by mistake: neither jobs nor marts follow it."""
    project = trained_project.copy(tmp_path)
    looks = [["query", sql] for sql in (LIVE, CURRENT, MART)]
    *before, then, _, now, scored, trained, lists, run, mart, reasons = project.many(
        [
            *looks,
            ["query", SHOWN],
            ["execute", COLLAPSED],
            ["query", SHOWN],
            ["score"],
            ["train", "--max-iter", "20"],
            *looks,
            ["query", REASONS],
        ]
    )
    lost = f"({rows_of(then)[0][0]} then, {rows_of(now)[0][0]} now; --max-shrink is 20%)"
    for refused in (scored, trained):
        assert refused.returncode == 3, refused.stdout + refused.stderr
        said = " ".join((refused.stdout + refused.stderr).split())
        assert "of the movies that may be shown since the current run was made" in said
        assert lost in said
    assert [rows_of(look) for look in (lists, run, mart)] == [rows_of(look) for look in before]
    assert [kind for kind, _ in rows_of(reasons)] == ["score", "train"]

    models = ("int_current_lists", "int_current_recommendations", "mart_user_recommendations")
    built = project.run("dbt", "build", "--select", *models)
    assert built.returncode == 1
    assert "more than withheld_error_percent. The marts stay as they were." in built.stdout
    assert project.query(MART) == rows_of(before[2])
