"""The metrics, against trec_eval, against what RecTools measured, and by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.assessment import evaluate_factors
from python_jobs.evaluation.holdout import Holdout
from python_jobs.evaluation.list_metrics import (
    EMPTY,
    LENGTH,
    evaluate_lists,
    judged_users,
    popularity_ranks,
)

REFERENCE = Path(__file__).parent / "reference" / "rectools_metrics.json"
TREC_EVAL = {
    "ndcg_at_10": "ndcg_cut_10",
    "recall_at_10": "recall_10",
    "precision_at_10": "P_10",
    "map_at_10": "map_cut_10",
    "hit_rate_at_10": "success_10",
}


def split_of(train: NDArray[np.bool_], test: NDArray[np.bool_]) -> Holdout:
    seen = csr_matrix(train.astype(np.float32))
    held_out = csr_matrix(test.astype(np.float32))
    return Holdout(seen, held_out, np.zeros(seen.nnz, np.int64), "temporal")


@pytest.fixture(scope="module")
def recorded() -> Any:
    return json.loads(REFERENCE.read_text())


@pytest.fixture(scope="module")
def recorded_split(recorded: Any) -> Holdout:
    test = np.zeros((len(recorded["lists"]), recorded["movies"]), dtype=np.bool_)
    for user, movies in enumerate(recorded["held_out"]):
        test[user, movies] = True
    return split_of(np.zeros_like(test), test)


def test_agrees_with_rectools(recorded: Any, recorded_split: Holdout) -> None:
    evaluation = evaluate_lists(np.array(recorded["lists"], np.int32), recorded_split)
    assert evaluation.per_user.keys() == recorded["per_user"].keys()
    for metric, expected in recorded["per_user"].items():
        np.testing.assert_allclose(evaluation.per_user[metric], expected, rtol=0, atol=1e-9)
        assert evaluation.metrics[metric] == pytest.approx(np.mean(expected), abs=1e-9)
    coverage = evaluation.metrics["catalogue_coverage"]
    assert coverage == pytest.approx(recorded["catalogue_coverage"], abs=1e-9)


def test_agrees_with_trec_eval_from_factors_to_figures() -> None:
    """Seen movies are struck out and the rest ranked here densely; trec_eval does the measuring."""
    generator = np.random.default_rng(11)
    users, movies = 50, 70
    cells = generator.random((users, movies))
    split = split_of(cells < 0.3, cells > generator.uniform(0.5, 1.0, (users, 1)))
    W = generator.random((users, 4)).astype(np.float32)
    H = generator.random((4, movies)).astype(np.float32)
    scores = np.where(split.train.toarray() > 0, -1.0, W.astype(np.float64) @ H)
    relevant, retrieved = {}, {}
    for user in judged_users(split):
        held_out = split.test[user].indices
        relevant[str(user)] = {str(movie): 1 for movie in held_out}
        best = np.argsort(-scores[user], kind="stable")[:LENGTH]
        retrieved[str(user)] = {str(movie): float(-place) for place, movie in enumerate(best)}
    measured = pytrec_eval.RelevanceEvaluator(relevant, set(TREC_EVAL.values())).evaluate(retrieved)
    evaluation = evaluate_factors(W, H, split)
    for ours, theirs in TREC_EVAL.items():
        expected = [measured[str(user)][theirs] for user in evaluation.users]
        np.testing.assert_allclose(evaluation.per_user[ours], expected, rtol=0, atol=1e-9)


def test_one_list_by_hand() -> None:
    """Hits at ranks 1 and 3 of three relevant movies."""
    train, test = np.zeros((2, 20), np.bool_), np.zeros((2, 20), np.bool_)
    test[1, [4, 6, 19]] = True
    evaluation = evaluate_lists(np.array([[4, 0, 6, 1, 2, 3, 5, 7, 8, 9]]), split_of(train, test))
    assert evaluation.users.tolist() == [1]
    ideal = 1 + 1 / np.log2(3) + 0.5
    assert evaluation.metrics["ndcg_at_10"] == pytest.approx((1 + 0.5) / ideal)
    assert evaluation.metrics["precision_at_10"] == pytest.approx(2 / 10)
    assert evaluation.metrics["recall_at_10"] == pytest.approx(2 / 3)
    assert evaluation.metrics["map_at_10"] == pytest.approx((1 / 1 + 2 / 3) / 3)
    assert evaluation.metrics["hit_rate_at_10"] == 1.0
    assert evaluation.metrics["catalogue_coverage"] == pytest.approx(10 / 20)


def test_popularity_ranks_and_novelty() -> None:
    train = np.zeros((4, 5), np.bool_)
    train[:3, 3] = train[:2, 1] = train[:2, 2] = True
    test = np.zeros_like(train)
    test[3, 0] = True
    split = split_of(train, test)
    assert popularity_ranks(train.sum(axis=0)).tolist() == [4, 2, 3, 1, 5]
    lists = np.array([[3, 4, *[EMPTY] * 8]])
    assert evaluate_lists(lists, split).metrics["mean_popularity_rank"] == pytest.approx(3.0)


def test_groups_by_activity_partition_the_users() -> None:
    train, test = np.zeros((4, 200), np.bool_), np.zeros((4, 200), np.bool_)
    for user, interactions in enumerate([29, 30, 99, 100]):
        train[user, :interactions] = True
    test[:, 150] = True
    hit, miss = [150, *[EMPTY] * 9], [EMPTY] * 10
    groups = evaluate_lists(np.array([hit, hit, miss, miss]), split_of(train, test)).by_activity
    assert {name: group["users"] for name, group in groups.items()} == {
        "few": 1,
        "some": 2,
        "many": 1,
    }
    hits = {name: group["hit_rate_at_10"] for name, group in groups.items()}
    assert hits == {"few": 1.0, "some": 0.5, "many": 0.0}
