"""What is refused, what that leaves as it was, and what overrides it."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from scipy.sparse import csr_matrix

from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import assess, evaluate_settings
from python_jobs.evaluation.gate import Champion, Size, judge, judge_unmeasured, refusal, shrunk
from python_jobs.evaluation.holdout import hold_out
from python_jobs.evaluation.limits import Limits
from python_jobs.interactions.columns import Interactions
from python_jobs.jobs.options import TrainOptions
from python_jobs.jobs.train import assess_and_judge
from python_jobs.model.settings import Settings
from tests.python_jobs.conftest import Project

CURRENT = """
select run_id, count(), sum(cityHash64(user_id, rank, movie_id, score))
from ml.recommendations
where run_id in (select run_id from ml.current_run)
group by run_id
"""
PUBLISHED = "select run_id, toString(published_at) from ml.training_runs order by 2"
SABOTAGED = ["train", "--max-components", "1", "--max-iter", "1"]
MART = "analytics.mart_user_movie_matrix"
SIZE = Size(100, 50, 1000)
CHAMPION = Champion("4", Settings(), recorded=0.5, size=SIZE)
NO_HOLDOUT: Any = None


def _judged(ndcg, popularity=0.1, champion=CHAMPION, size=SIZE, limits=None):
    """Judge settings like the champion's by their figures; no holdout is needed then."""
    assessment: Any = SimpleNamespace(
        model=SimpleNamespace(metrics={"ndcg_at_10": ndcg}),
        baselines={"popularity": SimpleNamespace(metrics={"ndcg_at_10": popularity})},
    )
    return judge(champion, size, Settings(), assessment, NO_HOLDOUT, limits or Limits())


def test_a_run_like_the_champion_can_fail():
    assert _judged(0.5).passed
    assert "the most popular movies" in _judged(0.5, popularity=0.51).reasons[0]
    assert "had 0.5000 when it was trained (--max-drop is 30%)" in _judged(0.34).reasons[0]
    assert _judged(0.36).passed
    assert _judged(0.34, limits=Limits(max_drop=0.5)).passed
    assert _judged(0.2, champion=replace(CHAMPION, recorded=None)).passed
    assert _judged(0.5).metrics() == {"champion_recorded_ndcg_at_10": 0.5, "gate_passed": 1.0}
    assert _judged(0.34).metrics()["gate_passed"] == 0


def test_without_anything_live_everything_passes():
    assert _judged(0.01, popularity=0.5, champion=None).passed
    assert judge_unmeasured(None, SIZE, Limits(), wanted=True).passed


def test_what_cannot_be_measured_is_refused_unless_nobody_asked():
    (reason,) = judge_unmeasured(CHAMPION, SIZE, Limits(), wanted=True).reasons
    assert "nobody has enough interactions" in reason
    assert judge_unmeasured(CHAMPION, SIZE, Limits(), wanted=False).passed
    small = replace(SIZE, users=10)
    assert not judge_unmeasured(CHAMPION, small, Limits(), wanted=False).passed


@pytest.mark.parametrize("part", ["users", "movies", "interactions"])
def test_a_mart_that_shrank_is_refused(part):
    before = getattr(SIZE, part)
    just, too_far = (replace(SIZE, **{part: int(before * share)}) for share in (0.8, 0.78))
    assert shrunk(SIZE, just, 0.2) == []
    (reason,) = shrunk(SIZE, too_far, 0.2)
    assert f"lost 22% of its {part}" in reason
    assert "--max-shrink is 20%" in reason
    assert _judged(0.5, size=too_far).reasons == (reason,)
    assert shrunk(SIZE, replace(SIZE, **{part: before * 5}), 0.0) == []


