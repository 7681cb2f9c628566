"""``python_jobs score``."""

from __future__ import annotations

import click

from python_jobs.commands.options import (
    dbt_options,
    lists_options,
    max_shrink_option,
    mlflow_options,
    warn,
)
from python_jobs.commands.session import tracked_session
from python_jobs.dbt.project import DbtOptions


@click.command("score")
@lists_options
@max_shrink_option
@mlflow_options
@dbt_options
def command(
    top: int, keep: int, max_shrink: float, experiment: str, model_name: str, dbt: DbtOptions
) -> None:
    """Publish fresh lists with the champion, new users included, without training.

    \b
    Example:
        python_jobs score --top 50
    """
    needed = ("sklearn.decomposition", "python_jobs.jobs.score")
    with tracked_session(dbt, experiment, model_name, *needed) as job:
        from python_jobs.commands.model_screens import show_scoring
        from python_jobs.jobs.options import ScoreOptions
        from python_jobs.jobs.score import score

        options = ScoreOptions(top, keep, max_shrink)
        report = score(job.warehouse, job.tracking, job.live, options, job.phases)
    show_scoring(report)
    warn(report.warnings)
