"""The steps of `pipeline` and `demo`: where they run, in which order, and what a failure says."""

import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from python_jobs.cli import cli
from python_jobs.commands.steps import (
    REFRESH,
    SEED,
    SNAPSHOT,
    RefusedStepError,
    StepError,
    run_steps,
)
from python_jobs.dbt.kept import KeptDbt
from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import InterruptedWithNewsError, Terminated, UserError

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


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_step_that_was_killed_has_no_messages_to_look_for(ran, number):
    ran.codes = {2: -number}
    with pytest.raises(StepError, match=f"Step 2 of 3 was ended by signal {number:d}:") as failed:
        run_steps(REFRESH, KeptDbt(SERVER, {}))
    assert failed.value.exit_code == 1
    assert ("memory runs out" in failed.value.message) == (number == signal.SIGKILL)
    assert "messages are above" not in failed.value.message
    assert f"`{MARTS}`" in failed.value.hint


@pytest.mark.parametrize("code", [1, 2, 130])
def test_a_training_that_failed_may_have_published(ran, code):
    said = _fail(ran, 2, code)
    assert "still current" not in str(said)
    assert "`python_jobs runs`" in said.hint
    assert f"`{MARTS}`" in said.hint
    assert len(ran) == 2


def test_marts_that_failed_leave_the_new_run_live_and_are_left_to_do(ran):
    said = _fail(ran, 3, 1)
    assert "still current" not in str(said)
    assert "What came before it is done" in said.hint
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
    with pytest.raises(InterruptedWithNewsError) as raised:
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
