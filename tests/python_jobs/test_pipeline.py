"""The whole pipeline through its commands, a second time, and what it leaves in each place."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.python_jobs.conftest import rows_of

CURRENT_LISTS = """
select user_id, rank, movie_id, score, reason, because_movie_id
from ml.recommendations
where run_id = (select argMax(run_id, published_at) from ml.training_runs)
order by user_id, rank
"""
BROKEN_LISTS = """
with current as (
    select * from ml.recommendations
    where run_id = (select argMax(run_id, published_at) from ml.training_runs)
)
select
    (
        select count()
        from (
            select user_id, greatest(0, 200 - count()) as unseen
            from analytics.mart_user_movie_matrix
            group by user_id
        ) as expected
        left join (select user_id, count() as listed from current group by user_id) as found
            on expected.user_id = found.user_id
        where found.listed != least(20, expected.unseen)
    ) as lists_of_a_wrong_length,
    (
        select count()
        from current
        inner join analytics.mart_user_movie_matrix as seen using (user_id, movie_id)
    ) as seen_movies,
    (
        select count()
        from (
            select groupArray(rank) as ranks
            from (select user_id, rank from current order by user_id, rank)
            group by user_id
        )
        where ranks != range(1, length(ranks) + 1)
    ) as gaps
"""
UNCHANGED = """
select
    (select (count(), sum(cityHash64(tuple(*)))) from analytics.mart_user_movie_matrix),
    (select (count(), sum(cityHash64(tuple(*)))) from analytics.mart_users),
    (select (count(), sum(cityHash64(tuple(*)))) from analytics.mart_ratings_aggregated),
    (select (count(), sum(cityHash64(tuple(*)))) from raw.ratings)
"""
RUNS = "select run_id, model_version from ml.training_runs order by published_at"
SHOWN = "select distinct model_version from analytics.mart_user_recommendations"
BROKEN_SHOWN = """
select count(), countIf(title = ''),
    countIf(reason = 'factors' and (because_title = '' or because_movie_id is null))
from analytics.mart_user_recommendations
"""
LATENT = """
select feature, label, arrayStringConcat(titles, '; ')
from analytics.mart_latent_features
order by feature
"""
COUNTS = """
select
    (select count() from analytics.mart_similar_movies),
    (select count() from analytics.mart_latent_features)
