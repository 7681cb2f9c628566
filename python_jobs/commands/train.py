"""``python_jobs train``."""

from __future__ import annotations

import click

from python_jobs.commands.options import (
    LIST_LENGTH,
    WantedModel,
    dbt_options,
    mlflow_options,
    model_options,
    setting,
)
from python_jobs.commands.session import tracked_session
from python_jobs.dbt_project import DbtOptions

KERNELS = (
    "python_jobs.reconstruction_kernel",
    "python_jobs.ranking_kernel",
    "python_jobs.explanation_kernel",
)
"""Modules whose functions are compiled, or loaded, when they are imported."""


@click.command("train")
@model_options
@setting("--top", "Recommendations per user.", type=LIST_LENGTH, default=20)
@setting("--keep", "Versions to keep for rollback.", type=click.IntRange(min=2), default=5)
@setting("--publish/--no-publish", "Whether the run goes live.", default=True)
@setting("--evaluate/--no-evaluate", "Whether to judge it first, and gate it.", default=True)
@setting(
    "--tolerance",
    "Share of the champion's NDCG@10 that may be lost.",
    type=click.FloatRange(0, 1),
    default=0.02,
)
@click.option("--force", is_flag=True, help="Go live even if the gate refuses; recorded.")
@mlflow_options
@dbt_options
def command(
    wanted: WantedModel,
    top: int,
    keep: int,
    publish: bool,
    evaluate: bool,
    tolerance: float,
    force: bool,
    experiment: str,
    model_name: str,
    dbt: DbtOptions,
) -> None:
    """Learn from the mart, log and register the model, publish every user's top-N.

    A model whose lists are worse than the champion's is not published; the exit code is 3 then.

    \b
    Example:
        python_jobs train --max-components 20 --no-publish
    """
    # skops first: its import looks through every module that is loaded.
    needed = ("skops.io", "python_jobs.training", *KERNELS)
    with tracked_session(dbt, experiment, model_name, *needed) as job:
        from python_jobs.gate import refusal
        from python_jobs.screens import show_training
        from python_jobs.training import TrainOptions, train

        options = TrainOptions(
            settings=wanted.settings(job.tracking),
            top=top,
            publish=publish,
            evaluate=evaluate,
            force=force,
            tolerance=tolerance,
            keep=keep,
        )
        report = train(job.warehouse, job.tracking, options, job.phases)
    show_training(report, job.tracking)
    if publish and not report.published and report.verdict:
        raise refusal(report.verdict, report.run.model_version)
