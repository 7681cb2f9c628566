"""``train --engine dask``, on workers and a server of the tests' own; some of them die."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.python_jobs.conftest import rows_of
from tests.python_jobs.dask_cluster import DaskCluster
from tests.scale.outcomes import PASSWORD, RUNS, TRAIN, failure, record_of

pytest.importorskip("distributed", reason="pip install 'dataflix[dask]'")

LISTS = """
select user_id, movie_id, rank, score, reason, because_movie_id, strongest_movie_id
from ml.recommendations
where run_id = '{}'
order by user_id, rank
"""
STARTED = """
select value from params join runs using (run_uuid)
where key = 'warm_start' order by start_time desc limit 1
"""
RICH = [
    word
    for pair in (
        *("ensemble_ranks=3,5", "alpha=0.01", "user_scaling=0.5", "recency=1.0"),
        *("watched_weight=2.0", "diversity=0.3", "new_share=0.1"),
    )
    for word in ("--set", pair)
]
"""What counts in a fit or in a list besides the defaults."""


@pytest.fixture(scope="module")
def cluster(served, server, tmp_path_factory) -> Iterator[DaskCluster]:
    """Five workers, with the password in their environment."""
    password = {PASSWORD: server.users["python_jobs"]["password"]}
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"), served.environment | password)
    cluster.start(5)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def trained(served, server, cluster) -> dict[str, Any]:
    """The same training in one process, on workers, and on workers that die in each phase."""
    jobs = server.variables("python_jobs")
    dask = [*TRAIN, "--engine", "dask", "--scheduler", cluster.address]
    rich = [*RICH, "--no-evaluate"]
    commands = [[*TRAIN, *rich], [*dask, *rich], TRAIN, dask]
    done = served.many([(command, jobs) for command in commands])
    traps = [
        cluster.trap("partitions:read_range", "self 1 before"),
        cluster.trap("judging:top_n", "self 1 before"),
        cluster.trap("fit_tasks:user_step", "self 20 after"),
        cluster.trap("lists:load_block", "self 1 after"),
    ]
    dead, store = served.many([(dask, jobs), (["store", RUNS], {})])
    names = ("rich", "rich parts", "whole", "parts", "dead")
    runs = zip(names, [*done, dead], rows_of(store)[-len(names) :], strict=True)
    for each in (*done, dead):
        assert each.returncode == 0, each.stdout + each.stderr
    found = {name: (each, run_id, record_of(uri)) for name, each, (run_id, _, uri) in runs}
    return found | {"traps": traps}


def test_it_is_the_model_of_one_process(trained):
    (_, _, whole), (_, _, parts) = trained["whole"], trained["parts"]
    pairs = ((parts.W, whole.W), (parts.H, whole.H), (parts.judged.H, whole.judged.H))
    for ours, theirs in pairs:
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


@pytest.mark.parametrize(("one", "many"), [("whole", "parts"), ("rich", "rich parts")])
def test_it_publishes_the_lists_of_one_process(trained, server, one, many):
    whole, parts = (
        server.query("python_jobs", LISTS.format(trained[name][1])) for name in (one, many)
    )
    assert len(parts) == len(whole) > 5_000
    assert [row[0] for row in parts] == [row[0] for row in whole]
    # Of two movies that are as good as equal, either may be first.
    same = [mine[:3] == its[:3] for mine, its in zip(parts, whole, strict=True)]
    assert np.mean(same) > 0.999
    ours, theirs = ({row[:2]: row[3] for row in rows} for rows in (parts, whole))
    both = ours.keys() & theirs.keys()
    assert len(both) > 0.999 * len(theirs)
    scores = np.array([(ours[key], theirs[key]) for key in both])
    np.testing.assert_allclose(scores[:, 0], scores[:, 1], rtol=1e-3)
    assert {row[4] for row in parts} == {row[4] for row in whole}
    because = [mine[5:] == its[5:] for mine, its in zip(parts, whole, strict=True)]
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
    """Scored, recommended, gone on from and rolled back to, users in parts and all."""
    jobs = server.variables("python_jobs")
    recommend = ["recommend", "--user", "42", "--format", "json"]
    warm = [*TRAIN, "--warm-start", "--no-publish"]
    shown, scored, night, back, started = served.many(
        [
            (recommend, jobs),
            (["score"], jobs),
            (warm, jobs),
            (["rollback", trained["parts"][1]], jobs),
            (["store", STARTED], {}),
        ]
    )
    for done in (shown, scored, night, back):
        assert done.returncode == 0, done.stdout + done.stderr
    # Judged by what was judged then, and not by a fit from random numbers.
    ((start,),) = rows_of(started)
    assert re.fullmatch(r"version \d+", start)
    listed = server.query("python_jobs", LISTS.format(trained["dead"][1]))
    assert [row["movie_id"] for row in json.loads(shown.stdout)] == [
        row[1] for row in listed if row[0] == 42
    ][:10]


def test_the_workers_and_their_page_are_named(trained, cluster):
    *settings, workers = trained["parts"][0].stderr.splitlines()
    assert workers.startswith(f"5 workers of {cluster.address}; Dask's page on their work: ")
    # Of how far it is a log has nothing.
    assert all(line.startswith("settings: ") for line in settings)


def test_no_password_is_shown_or_left(trained, cluster, server):
    password = server.users["python_jobs"]["password"]
    said = [trained[name][0] for name in ("parts", "dead")]
    assert password not in "".join(done.stdout + done.stderr for done in said)
    assert files_with(password, cluster.directory) == []


def files_with(text: str, directory: Path) -> list[Path]:
    return [
        path
        for path in directory.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


@pytest.fixture(scope="module")
def refused(trained, served, server, cluster) -> dict[str, str]:
    """What is said of what the engine does not do."""
    jobs = server.variables("python_jobs")
    dask = ["train", "--engine", "dask", "--scheduler", cluster.address]
    commands = {
        "init": [*dask, "--set", "init=nndsvda"],
        "transitions": [*dask, "--set", "transition_rank=2"],
        "experiment": [*dask, "--experiment-share", "0.2"],
        "nobody": ["train", "--engine", "dask", "--scheduler", "tcp://127.0.0.1:1"],
        "resume": [*dask, "--resume", trained["parts"][1]],
    }
    done = served.many([(command, jobs) for command in commands.values()])
    return {name: failure(each) for name, each in zip(commands, done, strict=True)}


def test_another_model_than_asked_for_is_refused(refused):
    assert "init=nndsvda needs the whole matrix" in refused["init"]
    assert "transition_rank=2 is fitted in one process only" in refused["transitions"]
    assert "An experiment cannot begin with the engine dask" in refused["experiment"]


def test_a_scheduler_that_is_not_there_is_said(refused):
    assert "The scheduler at tcp://127.0.0.1:1 cannot be reached" in refused["nobody"]


def test_a_run_that_has_ended_is_not_gone_on_with(refused):
    assert "has ended: there is nothing to go on from" in refused["resume"]


@pytest.fixture(scope="module")
def bereft(refused, served, server, cluster, tmp_path_factory) -> Iterator[dict[str, Any]]:
    """The scheduler dies in the fit; on another one's workers, one without password, it goes on."""
    jobs = server.variables("python_jobs")
    live = server.runs()
    # Four have died.
    for _ in range(4):
        cluster.add_worker()
    cluster.wait_for(5)
    cluster.trap("fit_tasks:user_step", f"{cluster.scheduler.pid} 20 after")
    dask = [*TRAIN, "--engine", "dask", "--checkpoint-minutes", "0", "--scheduler"]
    (died,) = served.many([([*dask, cluster.address], jobs)])
    published = server.runs()
    other = DaskCluster(tmp_path_factory.mktemp("other"), cluster.environment)
    other.start(2)
    poor = other.add_worker(**{PASSWORD: "wrong"})
    other.wait_for(3)
    (unreached,) = served.many([([*dask, other.address], jobs)])
    poor.kill()
    other.wait_for(2)
    run_id = re.findall(r"--resume (\w{32})", died.stderr)[-1]
    resume = ["train", "--engine", "dask", "--scheduler", other.address, "--resume", run_id]
    resumed, told, store = served.many(
        [
            (resume, jobs),
            ([*resume, "--max-iter", "20"], jobs),
            (["store", f"select status, artifact_uri from runs where run_uuid = '{run_id}'"], {}),
        ]
    )
    yield {
        "live": (live, published),
        "died": died,
        "unreached": unreached,
        "run_id": run_id,
        "resumed": resumed,
        "told": told,
        "store": rows_of(store),
    }
    other.stop()


