"""``python_jobs snapshot``."""

from __future__ import annotations

import click

from python_jobs.commands.options import dbt_options
from python_jobs.dbt.project import DbtOptions


@click.command("snapshot")
@dbt_options
def command(dbt: DbtOptions) -> None:
    """Copy the marts for the dashboards on this machine, which show the copy from then on.

    `make dashboards`, and with it `pipeline` and `rollback`, do so by themselves. On a server the
    dashboards read the marts as they are, and there is nothing to copy.

    \b
    Example:
        python_jobs snapshot
    """
    from python_jobs.dbt.question import Question
    from python_jobs.snapshot.take import take_snapshot
    from python_jobs.warehouse.connection import require_embedded

    project = Question(dbt).answer()
    if project.credentials.type != "chdb":
        click.echo(f"The target {project.target} is a server: dashboards read its own marts.")
        return
    require_embedded(project)
    copied = take_snapshot(project)
    click.echo(f"The dashboards on this machine show the {len(copied)} marts as they are now.")
