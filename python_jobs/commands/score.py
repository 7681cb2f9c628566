"""``python_jobs score``."""

from __future__ import annotations

import click

from python_jobs.commands.options import LIST_LENGTH, dbt_options, mlflow_options, setting
from python_jobs.commands.session import tracked_session
from python_jobs.dbt_project import DbtOptions


@click.command("score")
@setting("--top", "Recommendations per user.", type=LIST_LENGTH, default=20)
@setting("--keep", "Versions to keep for rollback.", type=click.IntRange(min=2), default=5)
@mlflow_options
@dbt_options
def command(top: int, keep: int, experiment: str, model_name: str, dbt: DbtOptions) -> None:
    """Publish fresh lists with the champion, new users included, without training.

    \b
    Example:
        python_jobs score --top 50
    """
    needed = ("sklearn.decomposition", "python_jobs.scoring")
    with tracked_session(dbt, experiment, model_name, *needed) as job:
        from python_jobs.registry import load_model
        from python_jobs.scoring import score
        from python_jobs.screens import show_scoring

        report = score(job.warehouse, load_model(job.tracking), top, keep, job.phases)
    show_scoring(report)
