"""The steps of `pipeline` and `demo`: where they run, in which order, and what a failure says."""

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from python_jobs.cli import cli
from python_jobs.commands.dbt_step import run_dbt
from python_jobs.commands.steps import (
    REFRESH,
    SEED,
    SNAPSHOT,
    RefusedStepError,
    StepError,
    run_steps,
)
from python_jobs.dbt.answers import teller
from python_jobs.dbt.kept import Event, KeptDbt
from python_jobs.dbt.project import DbtOptions
from python_jobs.dbt.question import ASKED, KNOWN, ON_STDIN, Question
from python_jobs.dbt.relation import Relation
from python_jobs.errors import Terminated, UserError
from tests.python_jobs.conftest import REPOSITORY, SCRIPTS

SERVER = DbtOptions(target="server")
MARTS = "dbt build --selector after_training --target server"
COPY = "python_jobs snapshot --target server"


@pytest.fixture
def ran(monkeypatch):
    """The commands that would have run; ``ran.codes`` are the exit codes they come back with, or
    what is raised meanwhile."""

    class Ran(list):
        def __init__(self):
            self.codes: dict[int, int | type[BaseException]] = {}
            self.loaded: list[tuple[str, int]] = []
            """Programs, and how many steps were done when each was begun."""
            self.killed: list[str] = []

    commands = Ran()

    def run(command):
        commands.append([Path(command[0]).name, *command[1:]])
        code = commands.codes.get(len(commands), 0)
        if not isinstance(code, int):
            raise code
        return code

    class Process:
        def __init__(self, command, **_):
            self.command = command
            commands.loaded.append((Path(command[0]).name, len(commands)))

        def communicate(self, _):
            self.returncode = run(self.command)

        def terminate(self):
            commands.killed.append(f"{self.command[1]}, gently")

        def kill(self):
            commands.killed.append(self.command[1])

        def wait(self):
            return -9

    # Not where dbt's own process is begun, which is the same module's.
    module = SimpleNamespace(Popen=Process, PIPE=subprocess.PIPE)
    monkeypatch.setattr("python_jobs.commands.job_step.subprocess", module)
    monkeypatch.setattr("python_jobs.commands.steps.run_dbt", lambda _, words: run(["dbt", *words]))
    monkeypatch.setattr("python_jobs.commands.steps.KeptDbt.answer", lambda _: "")
    return commands


def _fail(ran, step, code, steps=REFRESH):
    ran.codes = {step: code}
    with pytest.raises(StepError) as failed:
        run_steps(steps, KeptDbt(SERVER, {}))
    assert failed.value.exit_code == code
    return failed.value


@pytest.mark.parametrize(("step", "steps"), [(1, (SEED, *REFRESH)), (2, (SEED, *REFRESH))])
def test_nothing_is_published_before_the_training(ran, step, steps):
    said = _fail(ran, step, 1, steps)
    assert f"Step {step} of 4 failed" in said.message
    assert "what was published before is still current" in said.hint
    assert len(ran) == step


@pytest.mark.parametrize("code", [1, 2, 130, -9])
def test_a_training_that_failed_may_have_published(ran, code):
    said = _fail(ran, 2, code)
    assert "still current" not in str(said)
    assert "`python_jobs runs`" in said.hint
    assert f"`{MARTS}`" in said.hint
    assert len(ran) == 2


def test_marts_that_failed_leave_the_new_run_live_and_are_left_to_do(ran):
    said = _fail(ran, 3, 1)
    assert "still current" not in str(said)
    assert "The training before it is done" in said.hint
    assert f"What is left to do: `{MARTS}`" in said.hint


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, Terminated])
@pytest.mark.parametrize(
    ("number", "step", "left", "ended"),
    [
        (1, REFRESH[0], "what was published before is still current", ["train"]),
        (2, REFRESH[1], "say whether it had published by then", ["train, gently", "train"]),
        (3, REFRESH[2], f"What is left to do: `{MARTS}`", ["snapshot"]),
        (4, SNAPSHOT, f"left to do: `{COPY}`", ["snapshot, gently", "snapshot"]),
    ],
)
def test_an_interrupt_says_which_step_it_cut_short_and_what_is_left(
    ran, number, step, left, ended, interrupt
):
    ran.codes = {number: interrupt}
    with pytest.raises(StepError) as raised:
        run_steps((*REFRESH, SNAPSHOT), KeptDbt(SERVER, {}))
    said = raised.value
    assert (said.word, said.exit_code) == ("Interrupted", 130)
    assert said.message == f"Step {number} of 4 was cut short: {shlex.join(step.words(SERVER))}."
    assert left in said.hint
    assert len(ran) == number
    assert ran.killed == ended


