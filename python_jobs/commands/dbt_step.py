"""dbt as a step of longer work: warnings and failures whole, its other words in its log file."""

from __future__ import annotations

from collections.abc import Sequence

import click

from python_jobs.dbt.kept import Event, KeptDbt
from python_jobs.progress import shown_phases

ALWAYS_SHOWN = ("PrintEvent", "StatsLine")
"""Events that are shown although they warn of nothing: what macros print, and the last line."""


def run_dbt(kept: KeptDbt, arguments: Sequence[str]) -> int:
    """Run a command of dbt, and return its exit code.

    A terminal has a bar, which goes on with each model and test. Warnings and errors are shown as
    dbt says them, on stdout, and so is what macros print.

    Raises
    ------
    UserError
        If dbt cannot read the project.
    """
    with shown_phases() as phases, phases.phase(f"dbt {arguments[0]}") as bar:

        def tell(event: Event) -> None:
            shown = event["level"] in ("warn", "error") or event["name"] in ALWAYS_SHOWN
            if shown and event["msg"].strip():
                click.echo(event["msg"])
            if event["name"].endswith("Result") and event["total"]:
                bar.expect(event["total"])
                bar.advance()

        return kept.run(arguments, tell)
