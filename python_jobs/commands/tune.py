"""``python_jobs tune``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from python_jobs.commands.model_options import model_options
from python_jobs.commands.options import (
    NumberRange,
    dbt_options,
    mlflow_options,
    setting,
)
from python_jobs.commands.session import tracked_session
from python_jobs.commands.wanted_model import WantedModel
from python_jobs.dbt.project import DbtOptions

if TYPE_CHECKING:
    from python_jobs.evaluation.holdout import Protocol


@click.command("tune", short_help="Search better settings; register the best as challenger.")
@setting("--minutes", "Time budget of the search.", type=NumberRange(min=0), default=10.0)
@model_options()
@setting(
    "--protocol",
    "What is held out of each user: the latest 20 %, or 25 % at random.",
    type=click.Choice(["temporal", "random"]),
    default="temporal",
)
@mlflow_options
@dbt_options
def command(
    minutes: float,
    wanted: WantedModel,
    protocol: Protocol,
    experiment: str,
    model_name: str,
    dbt: DbtOptions,
) -> None:
    """Search better settings, and register the best as challenger; publish nothing.

    Rank, regularisation, initialisation, score weights, ensembles and transitions are searched,
    from the settings given. The best is judged on a part of the data that the search never saw. The
    trials are not: they are apart in MLflow, in an experiment whose name ends in -trials.
    `python_jobs train --like challenger` puts the best before the gate.

    Nothing begins after the minutes are over, but what runs is finished, and one model of each kind
    is tried however few they are: on two cores that takes nine minutes at 20 million interactions.

    \b
    Example:
        python_jobs tune --minutes 5
    """
    # skops first: its import looks through every module that is loaded.
    needed = ("skops.io", "python_jobs.jobs.tune")
    with tracked_session(dbt, experiment, model_name, *needed) as job:
        from python_jobs.commands.model_screens import show_tuning
        from python_jobs.jobs.tune import tune

        start, origin = wanted.settings(job)
        report = tune(
            job.warehouse,
            job.tracking,
            job.live.dataset,
            start,
            origin,
            protocol,
            minutes,
            job.phases,
        )
    show_tuning(report)
