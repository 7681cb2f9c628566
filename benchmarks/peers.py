"""Other ways to score the same factors, and implicit's ALS on the same matrix.

python -m benchmarks.peers MATRIX.npz W.npy H.npy RESULT.json
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, load_npz
from threadpoolctl import threadpool_limits

from python_jobs.model.factorization import one_blas_thread
from python_jobs.model.settings import Settings
from python_jobs.ranking.top_n import top_n

TOP = 20
USERS_PER_BLOCK = 1_000
CLOSE = 1e-5
"""Relative difference of scores that is put down to float32's rounding: sums of ten products in
another order differ by a few units of 6e-8."""

Lists = tuple[NDArray[np.int32], NDArray[np.float32]]


def main(matrix_file: str, w_file: str, h_file: str, result_file: str) -> None:
    """Time each once after a first call on a few users, and compare the lists with ours."""
    from implicit.cpu.topk import topk

    matrix = csr_matrix(load_npz(matrix_file))
    W, H = np.load(w_file), np.load(h_file)
    factors = zlib.crc32(W.tobytes() + H.tobytes())
    movie_factors = np.ascontiguousarray(H.T)

    def by_implicit(users: slice) -> Lists:
        threads = os.cpu_count() or 1
        return topk(  # type: ignore[no-any-return]
            movie_factors, W[users], TOP, filter_query_items=matrix[users], num_threads=threads
        )

    def by_numpy(users: slice) -> Lists:
        return in_blocks(W[users], H, matrix[users], TOP)

    def by_kernel(users: slice) -> Lists:
        return top_n(W[users], H, matrix[users], TOP)

    kernel_seconds, ours = timed(by_kernel)
    result: dict[str, object] = {"kernel": {"seconds": kernel_seconds}, "factors": factors}
    for name, score in (("implicit", by_implicit), ("numpy", by_numpy)):
        seconds, theirs = timed(score)
        result[name] = {"seconds": seconds, **compare(ours, theirs)}
    result["als"] = fit_als(matrix, W.shape[1])
    result["plain_fit"] = fit_plainly(matrix)
    Path(result_file).write_text(json.dumps(result))


def timed(score: Callable[[slice], Lists]) -> tuple[float, Lists]:
    """Return the seconds and the lists of all users."""
    score(slice(0, 10))
    started = time.perf_counter()
    lists = score(slice(None))
    return time.perf_counter() - started, lists


def in_blocks(W: NDArray[np.float32], H: NDArray[np.float32], seen: csr_matrix, n: int) -> Lists:
    """Return the lists by dense scores of a block of users, partitioned and then sorted."""
    movies = np.empty((W.shape[0], n), np.int32)
    scores = np.empty((W.shape[0], n), np.float32)
    for start in range(0, W.shape[0], USERS_PER_BLOCK):
        users = slice(start, start + USERS_PER_BLOCK)
        block = W[users] @ H
        block[seen[users].nonzero()] = -np.inf
        best = np.argpartition(-block, n - 1, axis=1)[:, :n]
        best_scores = np.take_along_axis(block, best, axis=1)
        order = np.argsort(-best_scores, axis=1, kind="stable")
        movies[users] = np.take_along_axis(best, order, axis=1)
        scores[users] = np.take_along_axis(best_scores, order, axis=1)
    return movies, scores


def compare(ours: Lists, theirs: Lists) -> dict[str, int]:
    """Count users by how far two sets of lists agree."""
    same = (ours[0] == theirs[0]).all(axis=1)
    close = np.isclose(ours[1], theirs[1], rtol=CLOSE, atol=0).all(axis=1)
    return {
        "users": int(same.size),
        "identical": int(same.sum()),
        # Other movies, but at every rank the same score as far as float32 can tell: a tie.
        "tied": int((~same & close).sum()),
        "different": int((~same & ~close).sum()),
    }


def fit_als(matrix: csr_matrix, rank: int) -> dict[str, float]:
    """Fit implicit's ALS with its defaults at our rank."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=rank, random_state=42, num_threads=os.cpu_count() or 1)
    # implicit asks for it: its own threads and BLAS's would fight.
    with threadpool_limits(1, "blas"):
        started, cpu = time.perf_counter(), time.process_time()
        model.fit(matrix, show_progress=False)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "iterations": model.iterations,
    }


def fit_plainly(matrix: csr_matrix) -> dict[str, float]:
    """Fit scikit-learn's NMF on the matrix as SciPy has it, with our settings."""
    import warnings

    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    settings = Settings()
    model = NMF(
        settings.max_components,
        init=settings.init,
        max_iter=settings.max_iter,
        random_state=settings.random_state,
    )
    with one_blas_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        started, cpu = time.perf_counter(), time.process_time()
        W = model.fit_transform(matrix)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "iterations": int(model.n_iter_),
        "factors": zlib.crc32(W.tobytes() + model.components_.tobytes()),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
