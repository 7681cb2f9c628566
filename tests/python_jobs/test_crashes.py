import re
import signal
import subprocess
import sys

import pytest

from tests.python_jobs.conftest import REPOSITORY
from tests.python_jobs.publisher import STEPS

CURRENT = """
select run_id, count()
from ml.recommendations
where run_id = (select argMax(run_id, published_at) from ml.training_runs)
group by run_id
"""
LEFTOVERS = """
select
    (select count() from system.tables where database = 'ml' and name like '%staging%'),
    (
        select uniqExact(run_id)
        from ml.recommendations
        where run_id not in (select run_id from ml.training_runs)
    )
"""


def _publish_and_die(project, step):
    script = "tests.python_jobs.publisher"
    path = project.directory / ".chdb"
    return subprocess.run(
        [sys.executable, "-m", script, str(path), f"killed_{step}", "7", step],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def crashed_project(trained_project, tmp_path_factory):
    """One database for all the crashes, so that each finds what the ones before left behind."""
    return trained_project.copy(tmp_path_factory.mktemp("crashed"))


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_publication_leaves_one_whole_run_current(crashed_project, step):
    before = crashed_project.query(CURRENT)
    done = _publish_and_die(crashed_project, step)
    assert done.returncode == -signal.SIGKILL, done.stderr
    committed = [["killed_remove_old_runs", 28]]
    assert crashed_project.query(CURRENT) == (committed if step == "remove_old_runs" else before)


def test_the_next_train_succeeds_and_cleans_up(crashed_project):
    _publish_and_die(crashed_project, "drop_staging")
    assert crashed_project.query(LEFTOVERS) == [[1, 1]]
    done = crashed_project.python_jobs("train")
    assert done.returncode == 0, done.stderr
    assert crashed_project.query(LEFTOVERS) == [[0, 0]]
    ((run_id, rows),) = crashed_project.query(CURRENT)
    assert run_id in done.stdout
    assert re.search(rf"(?<![\d,]){rows:,} recommendations", done.stdout)
