"""Record what RecTools measures on made-up lists: the metrics' tests compare with it.

RecTools needs NumPy 1 and so cannot be installed beside this project. In an environment of its own:

    python -m venv /tmp/rectools && /tmp/rectools/bin/pip install rectools==0.19.0
    /tmp/rectools/bin/python tests/python_jobs/reference/rectools_metrics.py
"""

# mypy: ignore-errors

import json
from pathlib import Path

import numpy as np
import pandas as pd
import rectools
from rectools import metrics

USERS, MOVIES, LENGTH, GENRES = 60, 80, 10, 6


class Cosine(metrics.PairwiseDistanceCalculator):
    """1 - cosine of two movies' genres; RecTools has Hamming's distance only."""

    def __init__(self, genres):
        self.genres = genres

    def _get_distances_for_item_pairs(self, items_0, items_1):
        one, other = self.genres[items_0], self.genres[items_1]
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        dots = (one * other).sum(axis=1)
        return 1 - np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)


def main() -> None:
    generator = np.random.default_rng(7)
    lists = np.array([generator.permutation(MOVIES)[:LENGTH] for _ in range(USERS)])
    # Lists of every length, and from one held-out movie to more than a list can hold.
    for user in range(0, USERS, 4):
        lists[user, generator.integers(1, LENGTH) :] = -1
    held_out = [
        np.sort(generator.permutation(MOVIES)[: generator.integers(1, 31)]) for _ in range(USERS)
    ]
    user, place = np.nonzero(lists >= 0)
    recommended = pd.DataFrame({"user_id": user, "item_id": lists[user, place], "rank": place + 1})
    interactions = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(USERS), [movies.size for movies in held_out]),
            "item_id": np.concatenate(held_out),
        }
    )
    measures = {
        "ndcg_at_10": metrics.NDCG(k=LENGTH, divide_by_achievable=True),
        "recall_at_10": metrics.Recall(k=LENGTH),
        "precision_at_10": metrics.Precision(k=LENGTH),
        "map_at_10": metrics.MAP(k=LENGTH),
        "hit_rate_at_10": metrics.HitRate(k=LENGTH),
    }
    per_user = {
        name: measure.calc_per_user(recommended, interactions).sort_index().tolist()
        for name, measure in measures.items()
    }
    # What the lists are like: histories, and genres of which a movie may have none.
    history = [
        np.sort(generator.permutation(MOVIES)[: generator.integers(1, 40)]) for _ in range(USERS)
    ]
    genres = (generator.random((MOVIES, GENRES)) < 0.3).astype(float)
    previous = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(USERS), [movies.size for movies in history]),
            "item_id": np.concatenate(history),
        }
    )
    beyond = {
        "novelty": metrics.MeanInvUserFreq(k=LENGTH).calc(recommended, previous),
        "intra_list_diversity": metrics.IntraListDiversity(LENGTH, Cosine(genres)).calc(
            recommended
        ),
    }
    coverage = metrics.CatalogCoverage(k=LENGTH, normalize=True)
    record = {
        "rectools": rectools.__version__,
        "movies": MOVIES,
        "lists": lists.tolist(),
        "held_out": [movies.tolist() for movies in held_out],
        "per_user": per_user,
        "history": [movies.tolist() for movies in history],
        "genres": genres.tolist(),
        "beyond_accuracy": beyond,
        "catalogue_coverage": coverage.calc(recommended, catalog=np.arange(MOVIES)),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
