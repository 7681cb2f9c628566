"""Draw docs/images/ml_architecture.png: the way of the data, and who touches what on it.

The picture carries a hash of its source, by which a test notices one that was not drawn anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from pen import (
    ANALYST,
    ANALYST_TINT,
    CLICKHOUSE,
    CLICKHOUSE_EDGE,
    CLICKHOUSE_INK,
    ENGINEER,
    LINE,
    MONO,
    MUTED,
    PAPER,
    SCIENTIST,
    SCIENTIST_MID,
    SCIENTIST_TINT,
    Pen,
)

PICTURE = Path(__file__).with_suffix(".png")
SOURCES = (Path(__file__), Path(__file__).with_name("pen.py"))
SOURCE_HASH = "Source-SHA256"
"""Key of the picture's text chunk that holds the hash of the files that drew it."""
WIDTH, HEIGHT = 12.0, 11.0
"""Inches; every coordinate below is one too, from the lower left."""
SEEN = {0: (1, 4), 1: (0, 5), 2: (2, 4), 3: (1, 6), 4: (0, 3), 5: (2, 5)}
"""Cells of the small matrix that hold a score, by row."""


def draw_people(pen: Pen) -> None:
    """Draw the three people, and what each of them touches."""
    pen.person(0.9, 7.75, ENGINEER)
    pen.title(0.9, 7.15, "Analytics engineer", ENGINEER, size=10.5, ha="center")
    pen.note(0.9, 6.62, "SQL models,\ntests and docs,\ndbt build", ha="center")
    pen.bracket(1.82, 5.78, 9.62, ENGINEER, tip=0.12)
    pen.axes.plot([1.82, 1.82], [2.96, 5.78], color=ENGINEER, lw=1.4, ls=(0, (1, 2.2)))
    pen.bracket(1.82, 0.6, 2.96, ENGINEER, tip=0.12)

    pen.person(9.0, 9.72, SCIENTIST)
    pen.title(9.5, 9.93, "Data scientist", SCIENTIST, size=10.5)
    pen.note(9.5, 9.55, "trains, evaluates, tunes,\ncompares runs, rolls back")
    pen.bracket(11.9, 3.1, 9.02, SCIENTIST, tip=-0.12)

    pen.person(9.0, 0.58, ANALYST)
    pen.title(9.5, 0.79, "Analyst", ANALYST, size=10.5)
    pen.note(9.5, 0.43, "asks what is recommended,\nto whom, and why")
    pen.bracket(11.9, 1.27, 2.13, ANALYST, tip=-0.12)


def draw_training_side(pen: Pen) -> None:
    """Draw what dbt makes of the raw tables, down to the training mart."""
    pen.words(5.1, 10.62, "dbt seed, python_jobs load-movielens, or your own ELT", color=MUTED)
    pen.arrow(5.1, 10.45, 5.1, 9.62)
    pen.database(8.68, 0.94, "raw")
    pen.table(3.26, 8.94, 0.82, "users")
    pen.table(4.18, 8.94, 0.82, "movies")
    pen.table(5.1, 8.94, 0.92, "ratings")
    pen.table(6.12, 8.94, 1.52, "watched_movies")

    pen.arrow(5.1, 8.68, 5.1, 8.4)
    pen.database(7.26, 1.14, "staging")
    pen.table(3.26, 7.52, 1.74, "stg_dataflix__*", "names, types")
    pen.arrow(5.0, 7.83, 5.22, 7.83)
    pen.table(5.22, 7.52, 2.42, "int_user_movie_interactions", "one row per user and movie")

    pen.arrow(5.1, 7.26, 5.1, 6.98)
    pen.database(5.78, 1.2, "analytics")
    what = "the training mart: one score per user and movie"
    pen.table(3.26, 6.07, 4.38, "mart_user_movie_matrix", what, ENGINEER)


def draw_python(pen: Pen) -> None:
    """Draw MLflow and the jobs."""
    pen.box(8.5, 7.86, 3.2, 1.16, SCIENTIST_TINT, SCIENTIST)
    pen.store(8.92, 8.44)
    pen.title(9.32, 8.74, "MLflow", SCIENTIST, size=11.5)
    pen.words(9.32, 8.26, "params, metrics, factors,\nmodel versions, champion", 9.5, ha="left")

    pen.box(8.5, 3.1, 3.2, 4.32, SCIENTIST_TINT, SCIENTIST)
    pen.title(8.7, 7.1, "python_jobs train", SCIENTIST, family=MONO)
    draw_steps(
        pen, 6.72, 1, "read the mart, sparse", "hold out, measure, compare", "fit on everything"
    )
    draw_factorisation(pen, 9.1, 5.13)
    draw_steps(pen, 4.94, 4, "log and register", "rank unseen movies", "publish")
    pen.axes.plot([8.7, 11.5], [3.94, 3.94], color=SCIENTIST, lw=0.8, alpha=0.5)
    pen.title(8.7, 3.66, "python_jobs score", SCIENTIST, family=MONO)
    pen.note(8.7, 3.36, "ranks everyone anew, without a fit")

    pen.arrow(10.1, 7.42, 10.1, 7.86, SCIENTIST)
    pen.arrow(7.64, 6.38, 8.5, 6.38)
    pen.arrow(8.5, 4.26, 8.0, 4.26)


