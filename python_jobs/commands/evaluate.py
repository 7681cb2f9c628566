"""``python_jobs evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from python_jobs.commands.options import (
    WantedModel,
    dbt_options,
    mlflow_options,
    model_options,
    setting,
)
from python_jobs.dbt_project import DbtOptions

if TYPE_CHECKING:
    from python_jobs.holdout import Protocol


@click.command("evaluate")
@model_options
@setting(
    "--protocol",
    "What is held out of each user: the latest 20 %, or 25 % at random.",
    type=click.Choice(["temporal", "random"]),
    default="temporal",
)
@mlflow_options
@dbt_options
def command(
    wanted: WantedModel, protocol: Protocol, experiment: str, model_name: str, dbt: DbtOptions
) -> None:
    """Judge a model's lists on held-out interactions, beside two baselines; change nothing.

    \b
    Example:
        python_jobs evaluate --like champion --protocol random
    """
    from python_jobs.assessment import assess
    from python_jobs.holdout import hold_out
    from python_jobs.interactions import read_interactions
    from python_jobs.progress import shown_phases
    from python_jobs.screens import show_assessment
    from python_jobs.tracking import open_tracking
    from python_jobs.warehouse import open_warehouse

    with open_warehouse(dbt) as warehouse, shown_phases() as phases:
        tracking = open_tracking(warehouse.project.directory, experiment, model_name)
        settings = wanted.settings(tracking)
        with phases.phase("read"):
            interactions = read_interactions(warehouse, settings.watched_weight)
        with phases.phase("evaluate"):
            holdout = hold_out(interactions.matrix, interactions.last_interacted_at, protocol)
            assessment = assess(holdout, settings)
    show_assessment(assessment, protocol)
