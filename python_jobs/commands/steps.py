"""dbt and the jobs in order, each as the command that a person would type."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from python_jobs.commands.dbt_step import run_dbt
from python_jobs.commands.job_step import Jobs
from python_jobs.dbt.kept import KeptDbt
from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import REFUSED, InterruptedWithNewsError, UserError
from python_jobs.snapshot.place import has_snapshot


@dataclass(frozen=True)
class Step:
    """One command of the pipeline."""

    program: str
    """``dbt`` or ``python_jobs``."""
    arguments: Sequence[str]
    after_failure: str
    """What is live when the step has failed, and what is left to do; ``{downstream}`` stands for
    the command that builds the marts on what is published, ``{snapshot}`` for the one that copies
    them."""

    def words(self, dbt: DbtOptions) -> list[str]:
        """Return the command with dbt's options, which both programs take."""
        return [self.program, *self.arguments, *dbt.arguments()]

    def command(self, dbt: DbtOptions) -> str:
        """Return the same as a person would type it."""
        return shlex.join(self.words(dbt))

    def left(self, dbt: DbtOptions) -> str:
        """Return what is live when the step has failed, and what is left to do."""
        return self.after_failure.format(
            downstream=MARTS.command(dbt), snapshot=SNAPSHOT.command(dbt)
        )


class StepError(UserError):
    """A step failed; the pipeline ends with its exit code, so that a scheduler can tell why."""

    def __init__(self, exit_code: int, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class RefusedStepError(StepError):
    """All steps are done; the gate refused the new model, which is its work and no failure."""

    word = "Refused"


OUT_OF_MEMORY = " If nobody killed it, the system did, as it does where memory runs out."
UNTOUCHED = "No training had begun: what was published before is still current."
SEED = Step("dbt", ["seed"], UNTOUCHED)
BUILD = Step("dbt", ["build", "--selector", "before_training"], UNTOUCHED)
TRAIN = Step(
    "python_jobs",
    ["train"],
    "Its messages say whether it had published by then, and `python_jobs runs` which run is "
    "current. Dashboards follow that run with `{downstream}`.",
)
MARTS = Step(
    "dbt",
    ["build", "--selector", "after_training"],
    "What came before it is done; `python_jobs runs` shows which run is current. What is left "
    "to do: `{downstream}`.",
)
SNAPSHOT = Step(
    "python_jobs",
    ["snapshot"],
    "The marts are built; the dashboards show the copy before. What is left to do: `{snapshot}`.",
)
REFRESH = (BUILD, TRAIN, MARTS)
"""From raw tables to dashboards."""


def refresh(train_options: Sequence[str]) -> tuple[Step, ...]:
    """Return the same with options of ``train``: what a scheduler runs."""
    return BUILD, replace(TRAIN, arguments=[*TRAIN.arguments, *train_options]), MARTS


def dashboards_follow(dbt: DbtOptions) -> tuple[Step, ...]:
    """Return the step that gives dashboards on this machine fresh marts; none without any."""
    return (SNAPSHOT,) if has_snapshot(dbt.project_dir) else ()


def kept_dbt(dbt: DbtOptions) -> KeptDbt:
    """Return dbt for several steps, with this process's environment."""
    return KeptDbt(dbt, {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **os.environ})


def run_steps(steps: Sequence[Step], kept: KeptDbt) -> None:
    """Run the steps one after the other; stop at the first failure.

    A training that the gate refuses stops nothing: the marts follow the new raw data all the same.

    Parameters
    ----------
    steps
        What to run.
    kept
        dbt, which reads the project once for all of them, and lets go of the embedded database,
        which belongs to one process at a time, after each of its own. A job that follows it loads
        meanwhile.

    Raises
    ------
    StepError
        If a step fails, or, at the end, if the gate refused. What the step printed says why.
    InterruptedWithNewsError
        After Ctrl-C or SIGTERM.
    UserError
        If dbt cannot read the project.
    """
    dbt = kept.options
    if any(step.program == "dbt" for step in steps):
        click.echo(f"What dbt does is told in {dbt.log_file()}.", err=True)
    refusal: StepError | None = None
    number = 1
    try:
        with Jobs(kept) as jobs:
            for number, step in enumerate(steps, start=1):
                shown = step.command(dbt)
                click.secho(f"\n[{number}/{len(steps)}] {shown}", bold=True, err=True)
                code = _run(step, steps[number : number + 1], kept, jobs)
                if code == REFUSED and step.program == TRAIN.program:
                    refusal = RefusedStepError(
                        code,
                        f"The gate refused the new model in step {number} of {len(steps)}, {shown} "
                        f"(exit code {code}); its reasons are above. All steps are done.",
                        "What was live before still is, and the marts are built on it.",
                    )
                elif code < 0:
                    raise StepError(
                        1,
                        f"Step {number} of {len(steps)} was ended by signal {-code}: {shown}."
                        + (OUT_OF_MEMORY if -code == signal.SIGKILL else ""),
                        step.left(dbt),
                    )
                elif code:
                    raise StepError(
                        # Of dbt, 2 is any error that is not of one of its nodes.
                        1 if (step.program, code) == ("dbt", 2) else code,
                        f"Step {number} of {len(steps)} failed: {shown} (exit code {code}). Its "
                        "own messages are above.",
                        step.left(dbt),
                    )
    except KeyboardInterrupt as interrupt:
        # A job that ran has ended by here, and has said what it had done.
        step = steps[number - 1]
        raise InterruptedWithNewsError(
            f"Step {number} of {len(steps)} was cut short: {step.command(dbt)}.",
            step.left(dbt),
        ) from interrupt
    if refusal:
        raise refusal


def _run(step: Step, following: Sequence[Step], kept: KeptDbt, jobs: Jobs) -> int:
    """Run a step, and return its exit code; a job that follows dbt loads meanwhile."""
    words = step.words(kept.options)
    if step.program != "dbt":
        return jobs.run(words)
    for job in following:
        if job.program != "dbt":
            jobs.load(job.words(kept.options))
    return run_dbt(kept, words[1:])
