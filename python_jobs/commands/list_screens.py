"""What is printed of one user's lists: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict, fields

import click
from rich.table import Table

from python_jobs.commands.screens import console, table_of
from python_jobs.interactions.users import SeenMovie
from python_jobs.jobs.recommend import Recommendation
from python_jobs.publishing.history import PublishedRun
from python_jobs.tracking.store import Tracking

BOTH_LISTS = 150
"""Width from which a user's history and recommendations fit beside each other."""


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
            f"There is nothing to recommend to user {user_id}: no movie that the user has not seen "
            "may be shown to the user."
        )


def recommendations_table(found: list[Recommendation], title: str, cut: bool = False) -> Table:
    """Return recommendations as a table, with long words cut where it has to be narrow."""
    columns = ("#", "title", "genres", "score", "because you watched")
    table = table_of(*columns, title=title, cut=cut)
    for movie in found:
        because = f"({movie.reason})" if movie.reason in ("popular", "new") else movie.because
        table.add_row(str(movie.rank), movie.title, movie.genres, f"{movie.score:.3f}", because)
    return table


def history_table(seen: list[SeenMovie], title: str) -> Table:
    """Return a user's history as a narrow table."""
    table = table_of("title", "rating", "watched", title=title, cut=True)
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
