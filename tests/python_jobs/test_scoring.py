"""Fresh lists for those who came or changed after the training."""

import json
import re
from collections import Counter

import pytest

from tests.python_jobs.conftest import rows_of

CURRENT = """
select user_id, movie_id, score, reason, because_movie_id, strongest_movie_id
from ml.recommendations
where run_id = (select argMax(run_id, published_at) from ml.training_runs)
order by user_id, rank
"""
FACTS = "interaction_score, rating, watch_count, first_interacted_at, last_interacted_at"
COLUMNS = f"movie_id, {FACTS}"
TWIN, STRANGER, CHANGED, KNOWN = 900_001, 900_002, 7, 42
RATED, SEEN_AGAIN, GONE = 8, 9, 10
COLD = "select min(user_id) from analytics.mart_users where movie_count = 0"


VERSIONS = "select model_version from ml.training_runs order by published_at"
TITLES = "select movie_id, title from analytics.mart_movies"


@pytest.fixture(scope="module")
def scored(trained_project, tmp_path_factory):
    """A twin of a known user, a user of an unknown movie, users who changed, and one who left.

    Returns the lists before and after, by user; the outcome of `score`, and of `recommend` by user;
    and what VERSIONS and TITLES find.
    """
    project = trained_project.copy(tmp_path_factory.mktemp("scored"))
    mart = "analytics.mart_user_movie_matrix"
    found, ((cold,),) = project.queries(CURRENT, COLD)
    before = _lists(found)
    users = (KNOWN, CHANGED, RATED, SEEN_AGAIN, TWIN, STRANGER, cold, GONE)
    now = "settings mutations_sync = 1"
    statements = (
        f"insert into {mart} (user_id, {COLUMNS}) select {TWIN}, {COLUMNS} from {mart} "
        f"where user_id = {KNOWN}",
        f"insert into {mart} (user_id, {COLUMNS}) select {STRANGER}, 777777, {FACTS} "
        f"from {mart} where user_id = {KNOWN} limit 1",
        f"alter table {mart} update interaction_score = 6 "
        f"where user_id = {CHANGED} and interaction_score < 3 {now}",
        f"insert into {mart} (user_id, {COLUMNS}) select {RATED}, {before[RATED][0][0]}, "
        f"{FACTS} from {mart} where user_id = {RATED} limit 1",
        f"alter table {mart} update last_interacted_at = last_interacted_at + interval 1 day "
        f"where user_id = {SEEN_AGAIN} and movie_id in "
        f"(select min(movie_id) from {mart} where user_id = {SEEN_AGAIN}) {now}",
        f"alter table {mart} delete where user_id = {GONE} {now}",
        f"alter table analytics.mart_users delete where user_id = {GONE} {now}",
    )
    recommends = [
        ["recommend", "--user", str(user), "--top", "20", "--format", "json"] for user in users
    ]
    looks = [["query", sql] for sql in (CURRENT, VERSIONS, TITLES)]
    commands = (*(["execute", s] for s in statements), ["score"], *recommends, *looks)
    done, *answers = project.many(commands)[len(statements) :]
    assert done.returncode == 0, done.stderr
    after, versions, titles = map(rows_of, answers[len(users) :])
    by_user = dict(zip(users, answers[: len(users)], strict=True))
    return before, _lists(after), done, by_user, (versions, titles)


def _lists(found):
    lists: dict[int, list] = {}
    for user, *row in found:
        lists.setdefault(user, []).append(row)
    return lists


def test_it_is_a_run_of_the_champion_and_needs_no_fit(scored):
    _, _, done, _, (versions, _) = scored
    # The twin, the stranger, and those whose rating, movies or times changed.
    assert re.search(r"\b5 folded in\b", done.stdout)
    assert versions[0] == versions[-1]


def test_users_as_they_were_trained_keep_their_lists(scored):
    before, after, *_ = scored
    # What is popular is a share of the users, and there are more of them now.
    trained = {user for user, rows in before.items() if rows[0][2] == "factors"}
    unchanged = trained - {CHANGED, RATED, SEEN_AGAIN, GONE}
    assert len(unchanged) > 250
    assert {user: before[user] for user in unchanged} == {user: after[user] for user in unchanged}


def test_a_new_user_gets_the_list_of_a_user_who_did_the_same(scored):
    _, after, *_ = scored
    assert {row[2] for row in after[TWIN]} == {"fold_in"}
    twin = {movie: score for movie, score, *_ in after[TWIN]}
    known = {movie: score for movie, score, *_ in after[KNOWN]}
    assert len(twin.keys() & known.keys()) >= 19
    for movie in twin.keys() & known.keys():
        assert twin[movie] == pytest.approx(known[movie], rel=0.02)


@pytest.mark.parametrize("user", [CHANGED, RATED, SEEN_AGAIN])
def test_a_user_who_changed_is_folded_in(scored, user):
    before, after, *_ = scored
    assert {row[2] for row in after[user]} == {"fold_in"}
    assert after[user] != before[user]


def test_recommend_shows_what_score_publishes(scored):
    _, after, _, answers, (_, titles) = scored
    titles = dict(titles)
    reasons = set()
    for user, answer in answers.items():
        if user == GONE:
            continue
        assert answer.returncode == 0, answer.stderr
        shown = [
            [movie["movie_id"], movie["score"], movie["reason"], movie["because"]]
            for movie in json.loads(answer.stdout)
        ]
        published = [[*row[:3], titles.get(row[3], "")] for row in after[user]]
        assert len(shown) == 20
        # ClickHouse's client prints a float32 in seven digits or so.
        assert shown == [[row[0], pytest.approx(row[1], rel=1e-6), *row[2:]] for row in published]
        reasons.add(shown[0][2])
    assert reasons == {"factors", "fold_in", "popular"}


def test_a_list_does_not_name_one_movie_all_the_way_down(scored):
    """One movie contributes most to nine of the first ten; what comes next is about as strong."""
    _, after, *_ = scored
    because, strongest = zip(*(row[3:] for row in after[KNOWN][:10]), strict=True)
    assert max(Counter(strongest).values()) == 9
    assert because[:3] == strongest[:3]
    assert max(Counter(because).values()) == 3


def test_a_user_whom_no_mart_has_any_more_is_an_error(scored):
    before, after, _, answers, _ = scored
    assert before[GONE]
    assert GONE not in after
    assert answers[GONE].returncode == 1
    assert f"User {GONE} has no interactions, and is not among the users" in answers[GONE].stderr


def test_a_user_of_unknown_movies_gets_the_popular_list_and_is_counted(scored):
    _, after, done, *_ = scored
    assert {row[2] for row in after[STRANGER]} == {"popular"}
    assert {row[3] for row in after[STRANGER]} == {0}
    assert re.search(r"\b1 interactions are with movies that the model does not know", done.stdout)
    assert {tuple(row[3:]) for row in after[STRANGER]} == {(0, 0)}
    assert "1 interactions are with movies that the model does not know yet" in done.stdout
