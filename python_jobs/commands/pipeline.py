"""``python_jobs pipeline``."""

from __future__ import annotations

import click

from python_jobs.commands.model_options import model_options
from python_jobs.commands.options import dbt_options, warm_start_option
from python_jobs.commands.wanted_model import LIVE, WantedModel
from python_jobs.dbt.project import DbtOptions


@click.command("pipeline")
@model_options(like=LIVE)
@warm_start_option
@dbt_options
def command(wanted: WantedModel, warm_start: bool, dbt: DbtOptions) -> None:
    """Refresh everything, as a scheduler does: dbt build, train, dbt build of what depends on it.

    Every model is built and tested once: what depends on a published run, after the training. Where
    the gate refuses the new model, the marts are built on what is live, and the exit code is 3.

    It trains with the settings of what is live, so that what `tune` found is not forgotten, and
    with the defaults where nothing is live. Other options of `train` are read from their
    environment variables. Where `make dashboards` has been run, it ends with a fresh copy for them.

    Of dbt it shows warnings, failures and the last line; dbt's log file has the rest.

    \b
    Example:
        python_jobs pipeline --target server
    """
    from python_jobs.commands.steps import dashboards_follow, kept_dbt, refresh, run_steps

    dbt.require_profile()
    dbt.require_writable()
    words = [*wanted.words(), *(["--warm-start"] if warm_start else [])]
    with kept_dbt(dbt) as kept:
        run_steps((*refresh(words), *dashboards_follow(dbt)), kept)
