"""What each part of a better factorisation brings, on the validation splits of the training part.

    python -m benchmarks.nmf_parts --movielens ml-latest-small

Each figure is the mean NDCG@10 over the two validation splits that `tune` uses and over three
seeds. The held-out part is never looked at.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from benchmarks.quality_data import from_movielens
from python_jobs.evaluation.assessment import evaluate_factors, evaluate_settings
from python_jobs.evaluation.holdout import Holdout, Protocol, hold_out
from python_jobs.evaluation.list_metrics import Evaluation
from python_jobs.model.factorization import scale_users
from python_jobs.model.settings import Settings
from python_jobs.model.weighting import weigh
from python_jobs.tuning.search import validation_splits
from python_jobs.tuning.search_space import ITERATIONS, SearchSpace

SEEDS = (42, 142, 242)
SHRINKAGE = 0.11
"""Regularisation as a share of the largest singular value; about what the search finds."""
RANKS_4_TO_40 = tuple(range(4, 41, 4))

Variant = tuple[str, Settings, Callable[[Settings, Holdout], Evaluation]]


def variants(space: SearchSpace, recency: float) -> Iterator[Variant]:
    """Yield what is measured: a name, settings, and how they are fitted."""
    plain = Settings()
    yield "defaults: k = 10", plain, evaluate_settings
    for init in ("nndsvd", "nndsvda"):
        yield f"… init {init}", replace(plain, init=init), evaluate_settings
    for rank in (20, 40):
        yield f"… k = {rank}", replace(plain, max_components=rank), evaluate_settings
    for power in (0.0, 2.0):
        yield f"… score power {power:g}", replace(plain, score_power=power), evaluate_settings
    yield "… Kullback-Leibler loss", plain, kullback_leibler
    for exponent in (0.2, -0.2):
        yield f"… popularity scaling {exponent:+g}", plain, popularity_scaling(exponent)
    yield "… 10 seeds", replace(plain, ensemble_ranks=(10,) * 10), evaluate_settings
    yield (
        "… k = 4, 8, …, 40 averaged",
        replace(plain, ensemble_ranks=RANKS_4_TO_40),
        evaluate_settings,
    )
    good = replace(plain, max_iter=ITERATIONS)
    for rank in (10, 20, 40, 80):
        settings = regularised(space, replace(good, max_components=rank))
        yield f"regularised, k = {rank}", settings, evaluate_settings
    good = regularised(space, replace(good, max_components=40, user_scaling=0.5))
    yield "regularised, k = 40, user scaling 0.5", good, evaluate_settings
    good = regularised(space, replace(good, recency=recency))
    yield "A: the same; temporal: with recency 1.5", good, evaluate_settings
    yield "A without regularisation", replace(good, alpha=0.0), evaluate_settings
    for init in ("nndsvd", "nndsvda"):
        yield f"A, init {init}", replace(good, init=init), evaluate_settings
    yield "A, 200 iterations", replace(good, max_iter=200), evaluate_settings
    for power in (0.0, 0.5, 1.5, 2.0):
        settings = regularised(space, replace(good, score_power=power))
        yield f"A, score power {power:g}", settings, evaluate_settings
    yield "A, Kullback-Leibler loss, unregularised", good, kullback_leibler
    for exponent in (0.1, -0.1):
        yield f"A, popularity scaling {exponent:+g}", good, popularity_scaling(exponent)
    for ranks in ((40,) * 3, (40,) * 5, (20, 40, 80), (80,) * 3, RANKS_4_TO_40):
        name = "4, 8, …, 40" if ranks == RANKS_4_TO_40 else ", ".join(map(str, ranks))
        yield f"A, k = {name} averaged", replace(good, ensemble_ranks=ranks), evaluate_settings


def regularised(space: SearchSpace, settings: Settings) -> Settings:
    """Return the settings with :data:`SHRINKAGE`, whatever scores they make."""
    return replace(settings, alpha=space.alpha(settings, SHRINKAGE))


def kullback_leibler(settings: Settings, split: Holdout) -> Evaluation:
    """Fit by multiplicative updates.

    Lee and Seung, "Algorithms for non-negative matrix factorization" (2001).
    """
    matrix, _ = scale_users(weigh(split.train, split.train_timestamps, settings), settings)
    model = NMF(
        settings.max_components,
        init=settings.init,
        solver="mu",
        beta_loss="kullback-leibler",
        max_iter=200,
        random_state=settings.random_state,
    )
    W = model.fit_transform(matrix)
    return evaluate_factors(W, model.components_, split)


def popularity_scaling(exponent: float) -> Callable[[Settings, Holdout], Evaluation]:
    """Return a fit of the scores divided by ``interactions ** exponent``, by movie, and back."""

    def fit(settings: Settings, split: Holdout) -> Evaluation:
        matrix, _ = scale_users(weigh(split.train, split.train_timestamps, settings), settings)
        counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        scale = np.maximum(counts, 1).astype(np.float32) ** np.float32(exponent)
        scaled = matrix.copy()
        scaled.data = matrix.data / scale[matrix.indices]
        # The same regularisation in relation to the scores.
        alpha = settings.alpha * float(np.linalg.norm(scaled.data) / np.linalg.norm(matrix.data))
        model = NMF(
            settings.max_components,
            init=settings.init,
            max_iter=settings.max_iter,
            random_state=settings.random_state,
            alpha_W=alpha,
        )
        W = model.fit_transform(scaled)
        return evaluate_factors(W, model.components_ * scale, split)

    return fit


def main() -> None:
    """Measure every variant on both protocols, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movielens", type=Path, required=True, help="Directory or zip.")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    matrix, timestamps = from_movielens(options.movielens)
    columns: list[dict[str, str]] = []
    protocols: tuple[Protocol, ...] = ("temporal", "random")
    for protocol in protocols:
        split = hold_out(matrix, timestamps, protocol)
        train, times = split.train, split.train_timestamps
        validations = validation_splits(train, times, protocol)
        space = SearchSpace({None: train}, times, protocol, Settings())
        found = variants(space, recency=1.5 if protocol == "temporal" else 0.0)
        columns.append({name: measure(settings, fit, validations) for name, settings, fit in found})
    temporal, random = columns
    print("| | temporal | random |\n|---|---|---|")
    for name, figure in temporal.items():
        print(f"| {name} | {figure} | {random[name]} |")


def measure(
    settings: Settings,
    fit: Callable[[Settings, Holdout], Evaluation],
    validations: list[Holdout],
) -> str:
    """Return the mean NDCG@10 of three seeds and, after ±, their standard deviation."""
    by_seed = [
        np.mean(
            [
                fit(replace(settings, random_state=seed), split).metrics["ndcg_at_10"]
                for split in validations
            ]
        )
        for seed in SEEDS
    ]
    return f"{np.mean(by_seed):.4f} ± {np.std(by_seed):.4f}"


if __name__ == "__main__":
    main()
