"""``python_jobs rollback``."""

from __future__ import annotations

import click

from python_jobs.commands.options import dbt_options, mlflow_options, warn
from python_jobs.commands.session import tracked_session
from python_jobs.dbt.project import DbtOptions


@click.command("rollback")
@click.argument("run_id")
@mlflow_options
@dbt_options
def command(run_id: str, experiment: str, model_name: str, dbt: DbtOptions) -> None:
    """Make an earlier published run current again; its version becomes the champion.

    The first digits of its id are enough where no other run begins with them. Where `make
    dashboards` has been run, it goes on to build what they read, and to copy it.

    \b
    Example:
        python_jobs rollback 5f0c2d1e
    """
    with tracked_session(dbt, experiment, model_name) as job:
        from python_jobs.jobs.roll_back import roll_back

        run, warnings = roll_back(job.warehouse, job.tracking, job.live, run_id)
    again = "current already" if run.current else "current again"
    click.echo(f"Run {run.run_id} (version {run.model_version}) is {again}.")
    warn(warnings)
    from python_jobs.commands.steps import MARTS, dashboards_follow, kept_dbt, run_steps

    snapshot = dashboards_follow(dbt)
    if not snapshot:
        click.echo("Dashboards follow with: dbt build --selector after_training")
        return
    with kept_dbt(dbt) as kept:
        run_steps((MARTS, *snapshot), kept)
