"""What the machine itself allows: how fast it copies memory and multiplies matrices.

A phase has to move some bytes and do some arithmetic at the very least. Its limit is the longer of
the two times, at the rates measured here; that is the roofline of Williams, Waterman and Patterson,
"Roofline: an insightful visual performance model for multicore architectures" (2009).

    python -m benchmarks.limits RATES.json
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

RANK = 10
ROUNDS = 5
COPIED = 1 << 29
"""Bytes that are copied: far more than any cache holds."""
CELL = 4 + 4 + 8
"""Bytes of a stored cell: its movie, its score and its time."""


@dataclass(frozen=True)
class Rates:
    """What the machine does in a second, the best of a few rounds, with all cores."""

    copied_bytes: float
    """Bytes copied from one array to another by one thread; read once and written once."""
    flops: float
    """Floating point operations of an sgemm of our shape, users × k by k × movies."""


@dataclass(frozen=True)
class Work:
    """The least that a phase has to do."""

    bytes: float = 0.0
    flops: float = 0.0
    what: str = ""

    def seconds(self, rates: Rates) -> float:
        """Return the time that the machine needs for it at least."""
        return max(self.bytes / rates.copied_bytes, self.flops / rates.flops)


def measure_rates() -> Rates:
    """Measure this machine."""
    source = np.ones(COPIED // 8)
    target = np.empty_like(source)
    copying = best(lambda: np.copyto(target, source))
    W, H = np.ones((1_000, RANK), np.float32), np.ones((RANK, 27_000), np.float32)
    product = np.empty((1_000, 27_000), np.float32)
    multiplying = best(lambda: np.matmul(W, H, out=product))
    return Rates(COPIED / copying, 2 * product.size * RANK / multiplying)


def best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest round after a first one."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def least_work(
    users: int, movies: int, cells: int, lists: int, iterations: int, sizes: dict[str, float]
) -> dict[str, Work]:
    """Return the least work of each phase.

    Parameters
    ----------
    users, movies, cells
        Shape of the matrix and its stored cells.
    lists
        Recommendations that are published.
    iterations
        Of the solver.
    sizes
        Uncompressed bytes that dbt reads and writes, ``mart`` and ``dbt after``, and the bytes of
        the published rows, ``published``.
    """
    products = 2.0 * cells * RANK
    grams = 4.0 * (users + movies) * RANK**2
    return {
        "mart": Work(sizes["mart"], 0, "copy of the raw rows and of the marts' rows"),
        "read": Work(cells * CELL, 0, "copy of the CSR arrays"),
        "fit": Work(
            iterations * cells * 8 * 2,
            iterations * (2 * products + grams),
            "per iteration, V Hᵀ and VᵀW (sgemm of as many operations) or two copies of V",
        ),
        "metrics": Work(cells * 8, products, "sgemm of a product of length k for each cell"),
        "log": Work((users + movies) * RANK * 4, 0, "copy of W and H"),
        "score": Work(cells * 4, 2.0 * users * movies * RANK, "sgemm of W × H"),
        "explain": Work(cells * 8, 2.0 * cells * RANK, "sgemm of a product of length k a cell"),
        "similar": Work(0, 2.0 * movies**2 * RANK, "sgemm of Hᵀ × H"),
        "publish": Work(sizes["published"], 0, f"copy of the {lists:,} published rows"),
        "dbt after": Work(sizes["dbt after"], 0, "copy of the tables that it reads and writes"),
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(asdict(measure_rates())))
