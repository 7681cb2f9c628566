"""``python_jobs promote``."""

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

ARMS = click.Choice(["champion", "challenger"])


@click.command("promote")
@click.argument("arm", required=False, type=ARMS)
@lists_options
@max_shrink_option
@mlflow_options
@dbt_options
def command(
    arm: str | None,
    top: int,
    keep: int,
    max_shrink: float,
    experiment: str,
    model_name: str,
    dbt: DbtOptions,
) -> None:
    """End the experiment that is live: everyone gets fresh lists of the model that won.

    Without ARM, mart_experiment_outcomes says which one that is; as long as it cannot tell, ARM has
    to. The model becomes the champion. `rollback` goes back to the experiment.

    \b
    Example:
        python_jobs promote challenger
    """
    needed = ("sklearn.decomposition", "python_jobs.jobs.score")
    with tracked_session(dbt, experiment, model_name, *needed) as job:
        from python_jobs.commands.model_screens import show_scoring
        from python_jobs.jobs.options import ScoreOptions
        from python_jobs.jobs.score import score
        from python_jobs.jobs.winner import winner

        won = winner(job.warehouse, job.live, arm)
        options = ScoreOptions(top, keep, max_shrink, won)
        report = score(job.warehouse, job.tracking, job.live, options, job.phases)
    show_scoring(report)
    warn(report.warnings)
