"""What the commands print: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict, fields

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from python_jobs.evaluation.assessment import HEADLINE, Assessment
from python_jobs.evaluation.list_metrics import activity_range
from python_jobs.interactions.dataset import named
from python_jobs.interactions.users import SeenMovie
from python_jobs.jobs.recommend import Recommendation
from python_jobs.jobs.score import ScoreReport
from python_jobs.jobs.train import TrainReport
from python_jobs.jobs.tune import TuneReport
from python_jobs.model.settings import Settings
from python_jobs.publishing.history import PublishedRun
from python_jobs.publishing.outcomes import WINDOWS, Finding, Outcome
from python_jobs.tracking.store import Tracking

IN_A_LOG = 150
"""Width of tables in a log, where there is no terminal to ask."""
BOTH_LISTS = 150
"""Width from which a user's history and recommendations fit beside each other."""
RUNS_LEGEND = """\
current: what readers get. kept: its lists are still there, and `python_jobs rollback RUN` makes it
current again; the digits shown are enough. dropped: its lists are gone. Of each of the newest
versions (--keep) the last lists are kept, and the lists before the current ones. Times are UTC.
Figures are of the training; compare them within a table."""
CUT = {"title": 30, "genres": 21, "because you watched": 22}
"""Widths at which columns are cut where two tables stand beside each other."""


def console() -> Console:
    """Return a console on stdout; as wide as the terminal, or wide enough for a log."""
    return Console(width=None if sys.stdout.isatty() else IN_A_LOG, highlight=False)


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
    if report.experiment:
        told = report.experiment
        click.echo(
            f"The experiment {told.experiment.name} goes on: {told.experiment.share:.0%} of the "
            f"users have lists of version {told.version}."
        )
    click.echo("Dashboards follow with: dbt build --select source:recommender+")


def show_assessment(assessment: Assessment, protocol: str) -> None:
    """Print a model beside its baselines, over all users and by how much they have done."""
    judged = {"this model": assessment.model, **assessment.baselines}
    screen = console()
    table = _table(
        "", *judged, title=f"Held out: {protocol}, {assessment.model.users.size:,} users"
    )
    for metric in assessment.model.metrics:
        table.add_row(metric, *(f"{found.metrics[metric]:.4f}" for found in judged.values()))
    screen.print(table)
    groups = _table("interactions", "users", *judged, title=f"{HEADLINE} by activity")
    for name, members in assessment.model.by_activity.items():
        found = (f"{each.by_activity[name][HEADLINE]:.4f}" for each in judged.values())
        groups.add_row(f"{name} ({activity_range(name)})", f"{members['users']:,.0f}", *found)
    screen.print(groups)


def show_tuning(report: TuneReport) -> None:
    """Print the best trials, and what the best was worth on what the search never saw."""
    screen, ranked = console(), report.found.ranked
    table = _table(
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
    unseen = _table("", *judged, title="On interactions that the search never saw")
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
        words += f"; {report.short_lists:,} users have seen too much for a full list"
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


def show_runs(runs: list[PublishedRun]) -> None:
    """Print the published runs: a table for all whose figures can be compared."""
    if not runs:
        click.echo("Nothing has been published yet. Run `python_jobs train`.")
        return
    digits = _enough_digits([run.run_id for run in runs])
    comparable: dict[tuple[str, str], list[PublishedRun]] = {}
    for run in runs:
        weights = run.params.get("score_weights", "(not recorded)")
        dataset = named(run.dataset_id, run.dataset_label)
        comparable.setdefault((dataset, weights), []).append(run)
    screen = console()
    for (dataset, weights), group in comparable.items():
        columns = ("", "run", "made by", "first current", "last current", "version", "k", "RMSE")
        title = f"Data set {dataset}, score {weights}"
        table = _table(*columns, "NDCG@10", "rows", title=title)
        for run in group:
            table.add_row(
                "current" if run.current else "kept" if run.kept else "dropped",
                run.run_id[:digits],
                run.params.get("made_by", ""),
                f"{run.first_published_at:%Y-%m-%d %H:%M}",
                f"{run.published_at:%Y-%m-%d %H:%M}",
                run.model_version,
                run.params.get("n_components", ""),
                _figure(run.metrics, "rmse"),
                _figure(run.metrics, "ndcg_at_10"),
                f"{run.recommendations:,}",
            )
        screen.print(table)
    screen.print(RUNS_LEGEND, markup=False)


def show_outcomes(outcomes: list[Outcome], findings: list[Finding]) -> None:
    """Print what was watched of what was recommended, once anything is known of that."""
    screen = console()
    if outcomes:
        days = [window.replace("_", " ") for window in WINDOWS]
        columns = [column for day in days for column in (day, "popular")]
        title = "Watched or rated of what was recommended, beside lists of the most popular movies"
        digits = _enough_digits(sorted({each.run_id for each in outcomes}))
        table = _table("run", "published", "version", "arm", *columns, title=title)
        for each in outcomes:
            figures = zip(each.rates, each.popular, strict=True)
            table.add_row(
                each.run_id[:digits],
                f"{each.published_at:%Y-%m-%d %H:%M}",
                each.version,
                each.arm,
                *(_percent(figure) for pair in figures for figure in pair),
            )
        screen.print(table)
    if findings:
        columns = ["experiment", "days", "champion", "challenger", "difference", "verdict"]
        table = _table(*columns, title="Experiments: hit rates, and the difference at 95 %")
        for found in findings:
            known = found.least is not None and found.most is not None
            table.add_row(
                found.experiment,
                str(found.window_days),
                _percent(found.champion),
                _percent(found.challenger),
                f"{found.least:+.2%} to {found.most:+.2%}" if known else "",
                found.verdict,
            )
        screen.print(table)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _enough_digits(run_ids: list[str], least: int = 8) -> int:
    """Return how many digits of the ids tell them apart."""
    longest = max(map(len, run_ids))
    lengths = range(least, longest)
    return next((n for n in lengths if len({id_[:n] for id_ in run_ids}) == len(run_ids)), longest)


def _figure(metrics: dict[str, float], name: str) -> str:
    return f"{metrics[name]:.4f}" if name in metrics else ""


def show_recommendations(found: list[Recommendation], user_id: int, shape: str) -> None:
    """Print one user's recommendations as a table, as JSON or as CSV."""
    if shape == "json":
        click.echo(json.dumps([asdict(movie) for movie in found], indent=2))
    elif shape == "csv":
        names = [field.name for field in fields(Recommendation)]
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(movie) for movie in found)
    elif found:
        console().print(recommendations_table(found, f"Recommended to user {user_id}"))
    else:
        click.echo(
            f"User {user_id} has seen every movie that may be shown: there is nothing to recommend."
        )


