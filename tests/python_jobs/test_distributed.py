"""``train --engine dask``, on workers and a server of the tests' own; some of them die."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from python_jobs.tracking.record import ModelRecord, load_record
from tests.python_jobs.conftest import Project, rows_of
from tests.python_jobs.dask_cluster import DaskCluster
from tests.python_jobs.documented_server import Own

pytest.importorskip("distributed", reason="pip install 'dataflix[dask]'")

PASSWORD = "DBT_ENV_SECRET_CLICKHOUSE_PASSWORD"
RUNS = "select run_uuid, status, artifact_uri from runs order by start_time"
LISTS = """
select user_id, movie_id, rank, score, reason, because_movie_id, strongest_movie_id
from ml.recommendations
where run_id = '{}'
order by user_id, rank
"""
EVERYTHING = "select max(abs(1)) from ml.training_runs"
TRAIN = ["train", "--max-iter", "15"]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Own]:
    server = Own(directory=tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def served(server, empty_project: Project, tmp_path_factory) -> Project:
    """The sample on the server, and everything built; nothing trained."""
    project = empty_project.copy(tmp_path_factory.mktemp("served"))
    seed = ["dbt", "seed", "--vars", "load_sample: true"]
    commands = [(seed, server.variables("loader")), (["dbt", "run"], server.variables("dbt"))]
    for done in project.many(commands):
        assert done.returncode == 0, done.stdout
    return project


@pytest.fixture(scope="module")
def cluster(served, server, tmp_path_factory) -> Iterator[DaskCluster]:
    """Three workers, with the password in their environment."""
    password = {PASSWORD: server.users["python_jobs"]["password"]}
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"), served.environment | password)
    cluster.start(3)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def trained(served, server, cluster) -> dict[str, Any]:
    """The same training in one process, on workers, and on workers that die in each phase."""
    jobs = server.variables("python_jobs")
    dask = [*TRAIN, "--engine", "dask", "--scheduler", cluster.address]
    commands = [(TRAIN, jobs), (dask, jobs), (["store", RUNS], {})]
    whole, parts, store = served.many(commands)
    traps = [
        cluster.trap("partitions:read_range", "self 1 before"),
        cluster.trap("judging:top_n", "self 1 before"),
        cluster.trap("fit_tasks:user_step", "self 20 after"),
        cluster.trap("lists:load_block", "self 1 after"),
    ]
    dead, again = served.many([(dask, jobs), (["store", RUNS], {})])
    for done in (whole, parts, dead):
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(rows_of(store)) == 2
    return {
        name: (done, run_id, record_of(uri))
        for name, done, (run_id, _, uri) in zip(
            ("whole", "parts", "dead"), (whole, parts, dead), rows_of(again), strict=True
        )
    } | {"traps": traps}


def record_of(uri: str) -> ModelRecord:
    return load_record(Path(uri.removeprefix("file://")))


def test_it_is_the_model_of_one_process(trained):
    (_, _, whole), (_, _, parts) = trained["whole"], trained["parts"]
    for ours, theirs in ((parts.W, whole.W), (parts.H, whole.H)):
        assert np.linalg.norm(ours - theirs) <= 1e-4 * np.linalg.norm(theirs)
    assert np.array_equal(parts.user_ids, whole.user_ids)
    assert np.array_equal(parts.movie_ids, whole.movie_ids)
    assert np.array_equal(parts.fingerprints, whole.fingerprints)
    theirs = {
        name: value for name, value in whole.summary.metrics.items() if "champion" not in name
    }
    ours = {name: parts.summary.metrics[name] for name in theirs}
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert len(theirs) > 30
    assert parts.summary.settings == whole.summary.settings
    changed = {"made_by"}
    assert {k: v for k, v in parts.summary.params.items() if k not in changed} == {
        k: v for k, v in whole.summary.params.items() if k not in changed
    }


def test_it_publishes_the_lists_of_one_process(trained, server):
    whole, parts = (
        server.query("python_jobs", LISTS.format(trained[name][1])) for name in ("whole", "parts")
    )
    assert len(parts) == len(whole) > 5_000
    assert [row[0] for row in parts] == [row[0] for row in whole]
    # Of two movies that are as good as equal, either may be first.
    same = [ours[:3] == theirs[:3] for ours, theirs in zip(parts, whole, strict=True)]
    assert np.mean(same) > 0.999
    scores = np.array([[ours[3], theirs[3]] for ours, theirs in zip(parts, whole, strict=True)])
    np.testing.assert_allclose(scores[:, 0], scores[:, 1], rtol=1e-3)
    assert {row[4] for row in parts} == {row[4] for row in whole}
    because = [ours[5:] == theirs[5:] for ours, theirs in zip(parts, whole, strict=True)]
    assert np.mean(because) > 0.99


def test_the_other_tables_are_those_of_one_process(trained, server):
    for table, key in (
        ("similar_movies", "movie_id, rank"),
        ("movie_factors", "movie_id, feature"),
        ("dataset_samples", "entity, entity_id"),
    ):
        whole, parts = (
            server.query(
                "python_jobs",
                f"select {key} from ml.{table} where run_id = '{trained[name][1]}' order by {key}",
            )
            for name in ("whole", "parts")
        )
        assert parts == whole
        assert whole


def test_workers_that_die_in_every_phase_change_no_bit(trained, server):
    assert all(trap.exists() for trap in trained["traps"])
    (_, _, parts), (_, _, dead) = trained["parts"], trained["dead"]
    assert dead.W.tobytes() == parts.W.tobytes()
    assert dead.H.tobytes() == parts.H.tobytes()
    ours, theirs = (
        server.query("python_jobs", LISTS.format(trained[name][1])) for name in ("dead", "parts")
    )
    assert ours == theirs


def test_nothing_is_left_of_the_attempts(trained, server):
    sql = "select name from system.tables where database = 'ml' and name like '%__staging_%'"
    assert server.query("python_jobs", sql) == []


def test_what_is_published_is_read_by_the_other_commands(trained, served, server):
    """Scored, recommended and rolled back to, users in parts and all."""
    jobs = server.variables("python_jobs")
    recommend = ["recommend", "--user", "42", "--format", "json"]
    shown, scored, back = served.many(
        [(recommend, jobs), (["score"], jobs), (["rollback", trained["parts"][1]], jobs)]
    )
    for done in (shown, scored, back):
        assert done.returncode == 0, done.stdout + done.stderr
    listed = server.query("python_jobs", LISTS.format(trained["dead"][1]))
    assert [row["movie_id"] for row in json.loads(shown.stdout)] == [
        row[1] for row in listed if row[0] == 42
    ][:10]


def test_the_workers_and_their_page_are_named(trained, cluster):
    said = trained["parts"][0].stderr
    assert f"3 workers of {cluster.address}" in said


def test_no_password_was_sent(trained, cluster, served, server):
    password = server.users["python_jobs"]["password"]
    assert password not in "".join(
        trained[name][0].stdout + trained[name][0].stderr for name in ("parts", "dead")
    )

    assert files_with(password, cluster.directory) == []


def files_with(text: str, directory: Path) -> list[Path]:
    return [
        path
        for path in directory.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """Return stderr of a command that failed as a user should see it fail."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr
