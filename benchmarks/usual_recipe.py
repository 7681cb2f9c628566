"""The usual recipe: a pivoted DataFrame, a dense NMF, errors over all cells, a loop over users.

    python -m benchmarks.usual_recipe W.npy H.npy          (in the scratch project)

What is timed has the rank, seed, iterations and list length that `train` has. W and H, the factors
that `train` found, are measured by the dense errors as well, after the clock has stopped.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import clickhouse_connect
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from benchmarks.scratch import MART
from python_jobs.model.settings import Settings
from python_jobs.progress import Phases

TOP = 20


def main(w_file: str, h_file: str) -> None:
    """Run it, and write down what it took and found."""
    phases = Phases()
    client = clickhouse_connect.get_client(interface="chdb", path=".chdb")
    with phases.phase("read"):
        frame = client.query_df(f"select user_id, movie_id, interaction_score from {MART}")
    with phases.phase("matrix"):
        pivoted = frame.pivot_table(
            index="user_id", columns="movie_id", values="interaction_score", fill_value=0
        )
        V = pivoted.to_numpy(np.float64)
    with phases.phase("fit"):
        W, H, iterations = fit(V, Settings())
    with phases.phase("metrics"):
        errors = all_cells(V, W @ H)
    with phases.phase("score"):
        lists = recommend(V, W @ H, pivoted.columns.to_numpy(), TOP)
    theirs = all_cells(V, np.load(w_file).astype(float) @ np.load(h_file).astype(float))
    result = {
        "phases": phases.metrics(),
        "iterations": iterations,
        "errors": errors,
        "errors_of_our_factors": theirs,
        "recommendations": sum(map(len, lists)),
    }
    Path("result.json").write_text(json.dumps(result))


def fit(
    V: NDArray[np.float64] | csr_matrix, settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Fit scikit-learn's NMF with the settings' rank, seed, initialisation and iterations."""
    model = NMF(
        settings.max_components,
        init=settings.init,
        max_iter=settings.max_iter,
        random_state=settings.random_state,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        W = model.fit_transform(V)
    return W, model.components_, int(model.n_iter_)


def all_cells(V: NDArray[np.float64], product: NDArray[np.float64]) -> dict[str, float]:
    """Return the errors over all cells of the dense product."""
    return {
        "rmse": float(np.sqrt(np.mean((V - product) ** 2))),
        "mae": float(np.mean(np.abs(V - product))),
    }


def recommend(
    V: NDArray[np.float64], product: NDArray[np.float64], movies: NDArray[np.uint64], top: int
) -> list[pd.Series]:
    """Return every user's best unseen movies, one user after the other."""
    lists = []
    for user in range(V.shape[0]):
        scores = pd.Series(product[user], index=movies)
        unseen = scores[V[user] == 0]
        lists.append(unseen.sort_values(ascending=False).head(top))
    return lists


if __name__ == "__main__":
    main(*sys.argv[1:])
