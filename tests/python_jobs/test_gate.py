"""What is refused, what overrides it, and what a model trained like another one is."""

import numpy as np
import pytest
from mlflow import MlflowClient
from scipy.sparse import csr_matrix

from python_jobs.assessment import assess
from python_jobs.evaluation import evaluate_settings
from python_jobs.gate import Champion, Verdict
from python_jobs.holdout import hold_out
from python_jobs.interaction_columns import Interactions
from python_jobs.progress import Phases
from python_jobs.settings import Settings
from python_jobs.training import TrainOptions, evaluate

CURRENT = """
select run_id, count(), sum(cityHash64(user_id, rank, movie_id, score))
from ml.recommendations
where run_id = (select argMax(run_id, published_at) from ml.training_runs)
group by run_id
"""
SABOTAGED = ["train", "--max-components", "1", "--max-iter", "1"]


@pytest.fixture(scope="module")
def gated(trained_project, tmp_path_factory):
    """A sabotaged model before the gate, then forced past it, and a good one like the first."""
    project = trained_project.copy(tmp_path_factory.mktemp("gated"))
    client = MlflowClient(f"sqlite:///{project.directory / 'mlflow.db'}")
    before = project.query(CURRENT)
    refused, again, better = project.many(
        [
            (SABOTAGED, {}),
            (["train", "--like", "challenger", "--no-publish"], {}),
            (["train", "--like", "1", "--keep", "2"], {}),
        ]
    )
    return project, client, before, (refused, again, better)


def test_a_sabotaged_model_is_refused_and_the_old_lists_stay(gated):
    _, client, before, (refused, _, _) = gated
    assert refused.returncode == 3
    assert "was not published: its NDCG@10" in refused.stderr
    assert "--force" in refused.stderr
    assert client.get_model_version_by_alias("dataflix-nmf", "challenger").version == 2
    run = client.get_run(client.get_model_version("dataflix-nmf", "2").run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["gate_passed"] == 0
    assert run.data.metrics["ndcg_at_10"] < run.data.metrics["champion_ndcg_at_10"]
    assert before[0][0] not in refused.stdout


def test_the_settings_of_a_version_can_be_trained_again(gated):
    project, client, before, (_, again, better) = gated
    assert again.returncode == 0, again.stderr
    run = client.get_run(client.get_model_version("dataflix-nmf", "3").run_id)
    assert (run.data.params["n_components"], run.data.params["max_iter"]) == ("1", "1")
    assert better.returncode == 0, better.stderr
    assert client.get_model_version_by_alias("dataflix-nmf", "champion").version == 4
    # The same settings on the same data: other run, same lists.
    assert project.query(CURRENT)[0][1:] == before[0][1:]


def test_force_publishes_and_is_recorded(gated):
    project, client, _, _ = gated
    (forced,) = project.many([([*SABOTAGED, "--force", "--keep", "2"], {})])
    assert forced.returncode == 0, forced.stderr
    champion = client.get_model_version_by_alias("dataflix-nmf", "champion")
    assert champion.version == 5
    assert client.get_run(champion.run_id).data.tags["forced"] == "true"
    assert project.query(CURRENT)[0][0] == champion.run_id


def test_retention_keeps_every_table_of_a_run_together(gated):
    project, _, _, _ = gated
    tables = ("recommendations", "similar_movies", "movie_factors")
    kept = [project.query(f"select distinct run_id from ml.{table} order by 1") for table in tables]
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) == 2


def test_what_tune_finds_is_the_challenger_and_can_be_trained(trained_project, tmp_path):
    project = trained_project.copy(tmp_path)
    tuned, trained = project.many(
        [(["tune", "--minutes", "0"], {}), (["train", "--like", "challenger"], {})]
    )
    assert tuned.returncode == 0, tuned.stderr
    assert "3 trials" in tuned.stdout
    assert trained.returncode in (0, 3), trained.stderr
    client = MlflowClient(f"sqlite:///{project.directory / 'mlflow.db'}")
    challenger = client.get_run(client.get_model_version("dataflix-nmf", "2").run_id)
    like_it = client.get_run(client.get_model_version("dataflix-nmf", "3").run_id)
    for param in ("n_components", "alpha", "ensemble_ranks", "watched_weight", "random_state"):
        assert like_it.data.params[param] == challenger.data.params[param]
    trials = client.search_runs(
        [challenger.info.experiment_id],
        f"tags.mlflow.parentRunId = '{challenger.info.run_id}'",
    )
    validations = [run.data.metrics["validation_ndcg_at_10"] for run in trials]
    assert len(validations) == 3
    assert all(0 < ndcg < 1 for ndcg in validations)


def test_the_tolerance_is_a_share_of_the_champions_figure():
    for ndcg, passed in [(0.5, True), (0.491, True), (0.489, False)]:
        assert Verdict(ndcg, 0.5, "1", tolerance=0.02).passed is passed


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
    _, verdict = evaluate(interactions, Champion("1", theirs), TrainOptions(ours), Phases())
    expected = {
        settings: evaluate_settings(
            settings,
            hold_out(
                interactions.under(settings.watched_weight).matrix, interactions.last_interacted_at
            ),
        ).metrics["ndcg_at_10"]
        for settings in (ours, theirs)
    }
    assert verdict is not None
    assert (verdict.ndcg, verdict.champion_ndcg) == tuple(expected.values())
    assert verdict.ndcg != verdict.champion_ndcg
