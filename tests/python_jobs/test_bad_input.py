"""What a user or a bad day can cause: a message, an exit code, and nothing written."""

import sqlite3
import subprocess
import sys

import pytest

from tests.python_jobs.conftest import REPOSITORY

STATE = """
select
    (select count() from ml.recommendations),
    (select count() from ml.training_runs),
    (select count() from system.tables where database = 'ml')
"""
HOLD = """
import sys, clickhouse_connect
client = clickhouse_connect.get_client(interface="chdb", path=sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def _versions(project):
    with sqlite3.connect(project.directory / "mlflow.db") as store:
        return store.execute("select count(*) from model_versions").fetchone()[0]


def _refused(done, *words, code=1):
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for word in words:
        assert word in done.stderr
    return done


@pytest.fixture(scope="module")
def unharmed(trained_project, tmp_path_factory):
    """One project for all that must change nothing; what it holds is compared at the end."""
    project = trained_project.copy(tmp_path_factory.mktemp("unharmed"))
    before = project.query(STATE), _versions(project)
    yield project
    assert (project.query(STATE), _versions(project)) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--target", "nowhere"], ["does not have a target named 'nowhere'", "dbt debug"]),
        (["train", "--project-dir", "/"], ["dbt_project.yml", "--project-dir"]),
        (["train", "--top", "0"], ["list of 0", "--top a number from 1 to"]),
        (["train", "--top", "100000"], ["list of 100000", "--top a number from 1 to"]),
        (["recommend", "--user", "someone"], ["'someone' is not a user id"]),
        (["recommend", "--user", "-1"], ["'-1' is not a user id"]),
        (["recommend", "--user", "987654321"], ["User 987654321"]),
        (["recommend", "--user", "1", "--top", "0"], ["list of 0"]),
        (["rollback", "nonsense"], ["No run nonsense", "python_jobs runs"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_value_is_named(unharmed, arguments, words):
    _refused(unharmed.python_jobs(*arguments), *words)


def test_a_wrong_option_is_bad_usage(unharmed):
    _refused(unharmed.python_jobs("train", "--nonsense"), "No such option", code=2)


def test_a_missing_profile_is_named(unharmed, tmp_path):
    done = unharmed.python_jobs("train", "--profiles-dir", str(tmp_path))
    _refused(done, "Could not find profile named 'dataflix'", "cp profiles.yml.example")


def test_an_mlflow_store_that_is_not_there_is_named_without_its_password(unharmed):
    uri = "http://ana:s3cret@127.0.0.1:9"
    done = unharmed.python_jobs(
        "train", MLFLOW_TRACKING_URI=uri, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"
    )
    _refused(done, "http://ana:*****@127.0.0.1:9 cannot be reached", "MLFLOW_TRACKING_URI")
    assert "s3cret" not in done.stdout + done.stderr


def test_a_database_held_by_another_process_is_named(unharmed):
    path = unharmed.directory / ".chdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "open\n"
        _refused(unharmed.python_jobs("runs"), str(path), "One process at a time")
    finally:
        holder.communicate("")


def test_a_database_that_cannot_be_written_is_named(unharmed):
    done = unharmed.python_jobs(
        "load-movielens", "nothing-here", DATAFLIX_CHDB_PATH="/dev/null/chdb"
    )
    _refused(done)
    done = unharmed.python_jobs("runs", DATAFLIX_CHDB_PATH="/dev/null/chdb")
    _refused(done, "/dev/null/chdb", "dbt seed")


@pytest.mark.parametrize("step", ["training:factorize", "publishing:verify", "publishing:swap"])
def test_ctrl_c_leaves_the_previous_run_current(trained_project, tmp_path, step):
    project = trained_project.copy(tmp_path / "project")
    before = project.query(STATE)
    directory = str(project.directory)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.python_jobs.interrupted", f"python_jobs.{step}"),
            *("train", "--project-dir", directory, "--profiles-dir", directory),
        ],
        cwd=REPOSITORY,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    _refused(done, "Interrupted", code=130)
    assert project.query(STATE) == before


def test_nothing_built_yet_is_said(empty_project, tmp_path):
    project = empty_project.copy(tmp_path / "project")
    _refused(project.python_jobs("train"), "no embedded database", "dbt seed")
    assert not (project.directory / ".chdb").exists()


def test_a_missing_mart_is_said(project):
    project.execute("drop table analytics.mart_user_movie_matrix")
    _refused(project.python_jobs("train"), "mart_user_movie_matrix", "dbt run")


def test_an_empty_mart_is_said(project):
    project.execute("truncate table analytics.mart_user_movie_matrix")
    _refused(project.python_jobs("train"), "is empty", "dbt build")


@pytest.mark.parametrize("alone", ["user_id", "movie_id"])
def test_one_user_or_one_movie_still_trains(project, alone):
    project.execute(
        f"alter table analytics.mart_user_movie_matrix delete where {alone} != "
        f"(select min({alone}) from analytics.mart_user_movie_matrix) settings mutations_sync = 1"
    )
    done = project.python_jobs("train", "--top", "1")
    assert done.returncode == 0, done.stderr
    assert "k = 1" in done.stdout
