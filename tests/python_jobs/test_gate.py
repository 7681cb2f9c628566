"""What is refused, what that leaves as it was, and what overrides it."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from scipy.sparse import csr_matrix

from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import Measured, assess, evaluate_settings
from python_jobs.evaluation.gate import Champion, Size, judge, judge_unmeasured, refusal, shrunk
from python_jobs.evaluation.holdout import hold_out
from python_jobs.evaluation.limits import Limits
from python_jobs.interactions.columns import Interactions
from python_jobs.jobs.one_process import InMemory
from python_jobs.jobs.options import TrainOptions
from python_jobs.jobs.train import assess_and_judge
from python_jobs.model.settings import Settings
from tests.python_jobs.conftest import Command, rows_of

CURRENT = """
select run_id, count(), sum(cityHash64(user_id, rank, movie_id, score))
from ml.recommendations
where run_id in (select run_id from ml.current_run)
group by run_id
"""
PUBLISHED = "select run_id, toString(published_at) from ml.training_runs order by 2"
ALIASES = (
    "select alias, version from registered_model_aliases where name = 'dataflix-nmf' order by 1"
)
KEPT = "select distinct run_id from ml.{} order by 1"
SABOTAGED = ["train", "--max-components", "1", "--max-iter", "1"]
MART, WHOLE = "analytics.mart_user_movie_matrix", "analytics.whole_matrix"
SIZE = Size(100, 50, 1000)
CHAMPION = Champion("4", Settings(), recorded=0.5, size=SIZE)


def _judged(ndcg, popularity=0.1, champion=CHAMPION, size=SIZE, limits=None):
    """Judge settings like the champion's by their figures."""
    assessment: Any = SimpleNamespace(
        model=SimpleNamespace(metrics={"ndcg_at_10": ndcg}),
        baselines={"popularity": SimpleNamespace(metrics={"ndcg_at_10": popularity})},
        started_at=None,
    )
    return judge(champion, size, Measured(assessment, None), limits or Limits())


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
        verdict = judge(champion, champion.size, Measured(assessment, theirs), limits)
        assert verdict.champion_ndcg == theirs
        assert any("that of the champion's settings" in why for why in verdict.reasons) is refused


def test_a_refusal_says_why_and_what_stays():
    error = refusal(_judged(0.34), "Version 5", "`train --force`")
    assert error.exit_code == 3
    assert isinstance(error, UserError)
    assert str(error).startswith("Version 5 was not published: its NDCG@10")
    assert "still current, and MLflow's aliases are what they were" in str(error)


REFUSED = """
select job, model_version, run_id = mlflow_run_id, length(reasons), reasons[1],
    metrics['ndcg_at_10'] > 0, params['algorithm'], users
from ml.refused_runs order by refused_at
"""
RUNS: dict[str, list[Command | tuple[Command, dict[str, str]]]] = {
    "before": [],
    "sabotaged": [SABOTAGED],
    "unpublished": [["train", "--like", "2", "--no-publish"]],
    "again": [["train", "--like", "1", "--keep", "2"]],
    "few": [
        ["execute", f"rename table {MART} to {WHOLE}"],
        ["execute", f"create table {MART} as {WHOLE}"],
        ["execute", f"insert into {MART} select * from {WHOLE} where user_id <= 100"],
        ["train"],
    ],
    "few scored": [["score"]],
    "thin": [
        ["execute", f"alter table {MART} delete where movie_id > 4 settings mutations_sync = 1"],
        ["train", "--max-shrink", "1", "--top", "2"],
    ],
    "forced": [
        ["execute", f"exchange tables {WHOLE} and {MART}"],
        [*SABOTAGED, "--set", "recency=1", "--force", "--keep", "2"],
    ],
    "nightly": [
        (["train", "--like", "live", "--no-evaluate", "--no-publish"], {"DATAFLIX_SEED": "3"}),
    ],
    "recommendations": [["query", KEPT.format("recommendations")]],
    "similar_movies": [["query", KEPT.format("similar_movies")]],
    "movie_factors": [["query", KEPT.format("movie_factors")]],
    "refused": [["query", REFUSED]],
}
"""One after the other; what is looked at is the last command of each, and what it leaves."""


@pytest.fixture(scope="module")
def gated(trained_project, tmp_path_factory):
    """Return MLflow, the outcome of each of RUNS, and what is published and aliased after it.

    The latter are the commit rows, the content of the current lists, and both aliases.
    """
    project = trained_project.copy(tmp_path_factory.mktemp("gated"))
    client = MlflowClient(f"sqlite:///{project.directory / 'mlflow.db'}")
    client.set_registered_model_alias("dataflix-nmf", "challenger", "1")
    look = [["query", PUBLISHED], ["query", CURRENT], ["store", ALIASES]]
    commands = [each for run in RUNS.values() for each in (*run, *look)]
    done = iter(project.many(commands))
    outcomes, states = {}, {}
    for name, run in RUNS.items():
        for _ in run:
            outcomes[name] = next(done)
        states[name] = [rows_of(next(done)) for _ in look]
    return client, outcomes, states


@pytest.mark.parametrize("run", ["sabotaged", "unpublished"])
def test_what_does_not_go_live_leaves_everything_as_it_was(gated, run):
    _, _, states = gated
    assert states[run] == states["before"]