def test_a_schedulers_death_is_a_sentence_and_nothing_is_published(bereft):
    said = failure(bereft["died"])
    assert "does not answer any more" in said
    assert "Nothing was published" in said
    before, after = bereft["live"]
    assert before == after


def test_a_worker_that_cannot_reach_clickhouse_is_named(bereft):
    said = failure(bereft["unreached"])
    assert re.search(r"The worker at tcp://127.0.0.1:\d+: ClickHouse at 127.0.0.1:\d+", said)
    assert "does not accept user python_jobs" in said
    assert PASSWORD in said


def test_the_run_goes_on_with_other_workers_and_the_same_bits(bereft, trained, server):
    done = bereft["resumed"]
    assert done.returncode == 0, done.stdout + done.stderr
    ((status, uri),) = bereft["store"]
    assert status == "FINISHED"
    resumed, parts = record_of(uri), trained["parts"][2]
    assert resumed.W.tobytes() == parts.W.tobytes()
    assert resumed.H.tobytes() == parts.H.tobytes()
    assert server.runs()[0] == bereft["run_id"]
    ours, theirs = (
        server.query("python_jobs", LISTS.format(run))
        for run in (bereft["run_id"], trained["parts"][1])
    )
    assert ours == theirs
    folder = Path(uri.removeprefix("file://"))
    assert not (folder / "checkpoint").exists()


def test_a_run_is_not_gone_on_with_under_other_settings(bereft):
    # It has ended by then, which is said first.
    assert "has ended" in failure(bereft["told"])
