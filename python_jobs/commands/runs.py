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

    \b
    Example:
        python_jobs runs
    """
    with session(dbt, "python_jobs.commands.screens") as job:
        from python_jobs.commands.screens import show_runs
        from python_jobs.publishing.history import list_runs

        runs = list_runs(job.warehouse)
    show_runs(runs)
