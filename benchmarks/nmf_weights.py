"""Whether weights chosen on held-out interactions make a better ensemble than equal ones.

    python -m benchmarks.nmf_weights --movielens ml-latest-small

Members of several ranks, score powers and regularisations are chosen one at a time, with
replacement, as long as the ensemble gets better on one validation split (Caruana et al., "Ensemble
selection from libraries of models", 2004), and judged on the other one, and the other way round.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.nmf_parts import SHRINKAGE
from benchmarks.quality_data import from_movielens
from benchmarks.quality_peers import dense_lists
from python_jobs.evaluation.holdout import Holdout, Protocol, hold_out
from python_jobs.evaluation.list_metrics import evaluate_lists
from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings
from python_jobs.model.weighting import weigh
from python_jobs.tuning.search import validation_splits
from python_jobs.tuning.search_space import ITERATIONS, SearchSpace

ROUNDS = 12
"""Most members that are chosen, the same one several times included."""

Scores = NDArray[np.float64]


def members(space: SearchSpace, recency: float) -> list[Settings]:
    """Return the members to choose from."""
    good = Settings(40, ITERATIONS, user_scaling=0.5, recency=recency)
    pool = [replace(good, max_components=rank) for rank in (10, 20, 30, 40, 60, 80)]
    pool += [replace(good, score_power=power) for power in (0.0, 2.0)]
    made = [replace(one, alpha=space.alpha(one, SHRINKAGE)) for one in pool]
    made += [replace(good, alpha=space.alpha(good, share * SHRINKAGE)) for share in (0.6, 1.6)]
    return [replace(one, random_state=seed) for seed, one in enumerate(made)]


def scores_of(settings: Settings, split: Holdout) -> Scores:
    """Return dense scores of a member fitted on the training part."""
    fitted = factorize(weigh(split.train, split.train_timestamps, settings), settings)
    return fitted.W.astype(np.float64) @ fitted.H


def ndcg(scores: Scores, split: Holdout) -> float:
    """Return NDCG@10 of dense scores."""
    return evaluate_lists(dense_lists(scores, split), split).metrics["ndcg_at_10"]


def choose(pool: list[Scores], split: Holdout) -> NDArray[np.int64]:
    """Return how often each member is chosen."""
    counts, total, best = np.zeros(len(pool), np.int64), np.zeros_like(pool[0]), -1.0
    for _ in range(ROUNDS):
        figures = [ndcg(total + scores, split) for scores in pool]
        chosen = int(np.argmax(figures))
        if figures[chosen] <= best:
            break
        best, total = figures[chosen], total + pool[chosen]
        counts[chosen] += 1
    return counts


def weighted(counts: NDArray[np.int64], pool: list[Scores]) -> Scores:
    """Return the weighted sum of the members' scores."""
    total = np.zeros_like(pool[0])
    for count, scores in zip(counts, pool, strict=True):
        total += count * scores
    return total


def main() -> None:
    """Compare both kinds of weights on both protocols, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movielens", type=Path, required=True, help="Directory or zip.")
    matrix, timestamps = from_movielens(parser.parse_args().movielens)
    print("| | chosen weights | equal weights |\n|---|---|---|")
    protocols: tuple[Protocol, ...] = ("temporal", "random")
    for protocol in protocols:
        split = hold_out(matrix, timestamps, protocol)
        train, times = split.train, split.train_timestamps
        space = SearchSpace({None: train}, times, protocol, Settings())
        settings = members(space, recency=1.5 if protocol == "temporal" else 0.0)
        parts = validation_splits(train, times, protocol)
        pools = [[scores_of(one, part) for one in settings] for part in parts]
        for here, there in ((0, 1), (1, 0)):
            counts = choose(pools[here], parts[here])
            equal = np.ones_like(counts)
            for place, name in ((here, "where they were chosen"), (there, "on the other split")):
                figures = [
                    f"{ndcg(weighted(weights, pools[place]), parts[place]):.4f}"
                    for weights in (counts, equal)
                ]
                print(f"| {protocol}, {name} | {' | '.join(figures)} |", flush=True)


if __name__ == "__main__":
    main()
