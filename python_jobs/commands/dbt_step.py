"""dbt as a step of longer work: warnings and failures whole, its other words in its log file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import click

from python_jobs.progress import Bar, shown_phases

TOLD_AS_EVENTS = ("--log-format", "json", "--log-format-file", "debug")
"""What makes dbt print a JSON object for each thing it has to say; its file stays for people."""
ALWAYS_SHOWN = ("PrintEvent", "StatsLine")
"""Events that are shown although they warn of nothing: what macros print, and the last line."""

SECONDS_TO_END = 5
"""What dbt has to end after an interrupt."""


def run_dbt(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run dbt, and return its exit code.

    A terminal has a bar, which goes on with each model and test. Warnings and errors are shown as
    dbt says them, on stdout, and so is what macros print.

    Parameters
    ----------
    command
        dbt and its arguments.
    environment
        Its environment.
    """
    with (
        shown_phases() as phases,
        phases.phase(f"dbt {command[1]}") as bar,
        subprocess.Popen(
            [*command, *TOLD_AS_EVENTS], env=environment, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                _tell(line.rstrip("\n"), bar)
        except BaseException:
            # A terminal's Ctrl-C has reached dbt too, and it is ending its statements.
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            process.kill()
            raise
    return process.returncode


def _tell(line: str, bar: Bar) -> None:
    """Show one line of dbt's, or move the bar."""
    try:
        event: dict[str, Any] = json.loads(line)
        info, data = event["info"], event["data"]
    except (ValueError, KeyError, TypeError):
        click.echo(line)  # not dbt's own, such as a warning of Python's
        return
    shown = info["level"] in ("warn", "error") or info["name"] in ALWAYS_SHOWN
    if shown and info["msg"].strip():
        click.echo(info["msg"])
    if info["name"].endswith("Result") and data.get("total"):
        bar.expect(int(data["total"]))
        bar.advance()
