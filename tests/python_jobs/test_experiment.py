"""An experiment from its beginning to its end, with what readers, MLflow and the gate see of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from python_jobs.publishing.arms import gets_challenger
from tests.python_jobs.conftest import Project, rows_of

BEGIN = ["train", "--seed", "7", "--tolerance", "0.5", "--max-drop", "0.5"]
EXPERIMENT = [*BEGIN, "--experiment-share", "0.3", "--experiment-name", "blue"]
REFUSED = ["train", "--max-components", "1", "--experiment-share", "0.3", "--experiment-name", "no"]
LISTS = (
    "select arm, user_id, rank, movie_id, score from ml.recommendations "
    "where run_id in (select run_id from ml.current_run) order by user_id, rank"
)
RUN = "select run_id, model_version, params from ml.current_run"
CHAMPION = "select version from registered_model_aliases where alias = 'champion'"
MARTS = (
    "select arm, model_version, uniqExact(user_id), count() "
    "from analytics.mart_user_recommendations group by all order by all"
)
VERDICTS = "select experiment, window_days, verdict from analytics.mart_experiment_outcomes"
LOOKS = [["query", LISTS], ["query", RUN], ["store", CHAMPION]]
BUILD = [
    "dbt",
    "run",
    "--select",
    "int_publications",
    "int_followed_lists",
    "int_followed_hits",
    "int_experiment_outcomes_so_far+",
    "int_current_lists",
    "int_current_recommendations",
    "mart_user_recommendations",
]
TWICE = "alter table ml.training_runs update users = {} where true settings mutations_sync = 2"
RECOMMENDED = (1, 2, 3, 4, 5, 6, 42, 299)
STEPS: dict[str, list[list[str]]] = {
    "before": LOOKS,
    "promoted without an experiment": [["promote"]],
    "refused": [REFUSED, *LOOKS],
    "begun": [EXPERIMENT, *LOOKS],
    "built": [BUILD, ["query", MARTS], ["query", VERDICTS]],
    "undecided": [["promote"]],
    "recommended": [
        ["recommend", "--user", str(user), "--top", "20", "--format", "json"]
        for user in RECOMMENDED
    ],
    "scored": [["score"], *LOOKS],
    "too small": [
        ["execute", TWICE.format("users * 2")],
        ["promote", "challenger"],
        ["execute", TWICE.format("intDiv(users, 2)")],
        *LOOKS,
    ],
    "promoted": [["promote", "challenger"], *LOOKS],
}


@pytest.fixture(scope="module")
def told(trained_project: Project, tmp_path_factory: Any) -> dict[str, list[Any]]:
    """What each of the steps printed, and what LOOKS found after it."""
    project = trained_project.copy(tmp_path_factory.mktemp("experiment"))
    done = iter(project.many([command for step in STEPS.values() for command in step]))
    told = {name: [next(done) for _ in step] for name, step in STEPS.items()}
    scored = rows_of(told["scored"][2])[0][0]
    before = rows_of(told["before"][1])[0][0]
    told["rolled back"] = project.many([["rollback", scored], *LOOKS])
    told["ended"] = project.many([["rollback", before], *LOOKS])
    return told


def lists_of(outcome: Any) -> dict[int, tuple[str, list[Any]]]:
    """Return each user's arm and list."""
    lists: dict[int, tuple[str, list[Any]]] = {}
    for arm, user, *row in rows_of(outcome):
        lists.setdefault(user, (arm, []))[1].append(row)
    return lists


def challengers(users: Any) -> set[int]:
    ids = np.array(sorted(users), np.uint64)
    return set(ids[gets_challenger(ids, "blue", 0.3)].tolist())


def test_a_refused_challenger_gets_no_experiment(told):
    refused, lists, run, champion = told["refused"]
    assert refused.returncode == 3, refused.stderr
    assert "Refused: Version 2 was not published" in refused.stderr
    assert [each.stdout for each in (lists, run, champion)] == [
        each.stdout for each in told["before"]
    ]


