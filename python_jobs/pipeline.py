"""dbt and the jobs in order, each as the command that a person would type."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from python_jobs.dbt_project import DbtOptions
from python_jobs.errors import UserError

DOWNSTREAM = "source:recommender+"
"""dbt's selector of everything that is built on what python_jobs publishes."""


@dataclass(frozen=True)
class Step:
    """One command of the pipeline."""

    program: str
    """``dbt`` or ``python_jobs``."""
    arguments: Sequence[str]

    def words(self, dbt: DbtOptions) -> list[str]:
        """Return the command with dbt's options, which both programs take."""
        return [self.program, *self.arguments, *dbt.arguments()]


class StepError(UserError):
    """A step failed; the pipeline ends with its exit code, so that a scheduler can tell why."""

    def __init__(self, exit_code: int, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


SEED = Step("dbt", ["seed"])
REFRESH = (
    Step("dbt", ["build"]),
    Step("python_jobs", ["train"]),
    Step("dbt", ["build", "--select", DOWNSTREAM]),
)
"""From raw tables to dashboards: what a scheduler runs."""


def run_steps(steps: Sequence[Step], dbt: DbtOptions) -> None:
    """Run the steps one after the other, each in a process of its own; stop at the first failure.

    A process each, because the embedded database belongs to one process at a time.

    Raises
    ------
    StepError
        If a step fails. What it printed says why.
    """
    environment = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **os.environ}
    for number, step in enumerate(steps, start=1):
        shown = shlex.join(step.words(dbt))
        click.secho(f"\n[{number}/{len(steps)}] {shown}", bold=True, err=True)
        # From this very environment, activated or not.
        program = Path(sysconfig.get_path("scripts")) / step.program
        command = [str(program), *step.words(dbt)[1:]]
        code = subprocess.run(command, env=environment, check=False).returncode
        if code:
            raise StepError(
                code,
                f"Step {number} of {len(steps)} failed: {shown} (exit code {code}).",
                "Its own messages are above. The steps after it did not run; what was published "
                "before is still current.",
            )