def test_the_tolerance_is_a_share_of_what_the_champions_settings_reach():
    random = np.random.default_rng(3)
    matrix = csr_matrix((random.random((60, 30)) < 0.4).astype("f4"))
    holdout = hold_out(matrix, random.permutation(matrix.nnz).astype(np.int64))
    settings, other = Settings(max_components=2), Settings(max_components=4)
    assessment = assess(holdout, settings)
    theirs = assess(holdout, other).model.metrics["ndcg_at_10"]
    champion = Champion("1", other, recorded=None, size=Size(*matrix.shape, matrix.nnz))
    ours = assessment.model.metrics["ndcg_at_10"]
    for share, refused in [(1.01, True), (0.99, False)]:
        # The tolerance at which ours is just too little, or just enough.
        limits = Limits(tolerance=1 - share * ours / theirs)
        verdict = judge(champion, champion.size, settings, assessment, holdout, limits)
        assert verdict.champion_ndcg == theirs
        assert any("that of the champion's settings" in why for why in verdict.reasons) is refused


def test_a_refusal_says_why_and_what_stays():
    error = refusal(_judged(0.34), "Version 5", "`train --force`")
    assert error.exit_code == 3
    assert isinstance(error, UserError)
    assert str(error).startswith("Version 5 was not published: its NDCG@10")
    assert "still current, and MLflow's aliases are what they were" in str(error)


def _everything(project, client):
    """Return the commit rows, the current lists' content and both aliases."""
    found = client.get_registered_model("dataflix-nmf").aliases
    aliases = {alias: str(version) for alias, version in found.items()}
    return project.query(PUBLISHED), project.query(CURRENT), aliases


@pytest.fixture(scope="module")
def gated(trained_project, tmp_path_factory):
    """Runs that must not go live, one after the other, then one that must."""
    project = trained_project.copy(tmp_path_factory.mktemp("gated"))
    client = MlflowClient(f"sqlite:///{project.directory / 'mlflow.db'}")
    client.set_registered_model_alias("dataflix-nmf", "challenger", "1")
    before = _everything(project, client)
    few = f"alter table {MART} delete where user_id > 100 settings mutations_sync = 1"
    thin = f"alter table {MART} delete where movie_id > 4 settings mutations_sync = 1"
    outcomes = {}

    def run(name, commands):
        outcomes[name] = project.many(commands)[-1]
        return _everything(project, client)

    states = {
        "sabotaged": run("sabotaged", [(SABOTAGED, {})]),
        "unpublished": run("unpublished", [(["train", "--like", "2", "--no-publish"], {})]),
    }
    again = run("again", [(["train", "--like", "1", "--keep", "2"], {})])
    collapsed = project.copy(tmp_path_factory.mktemp("collapsed"))
    thin_train = ["train", "--max-shrink", "1", "--top", "2"]
    commands = (["sql", few], ["train"], ["score"], ["sql", thin], thin_train)
    shrunken = collapsed.many([(command, {}) for command in commands])
    theirs = MlflowClient(f"sqlite:///{collapsed.directory / 'mlflow.db'}")
    after = _everything(collapsed, theirs)
    return project, client, before, states, outcomes, again, (shrunken, after, theirs)


@pytest.mark.parametrize("run", ["sabotaged", "unpublished"])
def test_what_does_not_go_live_leaves_everything_as_it_was(gated, run):
    _, _, before, states, _, _, _ = gated
    assert states[run] == before


