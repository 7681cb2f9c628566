"""Other recommenders on the same splits, tuned as `python_jobs tune` tunes ours.

Each is searched by the same sampler with the same seed, for as long, on the same validation splits
of the training part, and is offered the same weights of interactions: score power, recency and user
scaling. Only its own parameters differ. Those that know order are in `benchmarks.ordered_peers`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.assessment import evaluate_factors
from python_jobs.evaluation.baselines import pure_svd
from python_jobs.evaluation.holdout import Holdout
from python_jobs.evaluation.list_metrics import LENGTH, Evaluation, evaluate_lists, judged_users
from python_jobs.model.members import scale_users
from python_jobs.model.settings import Settings, choose_rank
from python_jobs.model.weighting import weigh
from python_jobs.threads import one_blas_thread
from python_jobs.tuning.search_space import RANKS, RECENCY

MOST_TRIALS = 100
"""For what is fast enough to run out of ideas before it runs out of time."""
USERS_PER_BLOCK = 1_000
"""Rows of dense scores held at a time."""

Params = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A recommender with parameters to search."""

    name: str
    suggest: Callable[[Any, Holdout], Params]
    """Parameters for an Optuna trial."""
    judge: Callable[[Holdout, Params], Evaluation]
    """Fit them on a split's training part, and judge the lists on the rest."""
    begin: tuple[Params, ...] = ()
    """What the search tries first, by the sampler's names."""
    most_trials: int = MOST_TRIALS


def tune(peer: Peer, split: Holdout, validations: list[Holdout], minutes: float) -> Params:
    """Return the parameters with the best mean NDCG@10 on the validation splits."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=42))
    for point in peer.begin:
        study.enqueue_trial(point)
    end = monotonic() + minutes * 60
    done = 0  # study.trials holds what waits to be tried as well
    while not done or (monotonic() < end and done < peer.most_trials):
        done += 1
        trial = study.ask()
        params = peer.suggest(trial, split)
        trial.set_user_attr("params", params)
        figures = [peer.judge(part, params).metrics["ndcg_at_10"] for part in validations]
        study.tell(trial, float(np.mean(figures)))
    chosen: Params = study.best_trial.user_attrs["params"]
    return chosen


def weighed(split: Holdout, params: Params) -> csr_matrix:
    """Return the training part as the parameters weigh it."""
    names = ("score_power", "recency", "user_scaling")
    settings = Settings(**{name: params[name] for name in names if name in params})
    return scale_users(weigh(split.train, split.train_timestamps, settings), settings)[0]


def suggest_weights(trial: Any, split: Holdout) -> Params:
    """Suggest how interactions are weighed, as the search space of `tune` does."""
    recency = RECENCY if split.protocol == "temporal" else 0.0
    return {
        "score_power": trial.suggest_float("power", 0.0, 2.0, step=0.25),
        "recency": trial.suggest_float("recency", 0.0, recency, step=0.25),
        "user_scaling": trial.suggest_float("scaling", 0.0, 1.0, step=0.25),
    }


def suggest_rank(trial: Any, split: Holdout) -> int:
    """Suggest a rank, within the limits of `tune`'s search space."""
    low, high = (choose_rank(*split.train.shape, rank) for rank in RANKS)
    return int(trial.suggest_int("rank", low, high, log=True))


def judge_pure_svd(split: Holdout, params: Params) -> Evaluation:
    """Judge PureSVD."""
    return evaluate_factors(*pure_svd(weighed(split, params), params["rank"]), split)


def judge_als(split: Holdout, params: Params) -> Evaluation:
    """Judge implicit's ALS.

    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets" (2008).
    """
    from implicit.cpu.als import AlternatingLeastSquares

    with one_blas_thread():  # implicit has threads of its own
        model = AlternatingLeastSquares(
            factors=params["rank"],
            regularization=params["regularization"],
            alpha=params["alpha"],
            iterations=params["iterations"],
            random_state=42,
        )
        model.fit(weighed(split, params), show_progress=False)
    W, H = np.asarray(model.user_factors), np.asarray(model.item_factors).T
    return evaluate_factors(W, np.ascontiguousarray(H), split)


def judge_bpr(split: Holdout, params: Params) -> Evaluation:
    """Judge implicit's BPR.

    Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback" (2009).
    """
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    names = ("factors", "learning_rate", "regularization", "iterations")
    # One thread: with more of them a seed does not settle what comes out.
    model = BayesianPersonalizedRanking(
        **{name: params[name] for name in names}, random_state=42, num_threads=1
    )
    model.fit(split.train, show_progress=False)
    W, H = np.asarray(model.user_factors), np.asarray(model.item_factors).T
    return evaluate_factors(W, np.ascontiguousarray(H), split)


def judge_neighbours(split: Holdout, params: Params) -> Evaluation:
    """Judge implicit's item-based nearest neighbours: Deshpande and Karypis (2004)."""
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    matrix = weighed(split, params)
    kinds = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}
    model = kinds[params["kind"]](K=params["neighbours"], num_threads=1)
    with warnings.catch_warnings():
        # BM25 and TF-IDF hand their own matrix over in a form that implicit then warns of.
        warnings.simplefilter("ignore")
        model.fit(matrix, show_progress=False)
    scores = (matrix @ model.similarity).toarray()
    return evaluate_lists(dense_lists(scores, split), split)


