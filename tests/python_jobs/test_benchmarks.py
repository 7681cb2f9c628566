"""The benchmark's data, and the rules by which it measures and judges."""

import json
import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks.generate import TASTES, queries
from benchmarks.limits import Rates, Work
from benchmarks.measure import measured
from benchmarks.peers import compare, in_blocks
from benchmarks.run_size import phases_of
from benchmarks.sizes import Size
from benchmarks.targets import at_least, at_most
from benchmarks.usual_recipe import all_cells, recommend
from python_jobs.evaluation.reconstruction import reconstruction_metrics
from python_jobs.progress import Phases
from python_jobs.ranking.top_n import top_n

TINY = Size("tiny", 400, 300, 16_000, 0.16)


def test_generated_interactions_are_the_same_for_any_block_size_and_shaped_as_promised(
    empty_project, tmp_path
):
    made = queries(TINY)
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
            (select groupBitXor(cityHash64(*)) from ratings),
            (select groupBitXor(cityHash64(*)) from ({other_blocks})),
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
    once, again, count, distinct, users, movies, activity, hits, tastes, own, odd, strange = row
    assert once == again
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
    assert usage.peak_rss_mib >= max(200, modest.peak_rss_mib)
    assert usage.cpu_seconds >= 0.2
    assert usage.wall_seconds > 0


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
    blocks = in_blocks(W, H, matrix, n)
    assert compare(lists, blocks) == {"users": 50, "identical": 50, "tied": 0, "different": 0}
    usual = recommend(V.astype(float), product, np.arange(40, dtype=np.uint64), n)
    assert [series.index.tolist() for series in usual] == lists[0].tolist()


def test_lists_with_other_movies_are_tied_only_where_the_scores_are_the_same():
    ours = np.array([[1, 2], [1, 2], [1, 2]], np.int32), np.ones((3, 2), np.float32)
    theirs = np.array([[1, 2], [2, 1], [1, 3]], np.int32), np.ones((3, 2), np.float32)
    theirs[1][2, 1] = 0.9
    assert compare(ours, theirs) == {"users": 3, "identical": 1, "tied": 1, "different": 1}


def test_a_target_says_whether_and_by_how_much_it_was_missed():
    assert at_least("speed", 12.0, 10, "why").missed_by == ""
    missed = at_least("speed", 8.0, 10, "why")
    assert (missed.measured, missed.missed_by, missed.why) == ("8.0 times", "2 of 10", "why")
    assert at_most("memory", 0.5, 0.5, "why").why == ""
    assert at_most("memory", 0.75, 0.5, "why").missed_by == "a factor of 1.50"


def test_a_limit_is_the_longer_of_moving_and_computing():
    rates = Rates(copied_bytes=10.0, flops=100.0)
    assert Work(bytes=50, flops=100).seconds(rates) == 5
    assert Work(bytes=5, flops=100).seconds(rates) == 1