def test_a_sabotaged_model_is_refused_and_recorded(gated):
    _, client, before, _, outcomes, _, _ = gated
    refused = outcomes["sabotaged"]
    assert refused.returncode == 3
    assert "Version 2 was not published: its NDCG@10" in refused.stderr
    assert "--force" in refused.stderr
    run = client.get_run(client.get_model_version("dataflix-nmf", "2").run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["gate_passed"] == 0
    assert run.data.metrics["ndcg_at_10"] < run.data.metrics["champion_ndcg_at_10"]
    assert before[1][0][0] not in refused.stdout


def test_the_settings_of_a_version_can_be_trained_again(gated):
    _, client, before, _, outcomes, again, _ = gated
    assert outcomes["unpublished"].returncode == 0, outcomes["unpublished"].stderr
    run = client.get_run(client.get_model_version("dataflix-nmf", "3").run_id)
    assert (run.data.params["n_components"], run.data.params["max_iter"]) == ("1", "1")
    assert outcomes["again"].returncode == 0, outcomes["again"].stderr
    rows, lists, aliases = again
    assert aliases == {"champion": "4", "challenger": "1"}
    assert len(rows) == len(before[0]) + 1
    # The same settings on the same data: other run, same lists.
    assert lists[0][1:] == before[1][0][1:]
    assert lists[0][0] == client.get_model_version("dataflix-nmf", "4").run_id


def test_a_mart_that_collapsed_is_published_by_neither_train_nor_score(gated):
    *_, again, ((_, trained, scored, _, thin), after, theirs) = gated
    for refused in (trained, scored):
        assert refused.returncode == 3
        assert "of its users since the current run was made" in refused.stderr
    # Nobody has five interactions left: what cannot be measured does not go live either.
    assert thin.returncode == 3
    assert "nobody has enough interactions" in thin.stderr
    assert after == again
    refused = theirs.get_run(theirs.get_model_version("dataflix-nmf", "5").run_id)
    assert refused.data.params["max_shrink"] == "0.2"
    assert refused.data.metrics["gate_passed"] == 0


def test_what_was_refused_is_kept_with_its_reasons(gated):
    *_, (_, _, theirs) = gated
    store = Path(theirs.tracking_uri.removeprefix("sqlite:///"))
    kept = Project(store.parent).query(
        "select job, model_version, run_id = mlflow_run_id, length(reasons), reasons[1], "
        "metrics['ndcg_at_10'] > 0, params['algorithm'], users from ml.refused_runs "
        "order by refused_at"
    )
    assert [row[:4] for row in kept] == [
        ["train", "2", 1, 2],
        ["train", "5", 1, 2],
        ["score", "4", 0, 2],
        ["train", "6", 1, 1],
    ]
    reasons = [row[4] for row in kept]
    assert reasons[0].startswith("its NDCG@10 on held-out interactions is")
    assert reasons[1] == reasons[2]
    assert reasons[1].startswith("the mart has lost 66% of its users")
    assert reasons[3].startswith("nobody has enough interactions")
    assert [row[5:] for row in kept][:2] == [[1, "NMF", 295], [1, "NMF", 100]]


def test_that_a_refusal_could_not_be_kept_is_a_warning_and_it_is_refused(trained_project, tmp_path):
    """As before the `dbt run` that an upgrade asks for."""
    project = trained_project.copy(tmp_path)
    _, refused = project.many([(["sql", "drop table ml.refused_runs sync"], {}), (SABOTAGED, {})])
    assert refused.returncode == 3
    assert "Version 2 was not published: its NDCG@10" in refused.stderr
    assert (
        "Warning: That it was refused is not in ml.refused_runs, which dashboards" in refused.stderr
    )
    assert "run `dbt run` once" in refused.stderr


def test_force_publishes_and_is_recorded(gated):
    project, client, *_ = gated
    forced_train = [*SABOTAGED, "--set", "recency=1", "--force", "--keep", "2"]
    nightly = ["train", "--like", "live", "--no-evaluate", "--no-publish"]
    forced, again = project.many([(forced_train, {}), (nightly, {"DATAFLIX_SEED": "3"})])
    assert forced.returncode == 0, forced.stderr
    champion = client.get_model_version_by_alias("dataflix-nmf", "champion")
    run = client.get_run(champion.run_id)
    assert run.data.tags["forced"] == "true"
    assert run.data.metrics["gate_passed"] == 0
    assert project.query(CURRENT)[0][0] == champion.run_id
    # What is live, whatever its settings, is trained again with them.
    assert again.returncode == 0, again.stderr
    assert f"settings: those of version {champion.version}, which is live\n" in again.stderr
    latest = client.get_registered_model("dataflix-nmf").latest_versions[0]
    assert int(latest.version) == int(champion.version) + 1
    theirs = client.get_run(latest.run_id).data.params
    assert (theirs["recency"], theirs["max_iter"], theirs["random_state"]) == ("1.0", "1", "42")
    assert {name: theirs[name] for name in theirs if name in run.data.params} == run.data.params


def test_retention_keeps_every_table_of_a_run_together(gated):
    project, *_ = gated
    tables = ("recommendations", "similar_movies", "movie_factors")
    kept = [project.query(f"select distinct run_id from ml.{table} order by 1") for table in tables]
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) == 2


