"""Draw docs/images/ml_architecture.png: the way of the data, and who touches what on it.

The picture carries a hash of its source, by which a test notices one that was not drawn anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

PICTURE = Path(__file__).with_suffix(".png")
SOURCE_HASH = "Source-SHA256"
"""Key of the picture's text chunk that holds the hash of this file."""
WIDTH, HEIGHT = 11.6, 9.0
"""Inches; every coordinate below is one too, from the lower left."""
INK, MUTED, LINE, WHITE = "#20303C", "#5E6E7A", "#B9C4CC", "#FFFFFF"
SAND, CREAM, AMBER = "#FBF6E9", "#FFFDF8", "#8A6A14"
ORANGE, BLUE, GREEN = "#C8622D", "#2F6BAE", "#2C8A6B"
MONO = {"family": "DejaVu Sans Mono", "size": 9}
BOLD = {"weight": "bold", "ha": "left", "size": 11}

DATABASES = {
    # From the top: lower edge, height, name, and rows of relations with their left edge and width.
    7.5: (0.7, "raw", [("users", 3.2, 0.85), ("movies", 4.15, 0.9), ("ratings", 5.15, 0.95),
                       ("watched_movies", 6.2, 1.5)]),
    6.5: (0.7, "staging", [("stg_dataflix__*", 3.2, 1.7),
                           ("int_user_movie_interactions", 5.15, 2.55)]),
    5.5: (0.7, "analytics", [("mart_user_movie_matrix", 3.2, 4.5)]),
    3.4: (1.3, "ml", [("training_runs", 3.2, 1.7), ("recommendations", 5.15, 2.55)]),
    2.4: (0.7, "staging", [("stg_recommender__*", 3.2, 4.5)]),
    1.0: (1.1, "analytics", [("mart_training_runs", 3.2, 2.1), ("mart_movie_reach", 5.5, 2.2)]),
}  # fmt: skip
SECOND_ROWS = {
    3.4: [("movie_factors", 3.2, 1.7), ("similar_movies", 5.15, 2.55)],
    1.0: [("mart_similar_movies", 3.2, 2.1), ("mart_user_recommendations", 5.5, 2.2)],
}
ARROWS = [
    *((5.4, y + gap, 5.4, y) for y, gap in ((8.2, 0.5), (7.2, 0.3), (6.2, 0.3))),
    *((5.4, y + gap, 5.4, y) for y, gap in ((3.1, 0.3), (2.1, 0.3))),
    *((7.7, 5.85, 8.4, 5.85), (8.4, 4.05, 7.9, 4.05), (7.9, 1.55, 8.4, 1.55)),
    (9.9, 6.3, 9.9, 6.7),
]
PEOPLE = [
    (0.15, 6.85, "Analytics engineer", "SQL models, tests\nand docs: dbt build", ORANGE),
    (8.4, 8.55, "Data scientist", "trains, evaluates, tunes, rolls back", BLUE),
    (8.4, 0.75, "Analyst", "asks what is recommended, to whom, why", GREEN),
]
STEPS = [
    "1  read the mart, sparse",
    "2  hold out, measure, compare",
    "3  fit on everything: V ≈ W × H",
    "4  log and register",
    "5  rank unseen movies",
    "6  publish",
]


def box(axes: Axes, x: float, y: float, w: float, h: float, fill: str, edge: str) -> None:
    """Draw a rounded box with its lower left corner at x, y."""
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((x, y), w, h, style, fc=fill, ec=edge, lw=1.2))


def draw(axes: Axes) -> None:
    """Draw everything."""

    def words(x: float, y: float, text: str, **font: object) -> None:
        axes.text(x, y, text, {"size": 9.5, "color": INK, "ha": "center", "va": "center", **font})

    words(5.4, 8.82, "dbt seed, python_jobs load-movielens, or your own ELT", color=MUTED)
    box(axes, 2.0, 0.7, 6.0, 7.95, SAND, AMBER)
    words(2.2, 8.42, "ClickHouse", color=AMBER, **BOLD)
    words(7.8, 8.42, "a server, or embedded", color=AMBER, ha="right")
    for y, (height, name, relations) in DATABASES.items():
        box(axes, 2.1, y, 5.8, height, CREAM, LINE)
        words(2.2, y + height / 2, name, color=AMBER, **BOLD | {"size": 10})
        for row, shown in enumerate((relations, SECOND_ROWS.get(y, []))):
            for relation, x, width in shown:
                level = y + height - 0.53 - 0.47 * row
                box(axes, x, level, width, 0.38, WHITE, LINE)
                words(x + width / 2, level + 0.18, relation, **MONO)
    words(5.4, 3.52, "swapped in whole; the row in training_runs, written last, makes it current",
          size=8, color=MUTED)  # fmt: skip
    for name, note, y, height, edge in (
        ("MLflow", "runs, model versions, champion", 6.7, 0.9, BLUE),
        ("BI dashboards", "read the marts", 1.15, 0.85, GREEN),
    ):
        box(axes, 8.4, y, 3.0, height, WHITE, edge)
        words(8.6, y + height - 0.28, name, color=edge, **BOLD)
        words(8.6, y + 0.25, note, ha="left", color=MUTED)
    box(axes, 8.4, 3.2, 3.0, 3.1, WHITE, BLUE)
    words(8.6, 6.0, "python_jobs train", color=BLUE, **BOLD)
    for number, step in enumerate(STEPS):
        words(8.6, 5.68 - 0.28 * number, step, ha="left")
    words(8.6, 3.85, "python_jobs score", color=BLUE, **BOLD)
    words(8.6, 3.5, "ranks everyone anew, without a fit", ha="left", color=MUTED)
    for x, y, who, what, color in PEOPLE:
        words(x, y, who, color=color, **BOLD)
        words(x, y - 0.18, what, ha="left", va="top", color=MUTED)
    for x, y, to_x, to_y in ARROWS:
        axes.annotate("", (to_x, to_y), (x, y), arrowprops={"arrowstyle": "-|>", "color": INK})


def source_hash() -> str:
    """Return the hash of the file that draws the picture."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def main() -> None:
    """Draw the picture and write it."""
    figure = plt.figure(figsize=(WIDTH, HEIGHT), dpi=150, facecolor=WHITE)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    draw(axes)
    # Without matplotlib's version in it, the file changes when the picture does.
    figure.savefig(PICTURE, metadata={"Software": None, SOURCE_HASH: source_hash()})
    plt.close(figure)


if __name__ == "__main__":
    main()