def test_the_marts_are_built_where_the_gate_refused(ran):
    said = _fail(ran, 2, 3)
    assert isinstance(said, RefusedStepError)
    assert said.word == "Refused"
    assert "failed" not in str(said)
    assert "The gate refused the new model in step 2 of 3" in said.message
    assert "All steps are done" in said.message
    assert "What was live before still is" in said.hint
    assert " ".join(ran[-1]) == MARTS


def test_a_job_loads_while_dbt_works_and_ends_where_dbt_fails(ran):
    run_steps((SEED, *REFRESH, SNAPSHOT), KeptDbt(SERVER, {}))
    assert ran.loaded == [("python_jobs", 1), ("python_jobs", 3)]
    assert ran.killed == []
    ran.clear()
    _fail(ran, 1, 1)
    assert ran.killed == ["train"]


def test_a_job_that_waits_says_nothing_and_leaves_an_interrupt_to_the_step_that_runs(
    empty_project,
):
    waits = subprocess.Popen(
        [Path(sysconfig.get_path("scripts")) / "python_jobs", "runs"],
        env={**empty_project.environment, KNOWN: ON_STDIN},
        cwd=empty_project.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # It ignores the signal as soon as it has looked where it is.
    deadline = time.monotonic() + 60
    while not _ignores_interrupts(waits.pid):
        assert waits.poll() is None
        assert time.monotonic() < deadline
    waits.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        waits.wait(0.5)
    said = waits.communicate("")
    assert (waits.returncode, *said) == (
        1, "", "Error: The pipeline ended before it was the turn of this step.\n",
    )  # fmt: skip


PIPELINE = """
import os, sysconfig
from types import SimpleNamespace
import click
from python_jobs import __main__
from python_jobs.commands.job_step import Jobs

@click.command()
def pipeline():
    with Jobs(SimpleNamespace(environment=dict(os.environ), answer=lambda: "")) as jobs:
        jobs.run(["job"])

sysconfig.get_path = lambda _: os.getcwd()
__main__.cli = pipeline
__main__.main()
"""
JOB = """#!{python}
import signal, sys, time
from pathlib import Path

def interrupted(*_):
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    time.sleep(0.6)
    Path("taken_back").touch()
    sys.exit(130)

for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, interrupted)
print("runs", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("to_all", [True, False], ids=["to all, as Ctrl-C", "to the pipeline"])
def test_a_job_that_runs_takes_back_what_is_half_done(sent, to_all, tmp_path):
    job = tmp_path / "job"
    job.write_text(JOB.format(python=sys.executable), encoding="utf-8")
    job.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-c", PIPELINE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as pipeline:
        assert pipeline.stdout
        assert pipeline.stdout.readline() == "runs\n"
        if to_all:
            os.killpg(pipeline.pid, sent)
        else:
            pipeline.send_signal(sent)
        _, said = pipeline.communicate(timeout=60)
    assert (tmp_path / "taken_back").exists()
    assert pipeline.returncode == 130
    assert said.strip().startswith("Interrupted. `python_jobs runs` shows what is current")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_ended_twice_says_so_once(sent, built_project, tmp_path):
    project = built_project.copy(tmp_path)
    training = subprocess.Popen(
        [SCRIPTS / "python_jobs", "train", "--set", "max_components=80"],
        env=project.environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    runs = "select status from runs"
    store = tmp_path / "mlflow.db"
    deadline = time.monotonic() + 120
    while not (store.exists() and _rows(store, runs) == [("RUNNING",)]):
        assert training.poll() is None, training.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # Its own, as of a whole group of processes, and that of a pipeline which passes one on.
    training.send_signal(sent)
    training.terminate()
    said = training.communicate(timeout=120)
    assert training.returncode == 130
    assert said[1].count("Interrupted. `python_jobs runs` shows what is current") == 1
    assert "Traceback" not in said[1]
    assert "ignored" not in said[1]
    assert _rows(store, runs) == [("KILLED",)]


def _rows(store, select):
    with closing(sqlite3.connect(store)) as opened:
        try:
            return opened.execute(select).fetchall()
        except sqlite3.OperationalError:  # its tables are being made
            return []


def _ignores_interrupts(pid):
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (ignored,) = re.findall(r"SigIgn:\s*([0-9a-f]+)", status)
    return int(ignored, 16) >> (signal.SIGINT - 1) & 1


def test_an_error_of_dbts_is_no_bad_usage_of_the_pipelines(ran):
    ran.codes = {1: 2}  # dbt's own, as where the database is held by another process
    with pytest.raises(StepError) as failed:
        run_steps(REFRESH, KeptDbt(SERVER, {}))
    assert failed.value.exit_code == 1
    assert "(exit code 2)" in failed.value.message


def test_a_third_exit_code_of_dbt_is_a_failure(ran):
    assert "Step 1 of 3 failed" in _fail(ran, 1, 3).message
    assert len(ran) == 1


def test_a_nightly_training_is_like_what_is_live_unless_told_otherwise(ran, tmp_path, monkeypatch):
    # Away from the repository, which has a profile or has none.
    monkeypatch.chdir(tmp_path)
    cli.main(["pipeline", "--target", "server"], standalone_mode=False)
    monkeypatch.setenv("DATAFLIX_LIKE", "7")
    cli.main(["pipeline", "--set", "recency=1.5", "--target", "server"], standalone_mode=False)
    usual, told = (" ".join(ran[step]) for step in (1, 4))
    assert usual == "python_jobs train --like live --target server"
    assert told == "python_jobs train --like 7 --set recency=1.5 --target server"


@pytest.fixture
def demo(empty_project, tmp_path, ran, monkeypatch):
    """The demo's commands, up to where it would open the database that they have filled."""

    def command(*arguments):
        monkeypatch.setattr("python_jobs.commands.demo.tracked_session", end)
        # The demo names the data set for its process, which is that of other tests too.
        monkeypatch.setenv("DATAFLIX_DATASET", "")
        directory = str(empty_project.copy(tmp_path / "project").directory)
        # What the demo asks dbt is where the database and the raw tables are; the rest would only
        # take long to parse.
        sources = tmp_path / "project/models/staging/dataflix/_dataflix__sources.yml"
        kept = sources.read_text(encoding="utf-8")
        for models in ("models", "tests"):
            shutil.rmtree(tmp_path / "project" / models)
        sources.parent.mkdir(parents=True)
        sources.write_text(kept, encoding="utf-8")
        where = ("--project-dir", directory, "--profiles-dir", directory)
        with pytest.raises((click.Abort, UserError)) as ended:
            cli.main(["demo", *where, *arguments], standalone_mode=False)
        return ended.value

    def end(dbt, *_):
        raise click.Abort(dbt.target)

    return command


def test_where_dbts_words_are_is_said(demo, ran, capsys):
    demo()
    said = capsys.readouterr().err
    assert re.search(r"What dbt does is told in /.*/project/logs/dbt\.log\.", said)


EVENTS = [
    ("info", "LogStartLine", "1 of 2 START sql table model", 2),
    ("info", "LogModelResult", "1 of 2 OK created", 2),
    ("warn", "LogTestResult", "2 of 2 WARN 3 keys", 2),
    ("info", "Formatting", "", 0),
    ("info", "PrintEvent", "8 of 33,914 stay out.", 0),
    ("error", "RunResultError", "Failure in test keys\n  Got 3 results", 0),
    ("info", "StatsLine", "Done. PASS=1 WARN=1 ERROR=1", 0),
]
SHOWN = """2 of 2 WARN 3 keys
8 of 33,914 stay out.
Failure in test keys
  Got 3 results
Done. PASS=1 WARN=1 ERROR=1
"""


class Says(KeptDbt):
    """A dbt that says the events and fails."""

    def run(self, _, on_event):
        for event in EVENTS:
            on_event(dict(zip(("level", "name", "msg", "total"), event, strict=True)))
        return 2


def test_of_dbt_only_warnings_failures_and_the_end_are_shown(capsys):
    assert run_dbt(Says(DbtOptions(), {}), ["build"]) == 2
    assert capsys.readouterr() == (SHOWN, "")


def test_dbt_reads_the_project_once_for_all_its_commands_and_for_the_jobs(
    empty_project, tmp_path, monkeypatch
):
    project = empty_project.copy(tmp_path)
    options = DbtOptions(tmp_path, tmp_path)
    said: list[Event] = []
    with KeptDbt(options, project.environment) as kept:
        asked = kept.project()
        assert asked.model("mart_movies") == Relation("analytics", "mart_movies")
        for file in (tmp_path / "models").rglob("*.yml"):
            file.write_text("- [", encoding="utf-8")
        words = ["compile", "--select", "mart_movies", "--no-introspect", *options.arguments()]
        assert kept.run(words, said.append) == 0
        assert any("with" in event["msg"] for event in said)
        assert kept.run(["compile", "--selector", "x", *options.arguments()], said.append) == 2
        assert "Could not find selector named x" in said[-1]["msg"]
        assert [event["level"] for event in said].count("error") == 1
        # A job asks nobody.
        monkeypatch.setenv("DATAFLIX_DBT_ANSWER", "on stdin")
        monkeypatch.setattr("sys.stdin", StringIO(kept.answer()))
        assert Question(options).answer() == asked
        # One that was killed says so by its exit code, as any process does.
        assert kept._process is not None
        kept._process.kill()
        assert kept.run(words, said.append) == -9


def test_the_files_of_dbt_are_of_the_last_command_and_of_one_that_failed(empty_project, tmp_path):
    project = empty_project.copy(tmp_path)
    options = DbtOptions(tmp_path, tmp_path)
    manifest, results = (tmp_path / f"target/{name}.json" for name in ("manifest", "run_results"))

    def ran() -> dict[str, str]:
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
        done = json.loads(results.read_text(encoding="utf-8"))["results"]
        of_nodes = [each for each in done if not each["unique_id"].startswith("operation.")]
        return {nodes[each["unique_id"]]["name"]: each["status"] for each in of_nodes}

    def words(model: str) -> list[str]:
        return ["compile", "--select", model, "--no-introspect", *options.arguments()]

    said: list[Event] = []
    with KeptDbt(options, project.environment) as kept:
        for file in (manifest, results):
            file.unlink(missing_ok=True)
        assert kept.run(words("mart_movies"), said.append) == 0
        # Nobody asked for what another command would write over.
        assert not results.exists()
        assert not manifest.exists()
        # `dbt retry` goes by what failed, here for want of raw tables.
        assert kept.run(["run", "--select", "mart_movies", *options.arguments()], said.append) != 0
        assert ran() == {"mart_movies": "error"}
        assert kept.run(words("mart_users"), said.append) == 0
        assert ran() == {"mart_movies": "error"}
    assert ran()["mart_users"] == "success"


def test_what_several_threads_of_dbt_have_to_say_comes_in_whole_lines():
    class Slow(StringIO):
        def write(self, text):
            time.sleep(0.001)  # another thread's turn, between a line and its end
            return super().write(text)

    lines = Slow()
    tell = teller(lines)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: tell({"event": number}), range(40)))
    told = [json.loads(line)["event"] for line in lines.getvalue().splitlines()]
    assert sorted(told) == list(range(40))


