"""``python_jobs recommend``."""

from __future__ import annotations

import click

from python_jobs.commands.options import (
    LIST_LENGTH,
    dbt_options,
    mlflow_options,
    setting,
    user_id,
)
from python_jobs.commands.session import tracked_session
from python_jobs.dbt.project import DbtOptions


@click.command("recommend")
@setting("--user", "The user, as in mart_users.user_id.", type=user_id, metavar="ID", required=True)
@setting("--top", "How many movies.", type=LIST_LENGTH, default=10)
@setting(
    "--format", "Output.", "shape", type=click.Choice(["table", "json", "csv"]), default="table"
)
@mlflow_options
@dbt_options
def command(
    user: int, top: int, shape: str, experiment: str, model_name: str, dbt: DbtOptions
) -> None:
    """Recommend unseen movies to one user, from the factors of the model that is live.

    In an experiment that is the model of the user's arm.

    \b
    Example:
        python_jobs recommend --user 42 --top 5 --format json
    """
    with tracked_session(dbt, experiment, model_name, "python_jobs.jobs.recommend") as job:
        from python_jobs.commands.list_screens import show_recommendations
        from python_jobs.jobs.experiment import model_for
        from python_jobs.jobs.recommend import recommend

        model = model_for(job.tracking, job.live, user)
        found = recommend(job.warehouse, model, user, top)
    show_recommendations(found, user, shape)