def test_what_tune_finds_is_the_challenger_and_can_be_trained(trained_project, tmp_path):
    project = trained_project.copy(tmp_path)
    before = project.query(CURRENT)
    tuned, trained = project.many(
        [(["tune", "--minutes", "0"], {}), (["train", "--like", "challenger"], {})]
    )
    assert tuned.returncode == 0, tuned.stderr
    assert re.search(r"\b3 trials", tuned.stdout)
    client = MlflowClient(f"sqlite:///{project.directory / 'mlflow.db'}")
    challenger = client.get_run(client.get_model_version("dataflix-nmf", "2").run_id)
    like_it = client.get_run(client.get_model_version("dataflix-nmf", "3").run_id)
    for param in ("n_components", "alpha", "ensemble_ranks", "watched_weight", "random_state"):
        assert like_it.data.params[param] == challenger.data.params[param]
    passed = like_it.data.metrics["gate_passed"] == 1
    assert trained.returncode == (0 if passed else 3), trained.stderr
    live = like_it.info.run_id if passed else before[0][0]
    assert project.query(CURRENT)[0][0] == live
    assert client.get_model_version_by_alias("dataflix-nmf", "champion").run_id == live
    trials = client.search_runs(
        [challenger.info.experiment_id],
        f"tags.mlflow.parentRunId = '{challenger.info.run_id}'",
    )
    validations = [run.data.metrics["validation_ndcg_at_10"] for run in trials]
    assert len(validations) == 3
    assert all(0 < ndcg < 1 for ndcg in validations)


def test_what_is_held_out_has_no_influence_on_the_fit():
    random = np.random.default_rng(3)
    matrix = csr_matrix(
        (random.random((40, 30)) < 0.4) * random.integers(1, 6, (40, 30)), dtype="f4"
    )
    times = random.permutation(matrix.nnz).astype(np.int64)
    holdout = hold_out(matrix, times)
    planted = matrix.copy()
    held_out = np.asarray(planted[holdout.test.nonzero()]).size
    planted[holdout.test.nonzero()] = 1000
    assert held_out > 40
    settings = Settings(max_components=4)
    assert (
        assess(holdout, settings).metrics() == assess(hold_out(planted, times), settings).metrics()
    )


def test_the_champion_is_judged_on_the_scores_that_its_settings_want():
    """They were read with the others, in one query."""
    random = np.random.default_rng(3)
    seen = random.random((40, 30)) < 0.4
    scores = {weight: random.uniform(1, 5, seen.sum()).astype("f4") for weight in (None, 2.0)}
    matrix = csr_matrix(seen, dtype="f4")
    matrix.data = scores[None]
    interactions = Interactions(
        matrix=matrix,
        user_ids=np.arange(40, dtype=np.uint64),
        movie_ids=np.arange(30, dtype=np.uint64),
        last_interacted_at=random.permutation(matrix.nnz).astype(np.int64),
        scores=scores,
        fingerprints=np.zeros(40, np.uint64),
        relation="scratch.mart",
    )
    ours, theirs = Settings(4), Settings(4, watched_weight=2.0)
    champion = replace(CHAMPION, settings=theirs, recorded=None)
    assessment, verdict = assess_and_judge(champion, interactions, TrainOptions(ours))
    assert assessment is not None
    ndcg = assessment.model.metrics["ndcg_at_10"]
    expected = {
        settings: evaluate_settings(
            settings,
            hold_out(
                interactions.under(settings.watched_weight).matrix, interactions.last_interacted_at
            ),
        ).metrics["ndcg_at_10"]
        for settings in (ours, theirs)
    }
    assert (ndcg, verdict.champion_ndcg) == tuple(expected.values())
    assert ndcg != verdict.champion_ndcg
