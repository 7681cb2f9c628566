"""Killed at any step, with every published table on the way: one whole run is current."""

import signal
import subprocess
import sys

import pytest

from tests.python_jobs.conftest import REPOSITORY, rows_of
from tests.python_jobs.publisher import AFTER_COMMIT, BEFORE_COMMIT

TABLES = ("recommendations", "similar_movies", "movie_factors")
STATE = "select run_id, model_version, {} from ml.current_run".format(
    ", ".join(
        f"(select count() from ml.{table} where run_id in (select run_id from ml.current_run))"
        for table in TABLES
    )
)
"""The current run, its version, and its rows in each table; a process reads it in a second."""
LEFTOVERS = """
select
    (select count() from system.tables where database = 'ml' and name like '%staging%'),
    (
        select uniqExact(run_id)
        from ml.recommendations
        where run_id not in (select run_id from ml.training_runs)
    )
"""


def _publish_and_die(project, step, store="-"):
    script = "tests.python_jobs.publisher"
    path = project.directory / ".chdb"
    return subprocess.run(
        [sys.executable, "-m", script, str(path), store, f"killed {step}", "7", step],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def crashed_project(trained_project, tmp_path_factory):
    """One database for all the crashes, so that each finds what the ones before left behind."""
    return trained_project.copy(tmp_path_factory.mktemp("crashed"))


@pytest.fixture(scope="module")
def before(crashed_project):
    """The state that no crash before the commit may change."""
    return crashed_project.query(STATE)


@pytest.mark.parametrize("step", BEFORE_COMMIT)
def test_killed_before_the_commit_the_old_run_is_current_and_whole(crashed_project, before, step):
    store = str(crashed_project.directory) if step == "commit" else "-"
    done = _publish_and_die(crashed_project, step, store)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert crashed_project.query(STATE) == before


def test_the_next_train_succeeds_and_cleans_up(crashed_project):
    _publish_and_die(crashed_project, "drop_staging")
    leftovers, state = ["query", LEFTOVERS], ["query", STATE]
    commands = (leftovers, ["train"], leftovers, state)
    left, done, cleaned, published = crashed_project.many(commands)
    assert rows_of(left) == [[3, 1]]
    assert done.returncode == 0, done.stderr
    assert rows_of(cleaned) == [[0, 0]]
    ((run_id, _, lists, similar, factors),) = rows_of(published)
    assert run_id in done.stdout
    assert f"{lists:,} recommendations" in done.stdout
    assert similar
    assert factors


@pytest.mark.parametrize("step", AFTER_COMMIT)
def test_killed_after_the_commit_the_new_run_is_current_and_the_next_command_says_the_rest(
    crashed_project, step
):
    done = _publish_and_die(crashed_project, step, str(crashed_project.directory))
    assert done.returncode == -signal.SIGKILL, done.stderr
    state = ["query", STATE]
    commands = (state, ["score"], state)
    found, done, after = crashed_project.many(commands)
    new = [[f"killed {step}", f"killed {step}", 28, 2, 1]]
    assert rows_of(found) == new
    # The run's version is made up, so that the champion cannot follow: nothing goes by another.
    assert done.returncode == 1
    assert f"Run killed {step} holds the lists of version killed {step}" in done.stderr
    assert rows_of(after) == new
