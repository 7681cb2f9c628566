"""Other recommenders that know order: what comes next, by a ridge from item to item, and SASRec."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from benchmarks import sasrec
from benchmarks.quality_peers import Params, Peer, dense_lists, ease_scores
from python_jobs.evaluation.holdout import Holdout
from python_jobs.evaluation.list_metrics import LENGTH, Evaluation, evaluate_lists, judged_users
from python_jobs.interactions.histories import places
from python_jobs.model.pasts import Histories, latest_pasts
from python_jobs.model.settings import Settings
from python_jobs.model.transitions import sums_of_pasts
from python_jobs.threads import one_blas_thread
from python_jobs.tuning.transition_space import (
    HORIZON,
    LONG_MEMORY,
    LONG_SHARE,
    MEMORY,
    POWER,
    WEIGHTS,
)

LEAST = 3
"""Interactions that a movie needs to be in the ridge: it has one weight for each pair of movies,
and most of the time would go into movies of which next to nothing can be learned."""


def ridge_scores(split: Holdout, params: Params) -> NDArray[np.float64]:
    """Return the scores of a directed ridge over every cut of every history.

    Choi et al., "Session-aware linear item-item models for session-based recommendation" (2021):
    their SLIT with the decays of this project, ``B = (X'X + λI)⁻¹ X'Y``, so that it sees what our
    transitions see and differs in what it makes of it: full rank, of any sign.
    """
    settings = Settings(transition_rank=1, **params)
    kept = np.flatnonzero(np.bincount(split.train.indices, minlength=split.train.shape[1]) >= LEAST)
    cells = np.isin(split.train.indices, kept)
    matrix, timestamps = split.train[:, kept], split.train_timestamps[cells]
    histories = Histories.of(matrix, timestamps, settings)
    followed, gram = sums_of_pasts(histories, np.eye(kept.size, dtype=np.float32))
    gram[np.diag_indices_from(gram)] += np.float32(histories.ridge)
    pasts = latest_pasts(matrix, timestamps, settings).toarray()
    with one_blas_thread():
        factor = cho_factor(gram, overwrite_a=True, check_finite=False)
        found = cho_solve(factor, pasts.T, check_finite=False).T @ followed.T
    scores = np.zeros(split.train.shape)
    scores[:, kept] = found
    return scores


def suggest_ridge(trial: Any, _: Holdout) -> Params:
    """Suggest what the search of transitions does, and a wider range of λ."""
    return {
        "transition_memory": trial.suggest_float("memory", *MEMORY, log=True),
        "transition_long_memory": trial.suggest_float("long_memory", *LONG_MEMORY, log=True),
        "transition_long_share": trial.suggest_float("long_share", 0.0, LONG_SHARE),
        "transition_horizon": trial.suggest_float("horizon", *HORIZON, log=True),
        "transition_shrinkage": trial.suggest_float("shrinkage", 1e-4, 0.1, log=True),
        "transition_power": trial.suggest_float("power", 0.0, POWER, step=0.25),
    }


def judge_ridge(split: Holdout, params: Params) -> Evaluation:
    """Judge the directed ridge."""
    return evaluate_lists(dense_lists(ridge_scores(split, params), split), split)


RIDGE = Peer(
    "Directed ridge (SLIST's), tuned",
    suggest_ridge,
    judge_ridge,
    begin=(
        {
            "memory": 5.0, "long_memory": 60.0, "long_share": 0.1, "horizon": 5.0,
            "shrinkage": 0.006, "power": 0.0,
        },
    ),
)  # fmt: skip


def ease_and_ridge(ease: Params, ridge: Params) -> Peer:
    """Return EASE plus the ridge, as each was tuned, each user's scores of both at norm 1."""
    known: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def judge(split: Holdout, params: Params) -> Evaluation:
        if id(split) not in known:
            known[id(split)] = (_unit(ease_scores(split, ease)), _unit(ridge_scores(split, ridge)))
        one, other = known[id(split)]
        scores = one + params["weight"] * other
        return evaluate_lists(dense_lists(scores, split), split)

    return Peer(
        "EASE plus the directed ridge, tuned",
        lambda trial, _: {"weight": trial.suggest_categorical("weight", WEIGHTS)},
        judge,
        begin=tuple({"weight": weight} for weight in WEIGHTS),
        most_trials=len(WEIGHTS),
    )


def _unit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(scores, axis=1, keepdims=True)
    return np.asarray(scores / np.maximum(norms, 1e-12))


def sasrec_of(python: Path) -> Peer:
    """Return SASRec in the environment of a Python that has RecTools."""

    def judge(split: Holdout, params: Params) -> Evaluation:
        train = split.train
        with TemporaryDirectory() as folder:
            np.savez(
                Path(folder, "split.npz"),
                users=np.repeat(np.arange(train.shape[0]), np.diff(train.indptr)),
                movies=train.indices,
                places=places(train.indptr, split.train_timestamps),
                judged=judged_users(split),
                length=LENGTH,
            )
            Path(folder, "params.json").write_text(json.dumps(params))
            subprocess.run([python, sasrec.__file__, folder], check=True, stdout=subprocess.DEVNULL)
            return evaluate_lists(np.load(Path(folder, "lists.npy")), split)

    return Peer(
        "SASRec (RecTools), tuned",
        lambda trial, _: {
            "rank": trial.suggest_categorical("rank", [32, 64, 128]),
            "blocks": trial.suggest_int("blocks", 1, 2),
            "dropout": trial.suggest_float("dropout", 0.1, 0.6),
            "longest": trial.suggest_categorical("longest", [50, 100]),
            "rate": trial.suggest_float("rate", 3e-4, 3e-3, log=True),
            "epochs": trial.suggest_int("epochs", 10, 100, log=True),
        },
        judge,
        begin=(
            {"rank": 64, "blocks": 2, "dropout": 0.3, "longest": 100, "rate": 0.001, "epochs": 30},
        ),
    )
