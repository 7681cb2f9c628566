"""What `--warm-start` saves and costs: ten nights in a row, on the mart of the profile, in one run.

    python -m benchmarks.warm

The mart is cut by time: what is there before the first night, and a hundredth of it more with each
night. Each night is fitted and judged twice, from random numbers and from the factors of the night
before, which were made in the same way.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import HEADLINE, evaluate_factors
from python_jobs.evaluation.holdout import Holdout, hold_out
from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.mart import read_interactions
from python_jobs.model.factorization import Factorization
from python_jobs.model.settings import Settings
from python_jobs.model.stacked import fit
from python_jobs.model.warm_start import MovieFactors, Start
from python_jobs.warehouse.connection import open_warehouse

MODELS = {
    "the defaults": Settings(),
    "k = 40, regularised": Settings(
        max_components=40, alpha=0.002, recency=1.5, user_scaling=0.5, score_power=0.5
    ),
    "the same with transitions": Settings(
        max_components=40,
        alpha=0.002,
        recency=1.5,
        user_scaling=0.5,
        score_power=0.5,
        transition_rank=80,
    ),
}
NIGHTS, PART = 10, 0.01
"""How many, and the share of all interactions that each brings."""
SEEDS = 5
"""Fits from random numbers on the last night, to see what chance does."""


def main() -> None:
    """Measure, and print a table as Markdown."""
    try:
        with open_warehouse(DbtOptions(None, None, None)) as warehouse:
            interactions = read_interactions(warehouse)
    except UserError as error:
        sys.exit(str(error))
    columns = (
        "iterations", "fit, s", "NDCG@10, night 1", f"night {NIGHTS}", "mean",
        "chance: standard deviation over seeds",
    )  # fmt: skip
    print(f"| | start | {' | '.join(columns)} |\n{'|---' * (len(columns) + 2)}|")
    splits = [split_of(interactions, 1 - PART * left) for left in range(NIGHTS, -1, -1)]
    for name, settings in MODELS.items():
        print_rows(name, settings, splits)


def split_of(interactions: Interactions, share: float) -> tuple[Holdout, NDArray[np.uint64]]:
    """Return the split of the first interactions, that share of them, and its movies."""
    matrix, times = interactions.matrix, interactions.last_interacted_at
    there = np.argsort(np.argsort(times, kind="stable"), kind="stable") < share * times.size
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[there]
    users, lines = np.unique(rows, return_inverse=True)
    movies, columns = np.unique(matrix.indices[there], return_inverse=True)
    ends = np.concatenate(([0], np.cumsum(np.bincount(lines, minlength=users.size))))
    part = csr_matrix(
        (matrix.data[there], columns.astype(np.int32), ends), shape=(users.size, movies.size)
    )
    part.has_sorted_indices = True
    return hold_out(part, times[there]), interactions.movie_ids[movies]


def print_rows(
    name: str, settings: Settings, splits: list[tuple[Holdout, NDArray[np.uint64]]]
) -> None:
    """Print what one model is like, from random numbers and from the night before."""
    last = splits[-1][0]
    seeds = [replace(settings, random_state=seed) for seed in range(SEEDS)]
    chance = stdev(ndcg(fitted(seed, last)[0], last) for seed in seeds)
    before = fitted(settings, splits[0][0])[0]
    factors = MovieFactors(splits[0][1], before.H, before.P)
    found: dict[str, list[tuple[int, float, float]]] = {"random numbers": [], "night before": []}
    for split, movie_ids in splits[1:]:
        for start, each in ((None, "random numbers"), (factors.at(movie_ids), "night before")):
            model, seconds = fitted(settings, split, start)
            found[each].append((model.iterations, seconds, ndcg(model, split)))
        factors = MovieFactors(movie_ids, model.H, model.P)
    for each, nights in found.items():
        figures = [figure for *_, figure in nights]
        cost = f"{max(night[0] for night in nights)} | {mean(night[1] for night in nights):.2f}"
        ends = f"{figures[0]:.4f} | {figures[-1]:.4f} | {mean(figures):.4f} | {chance:.4f}"
        print(f"| {name} | {each} | {cost} | {ends} |", flush=True)


def fitted(
    settings: Settings, split: Holdout, start: Start | None = None
) -> tuple[Factorization, float]:
    """Return a fit on the training part, and its seconds."""
    began = time.perf_counter()
    model = fit(split.train, split.train_timestamps, settings, start=start)
    return model, time.perf_counter() - began


def ndcg(model: Factorization, split: Holdout) -> float:
    """Return what the model's lists are worth."""
    return evaluate_factors(model.W, model.H, split).metrics[HEADLINE]


if __name__ == "__main__":
    main()
