"""``python_jobs pipeline``."""

from __future__ import annotations

import click

from python_jobs.commands.options import dbt_options
from python_jobs.dbt.project import DbtOptions


@click.command("pipeline")
@dbt_options
def command(dbt: DbtOptions) -> None:
    """Refresh everything, as a scheduler does: dbt build, train, dbt build of what depends on it.

    Every model is built and tested once: what depends on a published run, after the training. Where
    the gate refuses the new model, the marts are built on what is live, and the exit code is 3.
    Options of `train` are read from their environment variables.

    \b
    Example:
        python_jobs pipeline --target server
    """
    from python_jobs.commands.steps import REFRESH, run_steps

    run_steps(REFRESH, dbt)
