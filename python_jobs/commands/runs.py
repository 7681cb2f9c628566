"""``python_jobs runs``."""

from __future__ import annotations

import click

from python_jobs.commands.options import dbt_options
from python_jobs.commands.session import session
from python_jobs.dbt.project import DbtOptions


@click.command("runs")
@dbt_options
def command(dbt: DbtOptions) -> None:
    """List what has been published, newest first, and which run is current.

    Below: what was watched of it, as far as dbt has built that, and what experiments have found.

    \b
    Example:
        python_jobs runs
    """
    with session(dbt, "python_jobs.commands.run_screens") as job:
        from python_jobs.commands.run_screens import show_outcomes, show_runs
        from python_jobs.publishing.history import list_runs
        from python_jobs.publishing.outcomes import read_findings, read_outcomes

        runs = list_runs(job.warehouse)
        outcomes, findings = read_outcomes(job.warehouse), read_findings(job.warehouse)
    show_runs(runs)
    show_outcomes(outcomes, findings)