def draw_steps(pen: Pen, y: float, first: int, *steps: str) -> None:
    """Draw numbered steps, the first at y and the others below it."""
    for number, step in enumerate(steps, start=first):
        level = y - 0.34 * (number - first)
        pen.number(8.84, level, number)
        pen.words(9.08, level, step, ha="left")


def draw_factorisation(pen: Pen, x: float, y: float) -> None:
    """Draw V ≈ W × H as a sparse grid, a tall and a wide rectangle; lower left corner at x, y."""
    side = 0.115
    for row, columns in SEEN.items():
        for column in range(7):
            fill = SCIENTIST if column in columns else PAPER
            pen.bar(x + side * column, y + side * row, side, side, fill, LINE, 0.6)
    pen.words(x + 1.0, y + 0.34, "\u2248", 14)
    pen.bar(x + 1.2, y, 0.23, 0.69, SCIENTIST_MID, SCIENTIST, 1)
    pen.words(x + 1.315, y + 0.345, "W", weight="bold")
    pen.words(x + 1.58, y + 0.34, "\u00d7", 12)
    pen.bar(x + 1.72, y + 0.46, 0.62, 0.23, SCIENTIST_MID, SCIENTIST, 1)
    pen.words(x + 2.03, y + 0.57, "H", weight="bold")


def draw_serving_side(pen: Pen) -> None:
    """Draw what is published, what dbt makes of it, and what reads that."""
    pen.database(3.3, 1.9, "ml")
    pen.table(3.26, 4.6, 2.1, "recommendations")
    pen.table(5.54, 4.6, 2.1, "similar_movies")
    pen.table(3.26, 4.08, 2.1, "movie_factors")
    pen.table(5.54, 4.08, 2.1, "training_runs", edge=SCIENTIST)
    pen.words(5.45, 3.79, "a run is loaded, checked and swapped in whole;", 9, color=MUTED)
    last = "its row in training_runs, written last, makes it current"
    pen.words(5.45, 3.59, last, 9, color=MUTED)

    pen.arrow(5.1, 3.3, 5.1, 2.96)
    pen.database(2.26, 0.7, "staging")
    pen.table(3.26, 2.4, 4.38, "stg_recommender__*")

    pen.arrow(5.1, 2.26, 5.1, 1.92)
    pen.database(0.6, 1.32, "analytics")
    pen.table(3.26, 1.34, 2.3, "mart_user_recommendations")
    pen.table(5.72, 1.34, 1.92, "mart_movie_reach")
    pen.table(3.26, 0.78, 2.1, "mart_training_runs")
    pen.table(5.52, 0.78, 2.12, "mart_similar_movies")

    pen.arrow(8.0, 1.7, 8.5, 1.7)
    pen.box(8.5, 1.27, 3.2, 0.86, ANALYST_TINT, ANALYST)
    for number, height in enumerate((0.2, 0.42, 0.3)):
        pen.bar(8.74 + 0.14 * number, 1.49, 0.1, height, ANALYST, ANALYST, 1)
    pen.title(9.32, 1.7, "BI dashboards", ANALYST, size=11.5)


def source_hash() -> str:
    """Return the hash of the files that draw the picture."""
    return hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()


def draw() -> None:
    """Draw the picture and write it."""
    figure = plt.figure(figsize=(WIDTH, HEIGHT), dpi=150, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    pen = Pen(axes)
    pen.box(2.02, 0.4, 6.16, 9.88, CLICKHOUSE, CLICKHOUSE_EDGE)
    pen.title(2.2, 9.98, "ClickHouse", CLICKHOUSE_INK, size=12)
    pen.words(8.0, 9.98, "a server, or embedded", 9.5, ha="right", color=CLICKHOUSE_INK)
    draw_training_side(pen)
    draw_python(pen)
    draw_serving_side(pen)
    draw_people(pen)
    # Without matplotlib's version in it, the file changes when the picture does.
    figure.savefig(PICTURE, metadata={"Software": None, SOURCE_HASH: source_hash()})
    plt.close(figure)


if __name__ == "__main__":
    draw()
