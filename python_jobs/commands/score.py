"""``python_jobs score``."""

from __future__ import annotations

import click

from python_jobs.commands.options import dbt_options, mlflow_options, setting
from python_jobs.dbt_project import DbtOptions


@click.command("score")
@setting("--top", "Recommendations per user.", type=int, default=20)
@setting("--keep", "Versions to keep for rollback.", type=click.IntRange(min=2), default=5)
@mlflow_options
@dbt_options
def command(top: int, keep: int, experiment: str, model_name: str, dbt: DbtOptions) -> None:
    """Publish fresh lists with the champion, new users included, without training.

    \b
    Example:
        python_jobs score --top 50
    """
    from python_jobs.progress import shown_phases
    from python_jobs.registry import load_model
    from python_jobs.scoring import score
    from python_jobs.screens import show_scoring
    from python_jobs.tracking import open_tracking
    from python_jobs.warehouse import open_warehouse

    with open_warehouse(dbt) as warehouse, shown_phases() as phases:
        tracking = open_tracking(warehouse.project.directory, experiment, model_name)
        report = score(warehouse, load_model(tracking), top, keep, phases)
    show_scoring(report)
