"""``python_jobs recommend``."""

from __future__ import annotations

import click

from python_jobs.commands.options import dbt_options, mlflow_options, setting
from python_jobs.dbt_project import DbtOptions


@click.command("recommend")
@click.option("--user", required=True, metavar="ID", help="The user, as in mart_users.user_id.")
@setting("--top", "How many movies.", type=int, default=10)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    help="Output.",
)
@mlflow_options
@dbt_options
def command(
    user: str, top: int, shape: str, experiment: str, model_name: str, dbt: DbtOptions
) -> None:
    """Recommend unseen movies to one user, from the champion's factors.

    \b
    Example:
        python_jobs recommend --user 42 --top 5 --format json
    """
    from python_jobs.registry import load_model
    from python_jobs.screens import show_recommendations
    from python_jobs.serving import parse_user, recommend
    from python_jobs.tracking import open_tracking
    from python_jobs.warehouse import open_warehouse

    user_id = parse_user(user)
    with open_warehouse(dbt) as warehouse:
        tracking = open_tracking(warehouse.project.directory, experiment, model_name)
        model = load_model(tracking)
        show_recommendations(recommend(warehouse, model, user_id, top), user_id, shape)
