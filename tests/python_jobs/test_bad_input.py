"""What a user or a bad day can cause: a message, an exit code, and nothing written."""

import signal
import sqlite3
import subprocess
import sys

import pytest

from python_jobs.dbt.project import DbtOptions, Question
from tests.python_jobs.conftest import REPOSITORY, SCRIPTS

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


WRONG = {
    "an unknown target": (
        ["train", "--target", "nowhere"],
        ["does not have a target named 'nowhere'", "dbt debug"],
    ),
    "no project there": (["train", "--project-dir", "/"], ["dbt_project.yml", "--project-dir"]),
    "no profile there": (
        ["train", "--profiles-dir", "/"],
        ["Could not find profile named 'dataflix'", "cp profiles.yml.example"],
    ),
    "a list too long": (["train", "--top", "201"], ["list of 201", "from 1 to 200"]),
    "an unknown user": (["recommend", "--user", "987654321"], ["User 987654321"]),
    "a list too long for a user": (
        ["recommend", "--user", "1", "--top", "201"],
        ["list of 201", "from 1 to 200"],
    ),
    "an unknown run": (["rollback", "nonsense"], ["No run nonsense", "python_jobs runs"]),
    "an unknown model": (
        ["train", "--like", "nonsense"],
        ["no nonsense of the model dataflix-nmf", "python_jobs train"],
    ),
    "no MLflow there": (
        ["train"],
        ["http://ana:*****@127.0.0.1:9 cannot be reached", "MLFLOW_TRACKING_URI"],
    ),
}
STORE_NOT_THERE = {
    "MLFLOW_TRACKING_URI": "http://ana:s3cret@127.0.0.1:9",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}


@pytest.fixture(scope="module")
def refusals(unharmed):
    """The outcome of each wrong command, run in one process after the other commands."""
    variables = {"no MLflow there": STORE_NOT_THERE}
    commands = [(arguments, variables.get(name, {})) for name, (arguments, _) in WRONG.items()]
    return dict(zip(WRONG, unharmed.many(commands), strict=True))


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(refusals, name):
    done = _refused(refusals[name], *WRONG[name][1])
    assert "s3cret" not in done.stdout + done.stderr


def test_bad_usage_has_an_exit_code_of_its_own(unharmed):
    _refused(unharmed.python_jobs("train", "--top", "0"), "Invalid value for '--top'", code=2)


def test_a_database_held_by_another_process_is_named(unharmed):
    path = unharmed.directory / ".chdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        _refused(unharmed.python_jobs("runs"), str(path), "One process at a time")
    finally:
        holder.communicate("")


def test_a_database_that_cannot_be_written_is_named(unharmed):
    release = unharmed.directory / "ml-latest-small"
    release.mkdir()
    (release / "movies.csv").write_text("movieId,title,genres\n1,Heat (1995),Crime\n")
    (release / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.5,1000000000\n")
    done = unharmed.python_jobs("load-movielens", str(release), DATAFLIX_CHDB_PATH="/dev/null/chdb")
    _refused(done, "/dev/null/chdb", "DATAFLIX_CHDB_PATH")


@pytest.mark.parametrize("step", ["jobs.train:factorize", "publishing.publish:swap"])
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


MART, KEPT = "analytics.mart_user_movie_matrix", "analytics.kept"
ALONE = f"insert into {MART} select * from {KEPT} where {{0}} = (select min({{0}}) from {KEPT})"


@pytest.fixture(scope="module")
def odd_marts(trained_project, tmp_path_factory):
    """The outcome of training with no mart, with an empty one, one user's and one movie's."""
    project = trained_project.copy(tmp_path_factory.mktemp("odd"))
    outcomes = project.many(
        [
            (["sql", f"rename table {MART} to {KEPT}"], {}),
            (["train"], {}),
            (["sql", f"create table {MART} as {KEPT}"], {}),
            (["train"], {}),
            (["sql", ALONE.format("user_id")], {}),
            (["train", "--top", "1", "--force"], {}),
            (["sql", f"create or replace table {MART} as {KEPT}"], {}),
            (["sql", ALONE.format("movie_id")], {}),
            (["train", "--top", "1", "--force"], {}),
        ]
    )
    trainings = [done for done in outcomes if "train" in done.args]
    return dict(zip(("missing", "empty", "user", "movie"), trainings, strict=True))


def test_a_missing_mart_is_said(odd_marts):
    _refused(odd_marts["missing"], "mart_user_movie_matrix", "dbt run")


def test_an_empty_mart_is_said(odd_marts):
    _refused(odd_marts["empty"], "is empty", "dbt build")


@pytest.mark.parametrize("alone", ["user", "movie"])
def test_one_user_or_one_movie_still_trains(odd_marts, alone):
    done = odd_marts[alone]
    assert done.returncode == 0, done.stderr
    assert "k = 1," in done.stdout
    assert "now current" in done.stdout


def test_an_interrupt_of_dbts_process_is_an_interrupt(empty_project):
    question = Question(DbtOptions(empty_project.directory, empty_project.directory))
    question._process.send_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        question.answer()


def test_code_in_the_working_directory_is_not_run(built_project, tmp_path):
    marker = tmp_path / "was_run"
    for module in ("json", "click", "dbt", "numpy", "python_jobs"):
        (tmp_path / f"{module}.py").write_text(f"open({str(marker)!r}, 'w').close()")
    elsewhere = str(built_project.directory)
    done = subprocess.run(
        [SCRIPTS / "python_jobs", "runs", "--project-dir", elsewhere, "--profiles-dir", elsewhere],
        cwd=tmp_path,
        env=built_project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not marker.exists()
    assert done.returncode == 0, done.stderr
