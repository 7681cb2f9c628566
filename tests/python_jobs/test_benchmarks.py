"""The benchmark's data, the rules by which it measures, and the page that it writes."""

import json
import re
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks import generate
from benchmarks.generate import TASTES, Size, queries
from benchmarks.ordered_peers import ridge_scores
from benchmarks.page import anchor, render
from benchmarks.peers import compare
from benchmarks.quality_peers import Peer, tune
from benchmarks.scratch import measured, phases_of
from benchmarks.usual_recipe import all_cells, recommend
from python_jobs.evaluation.holdout import Holdout
from python_jobs.evaluation.reconstruction import reconstruction_metrics
from python_jobs.progress import Phases
from python_jobs.ranking.top_n import top_n

TINY = Size("tiny", 400, 300, 16_000, 0.16)


def test_generated_interactions_are_the_same_for_any_block_size_and_shaped_as_promised(
    empty_project, tmp_path, monkeypatch
):
    made = {name: query for name, (query,) in queries(TINY).items()}
    monkeypatch.setattr(generate, "PER_PIECE", TINY.interactions // 3)
    pieces = queries(TINY)["ratings"]
    assert len(pieces) == 4
    other_blocks = made["ratings"].replace("max_block_size = 1024", "max_block_size = 7")
    assert other_blocks != made["ratings"]
    [row] = empty_project.copy(tmp_path).query(f"""
        with
            ratings as ({made["ratings"]}),
            movies as ({made["movies"]}),
            users as (select user_id, count() as movies from ratings group by user_id),
            hits as (select count() as users from ratings group by movie_id order by users desc),
            tastes as (
                select user_id, genres, count() as seen
                from ratings inner join movies using (movie_id)
                group by user_id, genres
            )
        select
            (select groupBitXor(cityHash64(tuple(*))) from ratings),
            (select groupBitXor(cityHash64(tuple(*))) from ({other_blocks})),
            (select groupBitXor(cityHash64(tuple(*))) from (({") union all (".join(pieces)}))),
            (select count() from ratings),
            (select uniqExact(user_id, movie_id) from ratings),
            (select (uniqExact(user_id), min(user_id), max(user_id)) from ratings),
            (select (uniqExact(movie_id), min(movie_id), max(movie_id)) from movies),
            (select (min(movies), median(movies), avg(movies)) from users),
            (select sum(users) from (select users from hits limit 30)),
            (select uniqExact(genres) from movies),
            (select avg(most) from (
                select user_id, max(seen) / sum(seen) as most from tastes group by user_id)),
            (select countIf(rating < 0.5 or rating > 5 or rating * 2 != round(rating * 2))
             from ratings),
            (select count() from ratings where movie_id not in (select movie_id from movies))
    """)
    once, again, pieced, *row = row
    count, distinct, users, movies, activity, hits, tastes, own, odd, strange = row
    assert once == again == pieced
    assert distinct == count == pytest.approx(TINY.interactions, rel=0.1)
    assert users == [TINY.users, 1, TINY.users]
    assert movies == [TINY.movies, 1, TINY.movies]
    least, median, mean = activity
    assert least >= 20
    # Log-normal: most do little, and a few a lot.
    assert median < 0.9 * mean
    assert hits > 2 * count * 30 / TINY.movies
    assert tastes == TASTES
    assert own > 4 / TASTES
    assert odd == strange == 0


def test_a_process_is_charged_its_own_memory_and_cpu_time(tmp_path):
    hungry = "import time; x = b'1' * (200 << 20); end = time.process_time() + 0.2\n"
    hungry += "while time.process_time() < end: pass"
    modest = measured([sys.executable, "-c", "pass"], tmp_path, {}, tmp_path / "log")
    usage = measured([sys.executable, "-c", hungry], tmp_path, {}, tmp_path / "log")
    # The test's own process is larger than the modest one, which inherits its peak.
    assert usage["peak_rss_mib"] >= max(200, modest["peak_rss_mib"])
    assert usage["cpu_seconds"] >= 0.2
    assert usage["wall_seconds"] > 0


def test_a_failed_command_ends_the_benchmark_with_what_it_printed(tmp_path):
    command = [sys.executable, "-c", "import sys; print('no such luck'); sys.exit(3)"]
    with pytest.raises(SystemExit, match="no such luck"):
        measured(command, tmp_path, {}, tmp_path / "log")


def test_phases_are_read_back_as_they_were_logged():
    phases = Phases()
    with phases.phase("fit"):
        pass
    cost = phases.costs["fit"]
    logged = json.loads(json.dumps({**phases.metrics(), "rmse": 1.0}))
    assert phases_of(logged) == {"fit": vars(cost)}


def test_all_recipes_agree_on_errors_and_lists():
    rng = np.random.default_rng(3)
    V = rng.integers(1, 6, (50, 40)) * (rng.random((50, 40)) < 0.2)
    V[:, 0] = 1
    W, H = (rng.random(shape, np.float32) for shape in ((50, 4), (4, 40)))
    matrix, n = csr_matrix(V.astype(np.float32)), 5
    ours = reconstruction_metrics(matrix, W, H)
    product = W.astype(float) @ H.astype(float)
    assert all_cells(V.astype(float), product) == pytest.approx(
        {name: ours[name] for name in ("rmse", "mae")}, rel=1e-6
    )
    lists = top_n(W, H, matrix, n)
    assert compare(lists, lists) == {"identical": 50, "tied": 0, "different": 0}
    usual = recommend(V.astype(float), product, np.arange(40, dtype=np.uint64), n)
    assert [series.index.tolist() for series in usual] == lists[0].tolist()


def test_lists_with_other_movies_are_tied_only_where_the_scores_are_the_same():
    ours = np.array([[1, 2], [1, 2], [1, 2]], np.int32), np.ones((3, 2), np.float32)
    theirs = np.array([[1, 2], [2, 1], [1, 3]], np.int32), np.ones((3, 2), np.float32)
    theirs[1][2, 1] = 0.9
    assert compare(ours, theirs) == {"identical": 1, "tied": 1, "different": 1}


def test_the_page_shows_the_pipeline_and_what_it_is_made_of():
    def cost(wall, peak=100.0):
        return {"wall_seconds": wall, "cpu_seconds": 2 * wall, "peak_rss_mib": peak}

    phases = {"start": cost(3.0), "read": cost(1.0), "fit": cost(4.0), "novel": cost(0.5)}
    phases |= {"metrics": cost(0.1), "score": cost(0.4, 900.0)}
    usual = {name: cost(10.0, 1800.0) for name in ("read", "matrix", "fit", "metrics", "score")}
    errors = {"rmse": 0.7, "mae": 0.2}
    steps = [
        {"command": "dbt build", **cost(12.0)},
        {"command": "python_jobs train", **cost(9.0)},
    ]
    size = {
        "users": 1_000,
        "movies": 500,
        "interactions": 2_000_000,
        "recommendations": 20_000,
        "pipeline": cost(33.3, 1234.0),
        "mart_seconds": 8.0,
        "steps": steps,
        "steps_phases": phases,
        "phases": phases,
        "judged": {"`python_jobs evaluate`": cost(25.0)},
        "metrics": {"iterations": 200.0, "converged": 0.0, "sparsity": 99.0, **errors},
        "usual": {"phases": usual, "errors": errors, "errors_of_our_factors": errors},
        "charts": {"fast": {"median": 0.01}, "slow (mart_users)": {"median": 0.625}},
        "transitions": {"train": cost(99.0, 2345.0), "fit": phases["fit"]},
        "peers": {
            "kernel": 0.5,
            "implicit": 5.0,
            "als": 7.0,
            "wide_als": 70.0,
            "plain_fit": 8.0,
            "same_factors": True,
            "lists": {"identical": 999, "tied": 1, "different": 0},
        },
    }
    size["second"] = {
        "pipeline": cost(11.1),
        "mart_seconds": 0.75,
        "phases": phases | {"fit": cost(0.4)},
        "metrics": {"iterations": 20.0},
    }
    startup = {"`python_jobs --help`": cost(0.05)}
    made = {"measured_at": "2026-11-24 12:00", "machine": {"cores": "2"}, "startup": startup}
    page = render({**made, "sizes": {"20m": size}})
    for row in (
        "| 20 M interactions, first night | 33.30 | 66.60 | 1,234 | 8.00 | 2.00 | 10.00 | 1.00 |",
        "| 20 M interactions, the night after | 11.10 | 22.20 | 100 | 0.75 | 0.20 | 10.00 | 1.00 |",
        "| **`python_jobs pipeline`**, first night | 33.30 | 66.60 | 1,234 |",
        "| **`python_jobs pipeline --warm-start`**, the night after | 11.10 | 22.20 | 100 |",
        "| `python_jobs evaluate` | 25.00 | 50.00 | 100 |",
        "| `python_jobs train` | 9.00 | 18.00 | 100 |",
        "| – novel | 0.50 | 1.00 | 100 |",
        "| together | 50.00 | 5.50 | 9.1 |",
        "| peak MiB | 1,800 | 900 | 2.0 |",
        "| implicit's top-k, 20 M interactions | 5.00 | 200 | 999 | 1 | 0 |",
        "| implicit's ALS fit, k = 80, 20 M interactions | 70.00 |  |  |",
        "| our fit, NMF and transitions, 20 M interactions | 4.00 | 8.00 | 2,345 |",
        "| 20 M interactions | 1 of 2 | 0.625 | slow (mart_users) |",
        "| `python_jobs --help` | 0.05 | 0.10 | 100 |",
    ):
        assert row in page
    linked = re.findall(r"\(#(.+)\)$", page, re.MULTILINE)
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert linked == [anchor(heading) for heading in headings[1:]]


def test_the_directed_ridge_says_what_comes_next():
    """Half go 0 → 1, half 1 → 2; movie 3, seen once, is left out."""
    rows = [[0, 1], [1, 2]] * 4 + [[0, 3], [0], [1]]
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    times = np.concatenate([np.arange(len(row)) for row in rows])
    ones = np.ones(users.size, np.float32)
    train = csr_matrix((ones, (users, np.concatenate(rows))), shape=(len(rows), 4))
    split = Holdout(train, csr_matrix(train.shape), times, "temporal")
    params = {"transition_shrinkage": 1e-6, "transition_long_share": 0.0}
    scores = ridge_scores(split, {**params, "transition_horizon": 1.0})
    np.testing.assert_allclose(scores[-2:], [[0, 1, 0, 0], [0, 0, 1, 0]], atol=1e-4)


def test_a_peer_is_tried_from_what_it_begins_with():
    """As often as it says, what it begins with included, however little time there is."""
    split = Holdout(csr_matrix((1, 1)), csr_matrix((1, 1)), np.empty(0, np.int64), "temporal")
    tried = []

    def judge(_, params):
        tried.append(params["weight"])
        return SimpleNamespace(metrics={"ndcg_at_10": params["weight"] % 3})

    def suggest(trial, _):
        return {"weight": trial.suggest_categorical("weight", [1, 2, 3])}

    begin = tuple({"weight": weight} for weight in (1, 2, 3))
    peer: Any = Peer("peer", suggest, judge, begin, most_trials=3)
    assert tune(peer, split, [split], minutes=1.0) == {"weight": 2}
    assert tried == [1, 2, 3]
    assert tune(peer, split, [split], minutes=0.0) == {"weight": 1}