"""
POPULAR = """
select movie_id from analytics.mart_user_movie_matrix
where movie_id in (select movie_id from analytics.int_recommendable_movies)
group by movie_id
order by count() desc, movie_id
limit 20
"""
COLD = """
select user_id from raw.users
where user_id not in (select user_id from analytics.mart_user_movie_matrix)
"""
SHAPE = """
select uniqExact(user_id), uniqExact(movie_id), count() from analytics.mart_user_movie_matrix
"""
BEFORE = (UNCHANGED, RUNS, CURRENT_LISTS)
AFTER = (*BEFORE, BROKEN_LISTS, BROKEN_SHOWN, COUNTS, POPULAR, COLD, SHAPE, LATENT)


@pytest.fixture(scope="module")
def twice(trained_project, tmp_path_factory):
    """The pipeline run once more: the project, what it printed, and what queries find in it.

    The latter are two dictionaries by query, of before and of after.
    """
    project = trained_project.copy(tmp_path_factory.mktemp("twice"))
    before = dict(zip(BEFORE, project.queries(*BEFORE), strict=True))
    (project.directory / "logs/dbt.log").unlink()
    done = project.python_jobs("pipeline")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return project, done, before, dict(zip(AFTER, project.queries(*AFTER), strict=True))


@pytest.fixture(scope="module")
def artifacts(twice):
    """What MLflow holds of the current run: its id, and the folder of its artifacts."""
    from mlflow import MlflowClient

    project, _, _, after = twice
    client = MlflowClient(f"sqlite:///{project.directory / 'mlflow.db'}")
    run_id = after[RUNS][-1][0]
    return client, client.get_run(run_id), Path(client.download_artifacts(run_id, ""))


def test_a_second_run_adds_one_published_run_and_changes_nothing_else(twice):
    _, _, before, after = twice
    assert after[RUNS][:1] == before[RUNS]
    assert len(after[RUNS]) == 2
    assert after[UNCHANGED] == before[UNCHANGED]
    assert after[CURRENT_LISTS] == before[CURRENT_LISTS]  # the same seed


def test_it_trains_like_what_is_live_and_says_so(twice):
    _, done, _, _ = twice
    assert "[2/3] python_jobs train --like live\n" in done.stderr
    assert "settings: those of version 1, which is live\n" in done.stderr


def test_every_node_is_built_or_tested_once(twice):
    project, *_ = twice
    manifest = json.loads((project.directory / "target/manifest.json").read_text())
    nodes = manifest["nodes"].values()
    # Unit tests are of the SQL, and of no night's data.
    wanted = [node["name"] for node in nodes if node["resource_type"] in ("model", "test")]
    # 5 of 98 OK created sql table model `analytics`.`mart_movies` ........ [OK in 0.05s]
    # 6 of 98 PASS mart_training_runs::what_it_shows ...................... [PASS in 0.05s]
    ended = r"\d+ of \d+ (?:OK created sql \w+ model|PASS|WARN \d+) (?:\S+(?:\.|::))?`?(\w+)`? "
    assert len(wanted) > 60
    log = (project.directory / "logs/dbt.log").read_text(encoding="utf-8")
    assert sorted(re.findall(ended, log)) == sorted(wanted)


def test_it_prints_a_page_and_says_where_the_rest_is(twice):
    project, done, _, _ = twice
    assert len(done.stdout.splitlines()) + len(done.stderr.splitlines()) < 50
    assert f"What dbt does is told in {project.directory}/logs/dbt.log." in done.stderr


def test_the_samples_broken_rows_are_counted_in_a_sentence_and_are_no_warning(twice):
    _, done, _, _ = twice
    assert (
        "8 of 33,914 ratings and watch events stay out of the training mart: 3 rating outside "
        "(0, 5], 3 unknown user, 2 unknown movie. staging.rejected_interactions has them.\n"
    ) in done.stdout
    assert done.stdout.count("WARN=0 ERROR=0") == 2
    assert "Warn" not in done.stdout


def test_every_list_is_sound(twice):
    *_, after = twice
    assert after[BROKEN_LISTS] == [[0, 0, 0]]


def test_scores_are_w_times_h_of_the_artifacts(twice, artifacts):
    *_, after = twice
    _, _, folder = artifacts
    W, H = np.load(folder / "user_features.npy"), np.load(folder / "movie_features.npy")
    metadata = json.loads((folder / "metadata.json").read_text())
    rows = {user: row for row, user in enumerate(metadata["user_ids"])}
    columns = {movie: column for column, movie in enumerate(metadata["movie_ids"])}
    lists = [row for row in after[CURRENT_LISTS] if row[4] == "factors"]
    assert len(lists) > 5000
    for user, _, movie, score, _, because in lists:
        expected = W[rows[user]].astype(float) @ H[:, columns[movie]].astype(float)
        assert score == pytest.approx(expected, abs=1e-5)
        assert because in columns


def test_users_without_interactions_get_the_popular_list(twice):
    *_, after = twice
    popular, cold, lists = after[POPULAR], after[COLD], after[CURRENT_LISTS]
    assert len(cold) >= 3
    for (user,) in cold:
        listed = [row for row in lists if row[0] == user]
        assert [[row[2]] for row in listed] == popular
        assert {row[4] for row in listed} == {"popular"}


def test_mlflow_holds_what_the_run_was(twice, artifacts):
    *_, after = twice
    client, run, folder = artifacts
    params, metrics = run.data.params, run.data.metrics
    assert run.info.status == "FINISHED"
    assert params["algorithm"] == "NMF"
    assert params["n_components"] == "10"
    assert params["max_iter"] == "200"
    assert params["init"] == "random"
    assert params["random_state"] == "42"
    ((users, movies, cells),) = after[SHAPE]
    assert params["matrix_shape"] == f"{users}x{movies}"
    assert metrics["sparsity"] == pytest.approx(100 * (1 - cells / (users * movies)))
    named = {"rmse", "mae", "reconstruction_error", "rmse_observed", "mae_observed", "ndcg_at_10"}
    assert named <= set(metrics)
    assert metrics["ndcg_at_10"] > metrics["popularity_ndcg_at_10"]
    (mart,) = [data.dataset for data in run.inputs.dataset_inputs]
    assert json.loads(mart.source)["rows"] == cells
    assert len(run.data.tags["dbt_invocation_id"]) == 36
    assert {path.name for path in folder.iterdir()} >= {
        "user_features.npy",
        "movie_features.npy",
        "metadata.json",
        "pictures",
        "latent_features.json",
    }
    champion = client.get_model_version_by_alias("dataflix-nmf", "champion")
    assert champion.run_id == run.info.run_id
    stored = [path.name for path in folder.parents[1].rglob("*") if path.is_file()]
    assert "model.skops" in stored
    assert not [name for name in stored if name.endswith((".pkl", ".pickle", ".cloudpickle"))]


def test_a_run_shows_its_pictures_beside_its_figures(twice, artifacts):
    *_, after = twice
    _, _, folder = artifacts
    for name in ("ndcg_by_activity.png", "reach.png"):
        with Image.open(folder / "pictures" / name) as picture:
            assert picture.size == (700, 420)
            assert len(picture.convert("RGB").getcolors(maxcolors=10**6) or ()) > 10
    table = json.loads((folder / "latent_features.json").read_text())
    assert table["columns"] == ["feature", "genres", "movies"]
    assert table["data"] == after[LATENT]


def test_the_logged_model_loads_and_folds_in(twice, artifacts):
    import mlflow

    project, *_ = twice
    client, _, folder = artifacts
    mlflow.set_tracking_uri(f"sqlite:///{project.directory / 'mlflow.db'}")
    version = client.get_model_version_by_alias("dataflix-nmf", "champion")
    model = mlflow.sklearn.load_model(version.source)
    W, H = np.load(folder / "user_features.npy"), np.load(folder / "movie_features.npy")
    assert np.array_equal(model.components_, H)
    folded = model.transform((W[:5] @ H).astype(np.float32))
    assert np.abs(folded @ H - W[:5] @ H).max() < 0.05 * (W[:5] @ H).max()


def test_dashboards_show_the_current_run_with_names_and_reasons(twice):
    *_, after = twice
    assert after[BROKEN_SHOWN] == [[len(after[CURRENT_LISTS]), 0, 0]]
    ((similar, features),) = after[COUNTS]
    assert similar > 200
    assert features == 10


def test_rolling_back_and_forth(twice):
    project, _, _, after = twice
    (first, one), (second, two) = after[RUNS]
    champion = "select version from registered_model_aliases where alias = 'champion'"
    build = ["dbt", "run", "--select", "source:recommender+"]
    looks = [build, ["store", champion], ["query", SHOWN]]
    commands = (["rollback", first], *looks, ["rollback", second], *looks, ["runs"])
    *outcomes, listed = project.many(commands)
    for version, rolled_back in ((one, outcomes[:4]), (two, outcomes[4:])):
        for done in rolled_back:
            assert done.returncode == 0, done.stdout + done.stderr
        *_, alias, shown = rolled_back
        assert rows_of(alias) == [[int(version)]]
        assert rows_of(shown) == [[int(version)]]
    assert listed.stdout.index(second[:8]) < listed.stdout.index(first[:8])


def test_no_column_is_tested_for_nulls_that_cannot_hold_one(trained_project):
    """ClickHouse refuses a null in a column that is not Nullable: such a test could not fail."""
    manifest = json.loads((trained_project.directory / "target/manifest.json").read_text())
    tested = {
        (node["alias"], test["column_name"])
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test"
        and test.get("test_metadata")
        and test["test_metadata"]["name"] == "not_null"
        for node in [manifest["nodes"].get(test["attached_node"])]
        if node  # a source's types are the team's own
    }
    columns = "select table, name from system.columns where type not like '%Nullable%'"
    never_null = {(table, name) for table, name in trained_project.query(columns)}
    assert len(never_null) > 50
    assert tested & never_null == set()
