"""Others on the same matrix: implicit's top-k of our factors, its ALS, and scikit-learn's own fit.

python -m benchmarks.peers W.npy H.npy          (in the scratch project)
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clickhouse_connect
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.scratch import MART, TRANSITION_RANK
from benchmarks.usual_recipe import TOP, fit
from python_jobs.model.settings import Settings
from python_jobs.ranking.top_n import top_n

CLOSE = 1e-5
"""Relative difference of scores that is put down to float32's rounding: sums of ten products in
another order differ by a few units of 6e-8."""

Lists = tuple[NDArray[np.int32], NDArray[np.float32]]


def main(w_file: str, h_file: str) -> None:
    """Time each once, and compare the lists and the factors with ours."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.topk import topk

    threads = os.cpu_count() or 1
    matrix, W, H = read_matrix(), np.load(w_file), np.load(h_file)
    movie_factors = np.ascontiguousarray(H.T)
    # A first call on a few users compiles and starts threads.
    top_n(W[:10], H, matrix[:10], TOP)
    seconds, ours = timed(lambda: top_n(W, H, matrix, TOP))
    topk(movie_factors, W[:10], TOP, filter_query_items=matrix[:10], num_threads=threads)
    implicit_seconds, theirs = timed(
        lambda: topk(movie_factors, W, TOP, filter_query_items=matrix, num_threads=threads)
    )
    als = AlternatingLeastSquares(factors=W.shape[1], random_state=42, num_threads=threads)
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        # implicit asks for it: its own threads and BLAS's would fight.
        als_seconds, _ = timed(lambda: als.fit(matrix, show_progress=False))
        wide = AlternatingLeastSquares(TRANSITION_RANK, random_state=42, num_threads=threads)
        wide_seconds, _ = timed(lambda: wide.fit(matrix, show_progress=False))
        plain_seconds, (plain_W, plain_H, _) = timed(lambda: fit(matrix, Settings()))
    result = {
        "kernel": seconds,
        "implicit": implicit_seconds,
        "lists": compare(ours, theirs),
        "als": als_seconds,
        "wide_als": wide_seconds,
        "plain_fit": plain_seconds,
        "same_factors": checksum(W, H) == checksum(plain_W, plain_H),
    }
    Path("result.json").write_text(json.dumps(result))


def read_matrix() -> csr_matrix:
    """Return the mart's scores, users × movies, in the order of their ids."""
    client = clickhouse_connect.get_client(interface="chdb", path=".chdb")
    rows = client.query_df(
        f"select user_id, movie_id, interaction_score from {MART} order by user_id, movie_id"
    )
    client.close()
    users, user = np.unique(rows["user_id"].to_numpy(), return_inverse=True)
    movies, movie = np.unique(rows["movie_id"].to_numpy(), return_inverse=True)
    starts = np.concatenate(([0], np.cumsum(np.bincount(user)))).astype(np.int32)
    scores = rows["interaction_score"].to_numpy(np.float32)
    return csr_matrix((scores, movie.astype(np.int32), starts), shape=(users.size, movies.size))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that some work took, and what it returned."""
    started = time.perf_counter()
    done = work()
    return time.perf_counter() - started, done


def checksum(W: NDArray[np.float32], H: NDArray[np.float32]) -> int:
    """Return a checksum of the factors' bits."""
    return zlib.crc32(W.tobytes() + H.tobytes())


def compare(ours: Lists, theirs: Lists) -> dict[str, int]:
    """Count users by how far two sets of lists agree."""
    same = (ours[0] == theirs[0]).all(axis=1)
    close = np.isclose(ours[1], theirs[1], rtol=CLOSE, atol=0).all(axis=1)
    return {
        "identical": int(same.sum()),
        # Other movies, but at every rank the same score as far as float32 can tell: a tie.
        "tied": int((~same & close).sum()),
        "different": int((~same & ~close).sum()),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
