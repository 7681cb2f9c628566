"""What is printed of published runs, and of what came of them."""

from __future__ import annotations

import click

from python_jobs.commands.screens import console, figure, table_of
from python_jobs.interactions.dataset import named
from python_jobs.publishing.history import PublishedRun
from python_jobs.publishing.outcomes import WINDOWS, Finding, Outcome

RUNS_LEGEND = """\
current: what readers get. kept: its lists are still there, and `python_jobs rollback RUN` makes it
current again; the digits shown are enough. dropped: its lists are gone. Of each of the newest
versions (--keep) the last lists are kept, and the lists before the current ones. Times are UTC.
Figures are of the training; compare them within a table."""


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
        table = table_of(*columns, "NDCG@10", "rows", title=title)
        for run in group:
            table.add_row(
                "current" if run.current else "kept" if run.kept else "dropped",
                run.run_id[:digits],
                run.params.get("made_by", ""),
                f"{run.first_published_at:%Y-%m-%d %H:%M}",
                f"{run.published_at:%Y-%m-%d %H:%M}",
                run.model_version,
                run.params.get("n_components", ""),
                figure(run.metrics, "rmse"),
                figure(run.metrics, "ndcg_at_10"),
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
        table = table_of("run", "published", "version", "arm", *columns, title=title)
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
        table = table_of(*columns, title="Experiments: hit rates, and the difference at 95 %")
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
