"""Fresh lists for those who came or changed after the training."""

import re

import pytest

CURRENT = """
select user_id, movie_id, score, reason, because_movie_id
from ml.recommendations
where run_id = (select argMax(run_id, published_at) from ml.training_runs)
order by user_id, rank
"""
FACTS = "interaction_score, rating, watch_count, first_interacted_at, last_interacted_at"
COLUMNS = f"movie_id, {FACTS}"
TWIN, STRANGER, CHANGED, KNOWN = 900_001, 900_002, 7, 42


@pytest.fixture(scope="module")
def scored(trained_project, tmp_path_factory):
    """A twin of a known user, a user of an unknown movie, and a user whose scores changed."""
    project = trained_project.copy(tmp_path_factory.mktemp("scored"))
    mart = "analytics.mart_user_movie_matrix"
    project.execute(
        f"insert into {mart} (user_id, {COLUMNS}) select {TWIN}, {COLUMNS} from {mart} "
        f"where user_id = {KNOWN}"
    )
    project.execute(
        f"insert into {mart} (user_id, {COLUMNS}) select {STRANGER}, 777777, {FACTS} "
        f"from {mart} where user_id = {KNOWN} limit 1"
    )
    project.execute(
        f"alter table {mart} update interaction_score = 6 "
        f"where user_id = {CHANGED} and interaction_score < 3 settings mutations_sync = 1"
    )
    before = _lists(project)
    done, twin = project.many(
        [(["score"], {}), (["recommend", "--user", str(TWIN), "--format", "csv"], {})]
    )
    assert done.returncode == 0, done.stderr
    return project, before, _lists(project), done, twin


def _lists(project):
    lists: dict[int, list] = {}
    for user, *row in project.query(CURRENT):
        lists.setdefault(user, []).append(row)
    return lists


def test_it_is_a_run_of_the_champion_and_needs_no_fit(scored):
    project, _, _, done, _ = scored
    # The twin, the stranger and the one who changed; nobody else did.
    assert re.search(r"\b3 folded in\b", done.stdout)
    versions = project.query("select model_version from ml.training_runs order by published_at")
    assert versions[0] == versions[-1]


def test_users_as_they_were_trained_keep_their_lists(scored):
    _, before, after, _, _ = scored
    # What is popular is a share of the users, and there are more of them now.
    trained = {user for user, rows in before.items() if rows[0][2] == "factors"}
    unchanged = trained - {CHANGED}
    assert len(unchanged) > 250
    assert {user: before[user] for user in unchanged} == {user: after[user] for user in unchanged}


def test_a_new_user_gets_the_list_of_a_user_who_did_the_same(scored):
    _, _, after, _, shown = scored
    assert {row[2] for row in after[TWIN]} == {"fold_in"}
    twin = {movie: score for movie, score, *_ in after[TWIN]}
    known = {movie: score for movie, score, *_ in after[KNOWN]}
    assert len(twin.keys() & known.keys()) >= 19
    for movie in twin.keys() & known.keys():
        assert twin[movie] == pytest.approx(known[movie], rel=0.02)
    ids = [int(line.split(",")[1]) for line in shown.stdout.splitlines()[1:]]
    assert ids == [movie for movie, *_ in after[TWIN]][:10]


def test_a_user_who_changed_is_folded_in(scored):
    _, before, after, _, _ = scored
    assert {row[2] for row in after[CHANGED]} == {"fold_in"}
    assert after[CHANGED] != before[CHANGED]


def test_a_user_of_unknown_movies_gets_the_popular_list_and_is_counted(scored):
    _, _, after, done, _ = scored
    assert {row[2] for row in after[STRANGER]} == {"popular"}
    assert {row[3] for row in after[STRANGER]} == {0}
    assert re.search(r"\b1 interactions are with movies that the model does not know", done.stdout)