def judge_poismf(split: Holdout, params: Params) -> Evaluation:
    """Judge poismf: Cortes, "Fast non-Bayesian Poisson factorization" (2018)."""
    from poismf import PoisMF

    model = PoisMF(
        k=params["rank"], l2_reg=params["l2"], method="tncg", reindex=False, nthreads=1,
        random_state=42, weight_mult=1.0, niter=10, maxupd=params["rank"] * 2,
    )  # fmt: skip
    model.fit(weighed(split, params).tocoo())
    W, H = np.asarray(model.A), np.asarray(model.B).T
    return evaluate_factors(W.astype(np.float32), np.ascontiguousarray(H, np.float32), split)


def judge_ease(split: Holdout, params: Params) -> Evaluation:
    """Judge EASE."""
    return evaluate_lists(dense_lists(ease_scores(split, params), split), split)


def ease_scores(split: Holdout, params: Params) -> NDArray[np.float64]:
    """Return EASE's scores: Steck, "Embarrassingly shallow autoencoders for sparse data" (2019).

    With X the users × movies matrix, the scores are X B, where B = I - P / diag(P) by columns and
    P = (X'X + λI)^-1. P is movies × movies; where there are fewer users, X P = (XX' + λI)^-1 X is
    had from the users × users side.
    """
    matrix = weighed(split, params).astype(np.float64)
    X, penalty = matrix.toarray(), params["l2"]
    if matrix.shape[0] <= matrix.shape[1]:
        gram = (matrix @ matrix.T).toarray() + penalty * np.eye(matrix.shape[0])
        product = np.linalg.solve(gram, X)
        diagonal = (1.0 - np.einsum("um,um->m", X, product)) / penalty
    else:
        inverse = np.linalg.inv((matrix.T @ matrix).toarray() + penalty * np.eye(X.shape[1]))
        product, diagonal = X @ inverse, np.diag(inverse)
    scores: NDArray[np.float64] = X - product / diagonal
    return scores


def dense_lists(scores: NDArray[np.float64], split: Holdout) -> NDArray[np.int32]:
    """Return the lists that dense scores make, seen movies left out, ties by movie."""
    users = judged_users(split)
    lists = np.empty((users.size, LENGTH), np.int32)
    for start in range(0, users.size, USERS_PER_BLOCK):
        block = users[start : start + USERS_PER_BLOCK]
        unseen = np.where(split.train[block].toarray() > 0, -np.inf, scores[block])
        lists[start : start + block.size] = np.argsort(-unseen, axis=1, kind="stable")[:, :LENGTH]
    return lists


PURE_SVD = Peer(
    "PureSVD, tuned",
    lambda trial, split: {"rank": suggest_rank(trial, split), **suggest_weights(trial, split)},
    judge_pure_svd,
)
ALS = Peer(
    "implicit ALS, tuned",
    lambda trial, split: {
        "rank": suggest_rank(trial, split),
        "regularization": trial.suggest_float("regularization", 1e-3, 1e3, log=True),
        "alpha": trial.suggest_float("alpha", 0.1, 100.0, log=True),
        "iterations": trial.suggest_int("iterations", 5, 30),
        **suggest_weights(trial, split),
    },
    judge_als,
)
EASE = Peer(
    "EASE, tuned",
    lambda trial, split: {
        "l2": trial.suggest_float("l2", 1.0, 1e4, log=True),
        **suggest_weights(trial, split),
    },
    judge_ease,
)
PLAIN_EASE = Peer(
    "EASE, interactions alike",
    lambda trial, _: {
        "l2": trial.suggest_float("l2", 10.0, 1e4, log=True),
        "score_power": 0.0,
    },
    judge_ease,
)
BPR = Peer(
    "implicit BPR, tuned",
    lambda trial, split: {
        "factors": suggest_rank(trial, split),
        "learning_rate": trial.suggest_float("learning_rate", 0.003, 0.3, log=True),
        "regularization": trial.suggest_float("regularization", 1e-4, 0.3, log=True),
        "iterations": trial.suggest_int("iterations", 20, 300, log=True),
    },
    judge_bpr,
)
NEIGHBOURS = Peer(
    "implicit item-kNN, tuned",
    lambda trial, split: {
        "kind": trial.suggest_categorical("kind", ["cosine", "tfidf", "bm25"]),
        "neighbours": trial.suggest_int("neighbours", 5, 500, log=True),
        **suggest_weights(trial, split),
    },
    judge_neighbours,
)
POISMF = Peer(
    "poismf, tuned",
    lambda trial, split: {
        "rank": suggest_rank(trial, split),
        "l2": trial.suggest_float("l2", 1.0, 1e5, log=True),
        **suggest_weights(trial, split),
    },
    judge_poismf,
)