def test_each_user_has_the_list_of_one_model_and_the_champion_stays(told):
    begun, lists, run, champion = told["begun"]
    assert begun.returncode == 0, begun.stderr
    assert "blue: 30% of the users have the lists of version 3" in " ".join(begun.stdout.split())
    before, now, all_theirs = (
        lists_of(each) for each in (told["before"][0], lists, told["promoted"][1])
    )
    chosen = challengers(before)
    assert now.keys() == before.keys()
    assert 50 < len(chosen) < 130
    for user, (arm, rows) in now.items():
        if user in chosen:
            assert (arm, rows) == ("challenger", all_theirs[user][1])
        else:
            assert (arm, rows) == ("champion", before[user][1])
    assert any(before[user][1] != now[user][1] for user in chosen)
    ((_, version, params),) = rows_of(run)
    assert (version, rows_of(champion)) == ("1", [[1]])
    assert params["experiment"] == "blue"
    assert params["challenger_version"] == "3"


def test_recommend_goes_by_the_model_of_the_users_arm(told):
    lists = lists_of(told["begun"][1])
    assert {lists[user][0] for user in RECOMMENDED} == {"champion", "challenger"}
    for user, outcome in zip(RECOMMENDED, told["recommended"], strict=True):
        assert outcome.returncode == 0, outcome.stderr
        shown = [[row["rank"], row["movie_id"]] for row in json.loads(outcome.stdout)]
        assert shown == [row[:2] for row in lists[user][1]]


def test_the_marts_say_which_arm_and_which_version_a_user_has(told):
    _, marts, verdicts = told["built"]
    inside = len(challengers(lists_of(told["before"][0])))
    arms = {arm: (version, users) for arm, version, users, _ in rows_of(marts)}
    assert arms == {"champion": (1, 300 - inside), "challenger": (3, inside)}
    assert rows_of(verdicts) == [["blue", days, "cannot tell yet"] for days in (1, 7, 28)]


def test_score_goes_on_with_both_models(told):
    scored, lists, run, champion = told["scored"]
    assert "The experiment blue goes on: 30% of the users" in scored.stdout
    assert lists_of(lists) == lists_of(told["begun"][1])
    assert rows_of(run)[0][0] != rows_of(told["begun"][2])[0][0]
    assert rows_of(champion) == [[1]]


def test_promote_wants_an_experiment_and_a_winner(told):
    (nothing,), (undecided,) = told["promoted without an experiment"], told["undecided"]
    assert nothing.returncode == undecided.returncode == 1
    assert "No experiment is live" in nothing.stderr
    assert "cannot tell yet which model is better" in undecided.stderr


def test_a_promotion_that_is_refused_says_how_it_is_forced(told):
    _, refused, _, _, run, champion = told["too small"]
    assert refused.returncode == 3
    assert "`promote challenger --max-shrink 1` publishes all the same" in refused.stderr
    assert [run.stdout, champion.stdout] == [each.stdout for each in told["scored"][2:]]


def test_promote_gives_everyone_the_winners_lists_and_rollback_takes_them_back(told):
    promoted, lists, run, champion = told["promoted"]
    assert promoted.returncode == 0, promoted.stderr
    assert {arm for arm, _ in lists_of(lists).values()} == {""}
    ((_, version, params),) = rows_of(run)
    assert (version, rows_of(champion)) == ("3", [[3]])
    assert "experiment" not in params
    back, lists, run, champion = told["rolled back"]
    assert back.returncode == 0, back.stderr
    assert lists.stdout == told["scored"][1].stdout
    assert rows_of(run) == rows_of(told["scored"][2])
    assert rows_of(champion) == [[1]]


def test_the_lists_from_before_an_experiment_are_kept_to_roll_back_to(told):
    ended, lists, run, _ = told["ended"]
    assert ended.returncode == 0, ended.stderr
    assert lists.stdout == told["before"][0].stdout
    assert rows_of(run) == rows_of(told["before"][1])
