"""What a user or a bad day can cause: a message, an exit code, and nothing written."""

import shutil
import signal
import subprocess
import sys

import pytest

from python_jobs.dbt.project import DbtOptions
from python_jobs.dbt.question import Question
from tests.python_jobs.conftest import SCRIPTS, rows_of

STATE = """
select
    (select count() from ml.recommendations),
    (select count() from ml.training_runs),
    (select count() from system.tables where database = 'ml')
"""
VERSIONS = "select count(*) from model_versions"
HOLD = """
import sys, clickhouse_connect
client = clickhouse_connect.get_client(interface="chdb", path=sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def _refused(done, *words, code=1):
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for word in words:
        assert word in done.stderr
    return done


STORE_NOT_THERE = {
    "MLFLOW_TRACKING_URI": "http://ana:s3cret@127.0.0.1:9",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
WRONG = {
    "a database held by another process": (
        ["runs", "--project-dir", "held"],
        {},
        ["held/.chdb cannot be opened", "One process at a time"],
    ),
    "nothing built yet": (
        ["train", "--project-dir", "bare"],
        {},
        ["no embedded database", "dbt seed"],
    ),
    "an unknown target": (
        ["train", "--target", "nowhere"],
        {},
        ["does not have a target named 'nowhere'", "dbt debug"],
    ),
    "no project there": (
        ["train", "--project-dir", "/"],
        {},
        ["dbt_project.yml", "--project-dir"],
    ),
    "no profile there": (
        ["train", "--profiles-dir", "/"],
        {},
        ["Could not find profile named 'dataflix'", "cp profiles.yml.example"],
    ),
    "a list too long": (["train", "--top", "201"], {}, ["list of 201", "from 1 to 200"]),
    "an unknown user": (["recommend", "--user", "987654321"], {}, ["User 987654321"]),
    "a list too long for a user": (
        ["recommend", "--user", "1", "--top", "201"],
        {},
        ["list of 201", "from 1 to 200"],
    ),
    "an unknown run": (["rollback", "nonsense"], {}, ["No run nonsense", "These are kept: "]),
    "an unknown model": (
        ["train", "--like", "nonsense"],
        {},
        ["no nonsense of the model dataflix-nmf", "python_jobs train"],
    ),
    "no MLflow there": (
        ["train"],
        STORE_NOT_THERE,
        ["http://ana:*****@127.0.0.1:9 cannot be reached", "MLFLOW_TRACKING_URI"],
    ),
    # Last: with another path in its profile, dbt parses everything again.
    "a database that cannot be written": (
        ["load-movielens", "ml-latest-small"],
        {"DATAFLIX_CHDB_PATH": "/dev/null/chdb"},
        ["/dev/null/chdb", "DATAFLIX_CHDB_PATH"],
    ),
}


@pytest.fixture(scope="module")
def refusals(trained_project, tmp_path_factory):
    """The outcome of each wrong command, run in one process after the others.

    One project for all of them, which must change nothing: what it holds is compared at the end.
    """
    project = trained_project.copy(tmp_path_factory.mktemp("unharmed"))
    bare, held = (trained_project.copy(project.directory / name) for name in ("bare", "held"))
    shutil.rmtree(bare.directory / ".chdb")
    release = project.directory / "ml-latest-small"
    release.mkdir()
    (release / "movies.csv").write_text("movieId,title,genres\n1,Heat (1995),Crime\n")
    (release / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.5,1000000000\n")
    look = [["query", STATE], ["store", VERSIONS]]
    commands = [(arguments, variables) for arguments, variables, _ in WRONG.values()]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(held.directory / ".chdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        done = [*project.many([*look, *commands, *look])]
    finally:
        holder.communicate("")
    yield dict(zip(WRONG, done[2:-2], strict=True))
    assert [*map(rows_of, done[-2:])] == [*map(rows_of, done[:2])]
    assert not (bare.directory / ".chdb").exists()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(refusals, name):
    done = _refused(refusals[name], *WRONG[name][2])
    assert "s3cret" not in done.stdout + done.stderr


def test_bad_usage_has_an_exit_code_of_its_own(empty_project):
    _refused(empty_project.python_jobs("train", "--top", "0"), "Invalid value for '--top'", code=2)


def test_ctrl_c_leaves_the_previous_run_current(project):
    steps = ("jobs.one_process:fit", "publishing.publish:swap_in")
    state = ["query", STATE]
    before, *outcomes = project.many(
        [state, *(each for step in steps for each in (["interrupt", step, "train"], state))]
    )
    for done, after in zip(outcomes[::2], outcomes[1::2], strict=True):
        _refused(done, "Interrupted", code=130)
        assert rows_of(after) == rows_of(before)


MART, KEPT = "analytics.mart_user_movie_matrix", "analytics.kept"
ALONE = f"insert into {MART} select * from {KEPT} where {{0}} = (select min({{0}}) from {KEPT})"


@pytest.fixture(scope="module")
def odd_marts(trained_project, tmp_path_factory):
    """The outcome of training with no mart, with an empty one, one user's and one movie's."""
    project = trained_project.copy(tmp_path_factory.mktemp("odd"))
    outcomes = project.many(
        [
            ["execute", f"rename table {MART} to {KEPT}"],
            ["train"],
            ["execute", f"create table {MART} as {KEPT}"],
            ["train"],
            ["execute", ALONE.format("user_id")],
            ["train", "--top", "1", "--force"],
            ["execute", f"create or replace table {MART} as {KEPT}"],
            ["execute", ALONE.format("movie_id")],
            ["train", "--top", "1", "--force"],
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
    assert question._process is not None
    question._process.send_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        question.answer()


def test_code_in_the_working_directory_is_not_run(project, tmp_path):
    marker = tmp_path / "was_run"
    for module in ("json", "click", "dbt", "numpy", "python_jobs"):
        (tmp_path / f"{module}.py").write_text(f"open({str(marker)!r}, 'w').close()")
    elsewhere = str(project.directory)
    done = subprocess.run(
        [SCRIPTS / "python_jobs", "runs", "--project-dir", elsewhere, "--profiles-dir", elsewhere],
        cwd=tmp_path,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not marker.exists()
    assert done.returncode == 0, done.stderr
