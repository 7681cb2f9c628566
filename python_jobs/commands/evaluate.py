"""``python_jobs evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from python_jobs.commands.model_options import model_options
from python_jobs.commands.options import (
    dbt_options,
    mlflow_options,
    setting,
)
from python_jobs.commands.session import tracked_session
from python_jobs.commands.wanted_model import WantedModel
from python_jobs.dbt.project import DbtOptions

if TYPE_CHECKING:
    from python_jobs.evaluation.holdout import Protocol


@click.command("evaluate")
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
    wanted: WantedModel, protocol: Protocol, experiment: str, model_name: str, dbt: DbtOptions
) -> None:
    """Judge a model's lists on held-out interactions, beside two baselines; change nothing.

    \b
    Example:
        python_jobs evaluate --like champion --protocol random
    """
    needed = ("sklearn.decomposition", "python_jobs.evaluation.assessment")
    with tracked_session(dbt, experiment, model_name, *needed) as job:
        from python_jobs.commands.model_screens import show_assessment
        from python_jobs.evaluation.assessment import assess
        from python_jobs.evaluation.holdout import hold_out
        from python_jobs.interactions.genres import read_genres
        from python_jobs.interactions.mart import read_interactions

        settings, _ = wanted.settings(job)
        with job.phases.phase("read") as bar:
            interactions = read_interactions(job.warehouse, [settings.watched_weight], bar)
        with job.phases.phase("evaluate"):
            holdout = hold_out(interactions.matrix, interactions.last_interacted_at, protocol)
            genres = read_genres(job.warehouse, interactions.movie_ids)
            assessment = assess(holdout, settings, genres)
    show_assessment(assessment, protocol)
