"""Training on workers that prove who they are, and what is said to whoever cannot."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.python_jobs.certificates import Certificates
from tests.python_jobs.conftest import Project, rows_of
from tests.python_jobs.dask_cluster import DaskCluster
from tests.scale.outcomes import PASSWORD, RUNS, TRAIN, failure, record_of

pytest.importorskip("distributed", reason="pip install 'dataflix[dask]'")

SECONDS_TO_REFUSE = 30
"""Within which whoever has no certificate is told so, the start of the command included."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def cluster(served, server, certificates, tmp_path_factory) -> Iterator[DaskCluster]:
    """Two workers with certificates; one without has tried to be a third."""
    password = {PASSWORD: server.users["python_jobs"]["password"]}
    directory = tmp_path_factory.mktemp("dask")
    cluster = DaskCluster(directory, served.environment | password, certificates=certificates)
    cluster.start(2)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def trained(served, server, cluster, certificates) -> dict[str, Any]:
    """The same in one process, on those workers, and on workers that the command begins."""
    jobs = server.variables("python_jobs")
    proven = jobs | certificates.variables()
    commands = {
        "whole": (TRAIN, jobs),
        "parts": ([*TRAIN, "--engine", "dask", "--scheduler", cluster.address], proven),
        "here": ([*TRAIN, "--no-publish", "--engine", "dask", "--workers", "2"], proven),
    }
    *done, store = served.many([*commands.values(), (["store", RUNS], {})])
    for each in done:
        assert each.returncode == 0, each.stdout + each.stderr
    runs = zip(commands, done, rows_of(store)[-len(commands) :], strict=True)
    return {name: (each, run_id, record_of(uri)) for name, each, (run_id, _, uri) in runs}


@pytest.mark.parametrize("name", ["parts", "here"])
def test_it_is_the_model_of_one_process(trained, name):
    (_, _, whole), (done, _, parts) = trained["whole"], trained[name]
    assert "2 workers of tls://127.0.0.1:" in done.stderr
    for ours, theirs in ((parts.W, whole.W), (parts.H, whole.H)):
        assert np.linalg.norm(ours - theirs) <= 1e-4 * np.linalg.norm(theirs)
    assert np.array_equal(parts.user_ids, whole.user_ids)


def test_what_workers_have_made_is_published(trained, server):
    sql = "select count() from ml.recommendations where run_id = '{}'"
    whole, parts = (
        server.query("python_jobs", sql.format(trained[name][1])) for name in ("whole", "parts")
    )
    assert parts == whole
    assert whole[0][0] > 5_000


@pytest.fixture(scope="module")
def refused(
    trained, served: Project, server, cluster, certificates, tmp_path_factory
) -> dict[str, tuple[subprocess.CompletedProcess[str], float]]:
    """What is said to whoever has not what it takes, and after how many seconds."""
    jobs, ours = server.variables("python_jobs"), certificates.variables()
    others = Certificates.make(tmp_path_factory.mktemp("tls") / "others").variables()
    missing = {name: value.replace("cert.pem", "none.pem") for name, value in ours.items()}
    plain = cluster.address.replace("tls://", "tcp://")
    dask = [*TRAIN, "--engine", "dask"]
    there = [*dask, "--scheduler", cluster.address]
    before = server.runs()
    found = {}
    for name, command, variables in (
        ("without", there, {}),
        ("without, tcp", [*dask, "--scheduler", plain], {}),
        ("of others", there, others),
        ("with, tcp", [*dask, "--scheduler", plain], ours),
        ("missing", there, missing),
        ("missing, here", [*dask, "--workers", "2"], missing),
    ):
        began = time.monotonic()
        (done,) = served.many([(command, jobs | variables)])
        found[name] = done, time.monotonic() - began
    assert server.runs() == before
    return found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("without", "it wants certificates, and Dask's configuration here names none"),
        ("without, tcp", "cannot be reached"),
        ("of others", "certificate"),
        ("with, tcp", "Dask's configuration here requires encryption"),
        ("missing", "a file of a certificate or key that Dask's configuration names is not there"),
        ("missing, here", "a file of a certificate or key that Dask's configuration names"),
    ],
)
def test_without_the_right_certificate_is_a_sentence_and_soon(refused, name, words):
    done, seconds = refused[name]
    said = failure(done)
    assert words in " ".join(said.split())
    assert "docs/scale.md" in said
    assert seconds < SECONDS_TO_REFUSE


def test_a_worker_without_a_certificate_never_joins(refused, served, cluster):
    bare = DaskCluster(cluster.directory, cluster.environment)
    worker = bare.add_worker()
    worker.join(SECONDS_TO_REFUSE)
    assert worker.exitcode not in (None, 0)
    cluster.wait_for(2)


def test_no_key_is_in_what_mlflow_keeps(trained, served, certificates):
    key = certificates.key.read_bytes().splitlines()[1]
    kept = [path for path in Path(served.directory).rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if key in path.read_bytes()]
