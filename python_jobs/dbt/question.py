"""Asking dbt about the project: where ClickHouse is, and which relation has which name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from python_jobs.dbt.project import Credentials, DbtOptions, DbtProject
from python_jobs.dbt.relation import Relation
from python_jobs.errors import INTERRUPTED, UserError

# -P: what lies in the working directory is data, whatever it is called.
ASKED = (sys.executable, "-P", "-m", "python_jobs.dbt.answers")
"""The program that answers; dbt's options follow."""
KNOWN = "DATAFLIX_DBT_ANSWER"
"""Variable by which :mod:`python_jobs.commands.steps` tells a command that dbt's answer is on its
stdin, and need not be asked for."""
ON_STDIN = "on stdin"


class Question:
    """dbt reading the project in a process of its own; the asker may do something else meanwhile.

    Parameters
    ----------
    options
        dbt's options; they choose the project, the profile and the target.
    """

    waits = False
    """Whether another step runs, and has the screen and the database until it is our turn."""

    def __init__(self, options: DbtOptions) -> None:
        options.require_profile()
        options.require_writable()
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._said: str | None = None
        if os.environ.get(KNOWN) == ON_STDIN:
            self.waits = True
            # Of Ctrl-C the step that runs speaks, and whoever began this one ends it.
            self._interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
        else:
            self._process = subprocess.Popen(
                [*ASKED, *options.arguments()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def wait(self) -> None:
        """Wait until it is our turn, where another step runs.

        Raises
        ------
        UserError
            If the longer work ended before.
        """
        if self.waits:
            self._said = sys.stdin.read()
            self.waits = False
            signal.signal(signal.SIGINT, self._interrupted)
            if not self._said:
                raise UserError("The pipeline ended before it was the turn of this step.")

    def answer(self) -> DbtProject:
        """Wait for dbt's answer.

        Raises
        ------
        UserError
            If dbt finds no project, no profile, no such target, or an error in any of them.
        KeyboardInterrupt
            If Ctrl-C, which reaches both processes, ended the other one and was lost in this one:
            Python ignores it in the middle of an import.
        """
        self.wait()
        if self._process is None:
            return parsed(json.loads(self._said or ""), self._options)
        said, complaint = self._process.communicate()
        # An interrupt while its interpreter starts ends the process in another way.
        interrupted = self._process.returncode in (-signal.SIGINT, INTERRUPTED)
        if interrupted or complaint.endswith("KeyboardInterrupt\n"):
            raise KeyboardInterrupt
        if self._process.returncode:
            last = (complaint.strip() or "it ended without a word").splitlines()[-1]
            return parsed({"error": last}, self._options)
        lines = map(json.loads, said.splitlines())
        return parsed(next(line["answer"] for line in lines if "answer" in line), self._options)


def parsed(found: dict[str, Any], options: DbtOptions) -> DbtProject:
    """Return the project that an answer tells of.

    Raises
    ------
    UserError
        If it tells that dbt cannot read it.
    """
    if "error" in found:
        raise UserError(
            f"dbt cannot read the project: {found['error']}",
            _parse_hint(options, found["error"]),
        )
    return DbtProject(
        directory=Path(found["directory"]),
        target=found["target"],
        credentials=Credentials(**found["credentials"]),
        models=_relations(found["models"]),
        sources=_relations(found["sources"]),
        failures=_relations(found["failures"]),
    )


def _relations(found: dict[str, Any]) -> dict[str, Relation]:
    return {name: Relation(*place) for name, place in found.items()}


def _parse_hint(options: DbtOptions, error: str) -> str:
    project = options.project_dir or Path()
    if not (project / "dbt_project.yml").is_file():
        return "Run from the project's directory, or name it with --project-dir."
    if "profile" in error:
        return (
            "Run `dbt debug` with the same options to see what dbt sees. A missing profile: "
            "`cp profiles.yml.example profiles.yml`."
        )
    return "`dbt parse` with the same options says it too, without building anything."
