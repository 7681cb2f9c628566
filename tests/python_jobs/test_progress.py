"""What long work shows on a terminal, and that a log stays quiet."""

import os
import pty
import re
import subprocess
import threading

import pytest
from rich.progress import Progress

from python_jobs.interactions.mart import read_interactions
from python_jobs.progress import Bar
from tests.python_jobs.conftest import SCRIPTS


def on_a_terminal(project, *arguments):
    """Return what a command writes to stderr where that is a terminal."""
    ours, theirs = pty.openpty()
    written = bytearray()

    def read():
        # The terminal's end is an error on Linux and empty elsewhere.
        try:
            while part := os.read(ours, 4096):
                written.extend(part)
        except OSError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    done = subprocess.run(
        [str(SCRIPTS / "python_jobs"), *arguments],
        cwd=project.directory,
        env={**project.environment, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=False,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    return done.returncode, written.decode()


def test_every_phase_is_shown_on_a_terminal_and_none_in_a_log(project):
    code, shown = on_a_terminal(project, "train")
    assert code == 0, shown
    for phase in ("start", "read", "evaluate", "fit", "metrics", "log", "publish"):
        assert re.search(rf"✓ {phase} .*\d:\d\d:\d\d", shown), phase
    quiet = project.python_jobs("train")
    assert quiet.returncode == 0
    assert quiet.stderr == ""


@pytest.mark.parametrize("needed", [0, 3, 7, 12])
def test_a_stretch_is_as_long_as_was_said(needed):
    with Progress(disable=True) as progress:
        bar = Bar(progress, progress.add_task("fit", total=10))
        (task,) = progress.tasks
        seen = []
        with bar.stretch(7) as step:
            for _ in range(needed):
                step()
                seen.append(task.completed)
        assert task.completed == 7
        bar.advance(3)
    assert task.finished
    assert seen == [min(number, 7) for number in range(1, needed + 1)]


def test_reading_says_how_far_it_is(warehouse):
    with Progress(disable=True) as progress:
        bar = Bar(progress, progress.add_task("read", total=None))
        interactions = read_interactions(warehouse, bar=bar)
        (task,) = progress.tasks
    assert task.total == task.completed == interactions.matrix.nnz