def test_dbt_ends_where_the_pipeline_it_works_for_was_killed(empty_project, tmp_path):
    project = empty_project.copy(tmp_path)
    dbt = subprocess.Popen(
        [*ASKED, "--project-dir", tmp_path, "--profiles-dir", tmp_path],
        env=project.environment,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert dbt.stdin
    assert dbt.stdout
    assert dbt.stderr
    assert any('"answer"' in line for line in iter(dbt.stdout.readline, ""))
    print(json.dumps(["seed"]), file=dbt.stdin, flush=True)
    assert any("START seed" in line for line in iter(dbt.stdout.readline, ""))
    # What the end of a process that is killed does.
    dbt.stdout.close()
    dbt.stdin.close()
    try:
        assert dbt.wait(60) == 130
    finally:
        dbt.kill()
    assert "Traceback" not in dbt.stderr.read()


def test_a_project_that_dbt_cannot_read_is_said_once(empty_project, tmp_path):
    project = empty_project.copy(tmp_path)
    (tmp_path / "models/broken.yml").write_text("- [", encoding="utf-8")
    said: list[Event] = []
    with (
        KeptDbt(DbtOptions(tmp_path, tmp_path), project.environment) as kept,
        pytest.raises(UserError, match=r"dbt cannot read the project: [^?]*broken\.yml"),
    ):
        kept.run(["build"], said.append)
    assert not [event for event in said if event["level"] == "error"]


def test_the_demo_runs_embedded_whatever_the_environment_says(demo, ran, monkeypatch):
    monkeypatch.setenv("DBT_TARGET", "server")
    monkeypatch.setenv("DATAFLIX_TARGET", "server")
    assert str(demo()) == "embedded"
    assert [step[:2] for step in ran] == [
        ["dbt", "seed"],
        ["dbt", "build"],
        ["python_jobs", "train"],
        ["dbt", "build"],
    ]
    for step in ran:
        assert step[step.index("--target") + 1] == "embedded"


def test_the_demo_refuses_a_server(demo, ran):
    said = demo("--target", "server")
    assert "The target server is a server" in str(said)
    assert "Nothing was run" in str(said)
    assert not ran


@pytest.mark.parametrize("command", [["runs"], ["pipeline"], ["recommend", "--user", "42"]])
def test_a_missing_profile_is_named_before_anything_is_started(ran, tmp_path, monkeypatch, command):
    """dbt would speak of a path that nobody typed, and `pipeline` would end as bad usage does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    (tmp_path / "dbt_project.yml").touch()
    with pytest.raises(UserError, match=r"There is no profiles\.yml in .* or in") as told:
        cli.main(command, standalone_mode=False)
    assert told.value.exit_code == 1
    assert "cp profiles.yml.example profiles.yml" in told.value.hint
    assert ran == []
