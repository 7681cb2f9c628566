"""``python_jobs train``."""

from __future__ import annotations

import click

from python_jobs.commands.engine_options import WantedEngine, engine_options
from python_jobs.commands.model_options import model_options
from python_jobs.commands.options import (
    PART,
    SHARE,
    dbt_options,
    lists_options,
    max_shrink_option,
    mlflow_options,
    setting,
    warm_start_option,
    warn,
)
from python_jobs.commands.session import tracked_session
from python_jobs.commands.wanted_model import DEFAULTS, LIVE, WantedModel
from python_jobs.dbt.project import DbtOptions
from python_jobs.evaluation.limits import Limits
from python_jobs.jobs.options import Experiment, TrainOptions

KERNELS = (
    "python_jobs.interactions.placing_kernel",
    "python_jobs.evaluation.holdout_kernel",
    "python_jobs.evaluation.gram_kernel",
    "python_jobs.evaluation.reconstruction_kernel",
    "python_jobs.model.descent_kernel",
    "python_jobs.model.fold_in_kernel",
    "python_jobs.ranking.top_n_kernel",
    "python_jobs.ranking.explanation_kernel",
)
"""Modules whose functions are compiled, or loaded, when they are imported."""


@click.command("train")
@model_options()
@lists_options
@setting("--publish/--no-publish", "Whether the run goes live.", default=TrainOptions.publish)
@setting(
    "--evaluate/--no-evaluate",
    "Whether to judge it first, and gate it.",
    default=TrainOptions.evaluate,
)
@warm_start_option
@setting(
    "--tolerance",
    "Share of the NDCG@10 of the champion's settings that may be lost.",
    type=SHARE,
    default=Limits.tolerance,
)
@setting(
    "--max-drop",
    "Share of the NDCG@10 that the champion had when trained that may be lost.",
    type=SHARE,
    default=Limits.max_drop,
)
@max_shrink_option
@setting(
    "--experiment-share",
    "Go live for this share of the users only, beside what is live: an experiment.",
    type=PART,
)
@setting(
    "--experiment-name",
    "Name of the experiment, which decides who is in it; a new one by default.",
    metavar="NAME",
)
@engine_options
@setting("--force", "Go live even if the gate refuses; recorded.", is_flag=True)
@mlflow_options
@dbt_options
def command(
    wanted: WantedModel,
    top: int,
    keep: int,
    publish: bool,
    evaluate: bool,
    warm_start: bool,
    tolerance: float,
    max_drop: float,
    max_shrink: float,
    experiment_share: float | None,
    experiment_name: str | None,
    engine: WantedEngine,
    force: bool,
    experiment: str,
    model_name: str,
    dbt: DbtOptions,
) -> None:
    """Learn from the mart, log and register the model, publish every user's top-N.

    A model that the gate refuses is not published, and the exit code is 3: one that ranks worse
    than the champion's settings or the most popular movies do, far below what the champion had, or
    that learned from a mart that has shrunk.

    With --warm-start it has the settings of what is live unless others are told, and learns from
    random numbers where nothing is live.

    With --experiment-share it goes live for so many of the users, beside what is live; `score`
    keeps that up, and `promote` or any other training ends it. docs/outcomes.md has more.

    \b
    Example:
        python_jobs train --max-components 20 --no-publish
    """
    if experiment_name and experiment_share is None:
        raise click.UsageError("--experiment-name goes with --experiment-share.")
    if experiment_share is not None and not publish:
        raise click.UsageError("--experiment-share goes live, and --no-publish does not.")
    told = None
    if experiment_share is not None:
        told = Experiment(experiment_share, experiment_name or "")
    # skops first: its import looks through every module that is loaded.
    needed = ("skops.io", "python_jobs.jobs.train", "matplotlib.figure", *KERNELS)
    with tracked_session(dbt, experiment, model_name, *needed) as job:
        from python_jobs.commands.model_screens import show_training
        from python_jobs.evaluation.gate import refusal
        from python_jobs.jobs.train import train

        if warm_start and wanted == WantedModel(DEFAULTS, {}):
            wanted = WantedModel(LIVE, {})
        resumed = engine.state(job)
        settings, origin = wanted.settings(job, resumed.settings if resumed else None)
        options = TrainOptions(
            settings=settings,
            origin=origin,
            top=top,
            publish=publish,
            evaluate=evaluate,
            warm_start=warm_start,
            force=force,
            limits=Limits(tolerance, max_drop, max_shrink),
            keep=keep,
            experiment=told,
            resume=engine.resume,
        )
        with engine.begun(job, resumed) as begun:
            report = train(job.warehouse, job.tracking, job.live, options, job.phases, begun)
    show_training(report, job.tracking)
    warn(report.warnings)
    if publish and not report.published:
        version = f"Version {report.run.model_version}"
        raise refusal(report.verdict, version, "`python_jobs train --force`")
