"""What variety and new movies cost and bring: on the mart of the profile, in one run.

    python -m benchmarks.listing

The temporal holdout judges variety. New movies are judged on a fifth of the movies, of which the
fit sees nothing: for each user who went on to some of them, all of them are ranked.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import evaluate_factors
from python_jobs.evaluation.holdout import Holdout, hold_out
from python_jobs.evaluation.list_metrics import Evaluation, evaluate_lists
from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.genres import read_genres
from python_jobs.interactions.mart import read_interactions
from python_jobs.interactions.traits import Traits, read_traits
from python_jobs.model.new_movies import factors_of_new
from python_jobs.model.settings import Settings
from python_jobs.model.stacked import fit
from python_jobs.ranking.top_n import top_n
from python_jobs.warehouse.connection import open_warehouse

MODELS = {
    "the defaults": Settings(),
    "k = 40, regularised": Settings(
        max_components=40, max_iter=50, alpha=0.002, recency=1.5, user_scaling=0.5
    ),
}
SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
COLUMNS = {
    "ndcg_at_10": "NDCG@10",
    "recall_at_10": "recall",
    "intra_list_diversity": "intra-list diversity",
    "genre_miscalibration": "miscalibration",
    "catalogue_coverage": "coverage",
}
HELD_OUT = 5
"""One movie in so many is new."""


def main() -> None:
    """Measure, and print both tables as Markdown."""
    try:
        with open_warehouse(DbtOptions(None, None, None)) as warehouse:
            interactions = read_interactions(warehouse)
            genres = read_genres(warehouse, interactions.movie_ids)
            traits = read_traits(warehouse, interactions.movie_ids)
    except UserError as error:
        sys.exit(str(error))
    print_variety(interactions, genres)
    print_new_movies(interactions, genres, traits)


def print_variety(interactions: Interactions, genres: csr_matrix) -> None:
    """Print what lists are like at each share of ``--diversity``."""
    split = hold_out(interactions.matrix, interactions.last_interacted_at)
    print(f"| | `--diversity` | {' | '.join(COLUMNS.values())} |\n{'|---' * (len(COLUMNS) + 2)}|")
    for name, settings in MODELS.items():
        fitted = fit(split.train, split.train_timestamps, settings)
        for share in SHARES:
            found = evaluate_factors(fitted.W, fitted.H, split, genres, share).metrics
            figures = " | ".join(f"{found[metric]:.4f}" for metric in COLUMNS)
            print(f"| {name} | {share:g} | {figures} |")


def print_new_movies(interactions: Interactions, genres: csr_matrix, traits: Traits) -> None:
    """Print how well movies are ranked of which nothing but what they are is known."""
    movies = interactions.matrix.shape[1]
    is_new = np.zeros(movies, np.bool_)
    is_new[np.random.default_rng(0).permutation(movies)[: movies // HELD_OUT]] = True
    seen = interactions.matrix[:, ~is_new]
    times = interactions.last_interacted_at[~is_new[interactions.matrix.indices]]
    new = interactions.matrix[:, is_new]
    print(f"\n{is_new.sum():,} of {movies:,} movies were new.\n")
    print("| | NDCG@10 | hit rate |\n|---|---|---|")
    chance = np.random.default_rng(1).random((1, new.shape[1]), np.float32)
    alike = np.asarray((seen > 0) @ genres[~is_new].toarray(), np.float32)
    rows = {
        "in no order": judged(np.ones((new.shape[0], 1), np.float32), chance, new),
        "genres that the user has seen most": judged(
            alike, np.ascontiguousarray(genres[is_new].toarray().T, np.float32), new
        ),
    }
    for name, settings in MODELS.items():
        fitted = fit(csr_matrix(seen), times, settings)
        H = factors_of_new(traits.known[~is_new], fitted.H, traits.known[is_new])
        rows[f"factors from traits, {name}"] = judged(fitted.W, H, new)
    for name, found in rows.items():
        figures = (found.metrics[metric] for metric in ("ndcg_at_10", "hit_rate_at_10"))
        print(f"| {name} | {' | '.join(f'{figure:.4f}' for figure in figures)} |")


def judged(W: NDArray[np.float32], H: NDArray[np.float32], new: csr_matrix) -> Evaluation:
    """Judge the ten best new movies of each user who has interacted with some."""
    test = csr_matrix(new)
    nothing = csr_matrix(
        (np.empty(0, np.float32), (np.empty(0, int), np.empty(0, int))), test.shape
    )
    split = Holdout(train=nothing, timestamps=np.empty(0, np.int64), test=test, protocol="random")
    users = np.flatnonzero(np.diff(test.indptr))
    lists, _ = top_n(np.ascontiguousarray(W[users]), H, nothing[users], 10)
    return evaluate_lists(lists, split)


if __name__ == "__main__":
    main()