def _table(*columns: str, title: str | None = None, cut: bool = False) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in columns:
        width = CUT.get(column)
        table.add_column(
            column,
            no_wrap=True,
            max_width=width if cut else None,
            min_width=None if width else len(column),
        )
    return table


def recommendations_table(found: list[Recommendation], title: str, cut: bool = False) -> Table:
    """Return recommendations as a table, with long words cut where it has to be narrow."""
    columns = ("#", "title", "genres", "score", "because you watched")
    table = _table(*columns, title=title, cut=cut)
    for movie in found:
        because = f"({movie.reason})" if movie.reason in ("popular", "new") else movie.because
        table.add_row(str(movie.rank), movie.title, movie.genres, f"{movie.score:.3f}", because)
    return table


def history_table(seen: list[SeenMovie], title: str) -> Table:
    """Return a user's history as a narrow table."""
    table = _table("title", "rating", "watched", title=title, cut=True)
    for movie in seen:
        rating = "" if movie.rating is None else f"{movie.rating:g}"
        watched = f"{movie.watch_count}×" if movie.watch_count else ""
        table.add_row(movie.title, rating, watched)
    return table


def show_demo(
    run: PublishedRun,
    tracking: Tracking,
    seen: list[SeenMovie],
    recommended: list[Recommendation],
    user_id: int,
) -> None:
    """Print the demo's last screen: what was trained, one user's lists, and where to go next."""
    from rich.rule import Rule

    screen, metrics = console(), run.metrics
    screen.print(Rule("Dataflix"))
    screen.print(
        f"Learned from {run.interactions:,} interactions of {run.users:,} users with "
        f"{run.movies:,} movies: k = {run.params['n_components']}, RMSE {metrics['rmse']:.3f}, "
        f"MAE {metrics['mae']:.3f}.\n"
        f"On interactions it had not seen: NDCG@10 {metrics['ndcg_at_10']:.3f}, where the most "
        f"popular movies score {metrics['popularity_ndcg_at_10']:.3f}.\n"
        f"{run.recommendations:,} recommendations are in ClickHouse, published by run {run.run_id}."
        "\n"
    )
    liked = history_table(seen, f"User {user_id} liked best")
    listed = recommendations_table(recommended, f"Recommended to user {user_id}", cut=True)
    if screen.width >= BOTH_LISTS:
        beside = Table.grid(padding=(0, 2))
        beside.add_row(liked, listed)
        screen.print(beside)
    else:
        screen.print(liked, listed)
    screen.print(
        f"The run in MLflow:  mlflow ui --backend-store-uri {tracking.shown_uri}\n"
        "\nNext (after: source .venv/bin/activate):\n"
        "  python_jobs recommend --user 7           another user's list\n"
        "  python_jobs train --max-components 20    another model; compare the two in MLflow\n"
        "  dbt docs generate && dbt docs serve      tables, columns and lineage",
        soft_wrap=True,
    )
