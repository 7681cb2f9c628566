"""Superset as `make dashboards` serves it, on the trained sample, and a reader's browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.python_jobs.conftest import (  # noqa: F401  fixtures
    REPOSITORY,
    Project,
    built_project,
    empty_project,
    seeded_project,
    trained_project,
)

SUPERSET = REPOSITORY / ".venv-superset" / "bin" / "python"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OURS = "127.0.0.1"
START_SECONDS = 600


@dataclass
class Dashboards:
    """A project with dashboards, and the process that serves them."""

    project: Project
    variables: dict[str, str] = field(default_factory=dict)
    port: int = 0
    said: str = ""
    password: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {**self.project.environment, **self.variables}

    def start(self) -> None:
        """Serve, until the addresses are printed."""
        with socket.socket() as free:
            free.bind((OURS, 0))
            self.port = free.getsockname()[1]
        log = self.project.directory / "serve.log"
        program = [SUPERSET, "dashboards/serve.py", "--port", str(self.port)]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                list(map(str, program)),
                cwd=self.project.directory,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches what a terminal runs; a job in the background may not hear it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        for _ in range(START_SECONDS * 5):
            self.said = log.read_text()
            if "Ctrl-C ends it." in self.said:
                break
            assert self.process.poll() is None, self.said
            time.sleep(0.2)
        found = re.search(r"with the password (\S+)", self.said)
        self.password = found[1] if found else self.password

    def stop(self) -> str:
        """End it as Ctrl-C does; return all that it printed."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        return (self.project.directory / "serve.log").read_text()

    def set_up_again(self) -> None:
        """Let the next start import the bundle once more."""
        (self.project.directory / ".dashboards/superset/set_up").unlink()

    def export(self) -> str:
        """Write what was changed back into the project's bundle; return what it says."""
        done = subprocess.run(
            [str(SUPERSET), "dashboards/export.py"],
            cwd=self.project.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def address(self, slug: str) -> str:
        address = f"http://{OURS}:{self.port}/superset/dashboard/{slug}/"
        assert address in self.said
        return address


def made(project: Project, directory: Path, **variables: str) -> Dashboards:
    """Return dashboards of a copy of a project, in a directory that nothing else has."""
    copy = project.copy(directory)
    shutil.copytree(REPOSITORY / "dashboards", directory / "dashboards")
    return Dashboards(copy, variables)


@pytest.fixture(scope="session")
def first_start(trained_project, tmp_path_factory) -> Iterator[Dashboards]:  # noqa: F811
    """Fresh metadata on the trained sample, the bundle imported twice, and served."""
    dashboards = made(trained_project, tmp_path_factory.mktemp("dashboards"))
    done = dashboards.project.python_jobs("snapshot")
    assert done.returncode == 0, done.stderr
    dashboards.start()
    dashboards.first_said = dashboards.said  # type: ignore[attr-defined]
    dashboards.last_said = dashboards.stop()  # type: ignore[attr-defined]
    dashboards.set_up_again()
    dashboards.start()
    yield dashboards
    dashboards.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's own Chromium: Playwright's would be downloaded from elsewhere."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.fail(
            f"These tests need Chromium, and none of {', '.join(BROWSERS)} is on the PATH. "
            "Install it, on Debian and Ubuntu: apt-get install chromium"
        )
    # As root, as in a container, Chromium has no sandbox of its own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=arguments)
        yield opened
        opened.close()