def test_a_sabotaged_model_is_refused_and_recorded(gated):
    client, outcomes, states = gated
    refused = outcomes["sabotaged"]
    assert refused.returncode == 3
    assert "Version 2 was not published: its NDCG@10" in refused.stderr
    assert "--force" in refused.stderr
    run = client.get_run(client.get_model_version("dataflix-nmf", "2").run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["gate_passed"] == 0
    assert run.data.metrics["ndcg_at_10"] < run.data.metrics["champion_ndcg_at_10"]
    _, lists, _ = states["before"]
    assert lists[0][0] not in refused.stdout


def test_the_settings_of_a_version_can_be_trained_again(gated):
    client, outcomes, states = gated
    assert outcomes["unpublished"].returncode == 0, outcomes["unpublished"].stderr
    run = client.get_run(client.get_model_version("dataflix-nmf", "3").run_id)
    assert (run.data.params["n_components"], run.data.params["max_iter"]) == ("1", "1")
    assert outcomes["again"].returncode == 0, outcomes["again"].stderr
    rows, lists, aliases = states["again"]
    rows_before, lists_before, _ = states["before"]
    assert aliases == [["challenger", 1], ["champion", 4]]
    assert len(rows) == len(rows_before) + 1
    # The same settings on the same data: other run, same lists.
    assert lists[0][1:] == lists_before[0][1:]
    assert lists[0][0] == client.get_model_version("dataflix-nmf", "4").run_id


def test_a_mart_that_collapsed_is_published_by_neither_train_nor_score(gated):
    client, outcomes, states = gated
    for refused in (outcomes["few"], outcomes["few scored"]):
        assert refused.returncode == 3
        assert "of its users since the current run was made" in refused.stderr
    # Nobody has five interactions left: what cannot be measured does not go live either.
    assert outcomes["thin"].returncode == 3
    assert "nobody has enough interactions" in outcomes["thin"].stderr
    assert states["few"] == states["few scored"] == states["thin"] == states["again"]
    refused = client.get_run(client.get_model_version("dataflix-nmf", "5").run_id)
    assert refused.data.params["max_shrink"] == "0.2"
    assert refused.data.metrics["gate_passed"] == 0


def test_what_was_refused_is_kept_with_its_reasons(gated):
    _, outcomes, _ = gated
    kept = rows_of(outcomes["refused"])
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
    _, refused = project.many([["execute", "drop table ml.refused_runs sync"], SABOTAGED])
    assert refused.returncode == 3
    assert "Version 2 was not published: its NDCG@10" in refused.stderr
    assert (
        "Warning: That it was refused is not in ml.refused_runs, which dashboards" in refused.stderr
    )
    assert "run `dbt run` once" in refused.stderr


def test_force_publishes_and_is_recorded(gated):
    client, outcomes, states = gated
    assert outcomes["forced"].returncode == 0, outcomes["forced"].stderr
    champion = client.get_model_version_by_alias("dataflix-nmf", "champion")
    run = client.get_run(champion.run_id)
    assert run.data.tags["forced"] == "true"
    assert run.data.metrics["gate_passed"] == 0
    _, lists, aliases = states["forced"]
    assert lists[0][0] == champion.run_id
    assert dict(aliases)["champion"] == int(champion.version)
    # What is live, whatever its settings, is trained again with them.
    again = outcomes["nightly"]
    assert again.returncode == 0, again.stderr
    assert states["nightly"] == states["forced"]
    assert f"settings: those of version {champion.version}, which is live\n" in again.stderr
    latest = client.get_registered_model("dataflix-nmf").latest_versions[0]
    assert int(latest.version) == int(champion.version) + 1
    theirs = client.get_run(latest.run_id).data.params
    assert (theirs["recency"], theirs["max_iter"], theirs["random_state"]) == ("1.0", "1", "42")
    assert theirs.pop("made_by") == f"train like v{champion.version}"
    ours = {name: value for name, value in run.data.params.items() if name != "made_by"}
    assert {name: theirs[name] for name in theirs if name in ours} == ours


def test_retention_keeps_every_table_of_a_run_together(gated):
    _, outcomes, _ = gated
    tables = ("recommendations", "similar_movies", "movie_factors")
    kept = [rows_of(outcomes[table]) for table in tables]
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) == 2


def test_what_tune_finds_is_the_challenger_and_can_be_trained(trained_project, tmp_path):
    project = trained_project.copy(tmp_path)
    tune, train = ["tune", "--minutes", "0"], ["train", "--like", "challenger"]
    live_now = ["query", CURRENT]
    before, tuned, trained, after = project.many([live_now, (tune, {}), (train, {}), live_now])
    assert tuned.returncode == 0, tuned.stderr
    assert re.search(r"\b4 trials", tuned.stdout)
    client = MlflowClient(f"sqlite:///{project.directory / 'mlflow.db'}")
    challenger = client.get_run(client.get_model_version("dataflix-nmf", "2").run_id)
    like_it = client.get_run(client.get_model_version("dataflix-nmf", "3").run_id)
    for param in ("n_components", "alpha", "ensemble_ranks", "watched_weight", "random_state"):
        assert like_it.data.params[param] == challenger.data.params[param]
    passed = like_it.data.metrics["gate_passed"] == 1
    assert trained.returncode == (0 if passed else 3), trained.stderr
    live = like_it.info.run_id if passed else rows_of(before)[0][0]
    assert rows_of(after)[0][0] == live
    assert client.get_model_version_by_alias("dataflix-nmf", "champion").run_id == live
    runs = client.get_experiment(challenger.info.experiment_id)
    trials = client.search_runs(
        [client.get_experiment_by_name(f"{runs.name}-trials").experiment_id],
        f"tags.mlflow.parentRunId = '{challenger.info.run_id}'",
    )
    validations = [run.data.metrics["validation_ndcg_at_10"] for run in trials]
    assert len(validations) == 4
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
    assessment, verdict = assess_and_judge(champion, InMemory(interactions), TrainOptions(ours))
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
