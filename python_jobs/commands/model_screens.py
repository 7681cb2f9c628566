"""What is printed of a training, a scoring, an evaluation and a search."""

from __future__ import annotations

import click
from rich.table import Table

from python_jobs.commands.screens import console, table_of
from python_jobs.evaluation.assessment import HEADLINE, Assessment
from python_jobs.evaluation.list_metrics import activity_range
from python_jobs.interactions.dataset import named
from python_jobs.jobs.score import ScoreReport
from python_jobs.jobs.train import TrainReport
from python_jobs.jobs.tune import TuneReport
from python_jobs.model.settings import Settings
from python_jobs.tracking.store import Tracking


def show_training(report: TrainReport, tracking: Tracking) -> None:
    """Print what was trained, how it measures, where it is, and what became of it."""
    run, metrics = report.run, report.run.metrics
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("run", run.run_id)
    table.add_row("model", f"{run.model_name} version {run.model_version}")
    table.add_row("learned from", report.learned_from)
    table.add_row(
        "matrix",
        f"{run.users:,} users × {run.movies:,} movies, {run.interactions:,} interactions, "
        f"{metrics['sparsity']:.1f} % empty",
    )
    ending = "converged" if metrics["converged"] else "stopped at the limit"
    iterations = f"{metrics['iterations']:.0f} iterations, {ending}"
    table.add_row("factors", f"k = {run.params['n_components']}, {iterations}")
    if "warm_start" in run.params:
        table.add_row("started from", run.params["warm_start"])
    table.add_row("all cells", f"RMSE {metrics['rmse']:.4f}, MAE {metrics['mae']:.4f}")
    table.add_row(
        "observed", f"RMSE {metrics['rmse_observed']:.4f}, MAE {metrics['mae_observed']:.4f}"
    )
    if report.assessment:
        judged = report.assessment.metrics()
        table.add_row(
            "held out",
            f"NDCG@10 {judged['ndcg_at_10']:.4f} "
            f"(most popular {judged['popularity_ndcg_at_10']:.4f}, "
            f"PureSVD {judged['puresvd_ndcg_at_10']:.4f}), "
            f"recall@10 {judged['recall_at_10']:.4f}",
        )
    else:
        table.add_row("held out", "not evaluated")
    table.add_row("data set", named(run.dataset_id, run.dataset_label))
    table.add_row("gate", f"compared with {report.compared_with}")
    table.add_row("published", _published(report))
    if told := _experiment(report):
        table.add_row("experiment", told)
    table.add_row("MLflow", f"{tracking.shown_uri}, experiment {tracking.experiment}")
    console().print(table)


def show_scoring(report: ScoreReport) -> None:
    """Print what was published with the champion, and for whom."""
    run = report.run
    click.echo(
        f"Published {run.recommendations:,} recommendations with version {run.model_version}, "
        f"run {run.run_id}:\n"
        f"{report.known:,} users as they were trained, {report.folded_in:,} folded in."
    )
    if report.unknown_interactions:
        click.echo(
            f"{report.unknown_interactions:,} interactions are with movies that the model does "
            "not know yet; `python_jobs train` learns them."
        )
    if report.short_lists:
        click.echo(f"{_short(report.short_lists)}.")
    if report.experiment:
        told = report.experiment
        click.echo(
            f"The experiment {told.experiment.name} goes on: {told.experiment.share:.0%} of the "
            f"users have lists of version {told.version}."
        )
    click.echo("Dashboards follow with: dbt build --selector after_training")


def _short(users: int) -> str:
    """Return for how many users there is no full list."""
    return f"For {users:,} users there are too few unseen movies that may be shown for a full list"


def show_assessment(assessment: Assessment, protocol: str) -> None:
    """Print a model beside its baselines, over all users and by how much they have done."""
    judged = {"this model": assessment.model, **assessment.baselines}
    screen = console()
    table = table_of(
        "", *judged, title=f"Held out: {protocol}, {assessment.model.users.size:,} users"
    )
    for metric in assessment.model.metrics:
        table.add_row(metric, *(f"{found.metrics[metric]:.4f}" for found in judged.values()))
    screen.print(table)
    groups = table_of("interactions", "users", *judged, title=f"{HEADLINE} by activity")
    for name, members in assessment.model.by_activity.items():
        found = (f"{each.by_activity[name][HEADLINE]:.4f}" for each in judged.values())
        groups.add_row(f"{name} ({activity_range(name)})", f"{members['users']:,.0f}", *found)
    screen.print(groups)


def show_tuning(report: TuneReport) -> None:
    """Print the best trials, and what the best was worth on what the search never saw."""
    screen, ranked = console(), report.found.ranked
    table = table_of(
        *(
            "trial",
            "validation",
            "ranks",
            "alpha",
            "init",
            "watched",
            "power",
            "recency",
            "scaling",
            "transitions",
        ),
        title=f"{len(ranked)} trials, the best ten by NDCG@10 on parts of what was searched; "
        "not to be compared with what follows",
    )
    for trial in ranked[:10]:
        tried = trial.settings
        table.add_row(
            str(trial.number),
            f"{trial.ndcg:.4f}",
            ", ".join(map(str, tried.ranks)),
            f"{tried.alpha:.2g}",
            tried.init,
            "mart" if tried.watched_weight is None else f"{tried.watched_weight:g}",
            f"{tried.score_power:g}",
            f"{tried.recency:g}",
            f"{tried.user_scaling:g}",
            _transitions(tried),
        )
    screen.print(table)
    judged = {
        "the best": report.assessment.model,
        "started with": report.started_with,
        **report.assessment.baselines,
    }
    unseen = table_of("", *judged, title="On interactions that the search never saw")
    for metric in report.started_with.metrics:
        unseen.add_row(metric, *(f"{found.metrics[metric]:.4f}" for found in judged.values()))
    screen.print(unseen)
    click.echo(
        f"Version {report.run.model_version} of {report.run.model_name} is the challenger now. "
        "Put it before the gate with:\n  python_jobs train --like challenger"
    )


def _transitions(tried: Settings) -> str:
    """Return rank and weight of transitions, if there are any, and how many are averaged."""
    if not tried.transition_rank:
        return ""
    averaged = f"{tried.transition_seeds} × " if tried.transition_seeds > 1 else ""
    return f"{averaged}{tried.transition_rank}, weight {tried.transition_weight:g}"


def _published(report: TrainReport) -> str:
    if not report.published:
        return "no"
    words = f"{report.published.recommendations:,} recommendations, now current"
    if report.short_lists:
        words += f". {_short(report.short_lists)}"
    return words


def _experiment(report: TrainReport) -> str:
    """Return the experiment that began or ended with a training, in words; empty without one."""
    found = report.experiment
    if found and report.published:
        return (
            f"{found.experiment.name}: {found.experiment.share:.0%} of the users have the lists of "
            f"version {found.version}, the others those of version {report.published.model_version}"
            f", which stays the champion (run {report.published.run_id})"
        )
    return f"{report.ended.experiment.name} has ended" if report.ended else ""
