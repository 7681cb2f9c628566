"""Ctrl-C and SIGTERM: what a job and the pipeline around it do after one."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from contextlib import closing
from pathlib import Path

import pytest

from python_jobs.dbt.question import KNOWN, ON_STDIN
from tests.python_jobs.conftest import REPOSITORY, SCRIPTS


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


def test_dbt_does_not_go_on_building_after_its_pipeline_was_ended(built_project, tmp_path):
    project = built_project.copy(tmp_path)
    log = tmp_path / "logs/dbt.log"
    log.unlink(missing_ok=True)
    pipeline = subprocess.Popen(
        [SCRIPTS / "python_jobs", "pipeline"],
        env=project.environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (log.exists() and "START sql" in log.read_text(encoding="utf-8")):
        assert pipeline.poll() is None, pipeline.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pipeline.terminate()
    _, said = pipeline.communicate(timeout=120)
    assert pipeline.returncode == 130
    assert "Interrupted: Step 1 of 3 was cut short: dbt build" in said
    assert "what was published before is still current" in said
    # What it builds last.
    assert "OK created sql table model `analytics`.`mart_dataset`" not in log.read_text(
        encoding="utf-8"
    )


def test_dbt_shows_no_traceback_where_it_is_cut_short_before_its_nodes():
    program = (
        "import os, signal, sys, time, traceback\n"
        "from python_jobs.dbt.answers import cut_short\n"
        "signal.signal(signal.SIGINT, cut_short)\n"
        "print('on the screen', file=sys.stderr)\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    traceback.print_exc()\n"
        "    print('interrupted')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=30, capture_output=True)
    assert (ended.stdout, ended.stderr) == (b"interrupted\n", b"on the screen\n")
