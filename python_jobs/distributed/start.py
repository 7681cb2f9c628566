"""Where a fit starts: scikit-learn's ``init="random"`` to the bit, one partition at a time.

H is drawn first and then W, row after row, from one generator. Its draws cannot be skipped, so that
who hands out the starts draws all of them once, and keeps none: each partition is told the state
of the generator before its first row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
State = Any
"""Of NumPy's ``RandomState``."""

DRAWN_AT_ONCE = 1 << 20
LEAF = 128
"""Numbers that NumPy adds up without halving them: its sums of pairs end there."""


@dataclass(frozen=True)
class Piece:
    """A part of a sum of all cells, in the tree in which NumPy adds them up."""

    first: int
    """Place of its first cell among all cells."""
    count: int
    sum: np.float32 | None
    """None where the cells themselves are needed, because another partition has the rest."""
    cells: Floats


def pieces(cells: Floats, first: int, total: int, users: int, movies: int) -> list[Piece]:
    """Return a partition's part of the mean of the whole matrix, as SciPy makes it.

    Parameters
    ----------
    cells
        The partition's stored values.
    first
        How many cells the partitions before it have.
    total, users, movies
        Cells of all partitions, and the shape of the whole matrix.
    """
    scaled = np.asarray(cells * (1.0 / (users * movies)), np.float32)
    last = first + cells.size
    found: list[Piece] = []

    def look(start: int, count: int) -> None:
        here = scaled[max(start - first, 0) : max(min(start + count, last) - first, 0)]
        if start >= first and start + count <= last:
            found.append(Piece(start, count, np.sum(here, dtype=np.float32), here[:0]))
        elif here.size and count <= LEAF:
            found.append(Piece(start, count, None, here))
        elif here.size:
            half = _half(count)
            look(start, half)
            look(start + half, count - half)

    look(0, total)
    return found


def mean_of(parts: Iterable[Piece], total: int) -> np.float32:
    """Return the float32 mean of the whole matrix, of the pieces of all partitions in order."""
    sums: dict[tuple[int, int], np.float32] = {}
    torn: dict[tuple[int, int], list[Floats]] = {}
    for piece in parts:
        place = (piece.first, piece.count)
        if piece.sum is None:
            torn.setdefault(place, []).append(piece.cells)
        else:
            sums[place] = piece.sum
    sums |= {place: np.sum(np.concatenate(cells)) for place, cells in torn.items()}

    def add(start: int, count: int) -> np.float32:
        if (start, count) in sums:
            return sums[start, count]
        half = _half(count)
        return np.float32(add(start, half) + add(start + half, count - half))

    return add(0, total) if total else np.float32(0)


def _half(count: int) -> int:
    half = count // 2
    return half - half % 8


def scale_of(mean: np.float32, k: int) -> np.float32:
    """Return what scikit-learn multiplies its normal numbers by."""
    return np.float32(np.sqrt(mean / k))


def start_of_movies(seed: int, k: int, movies: int, scale: np.float32) -> Floats:
    """Return Hᵀ at the start, movies × k."""
    return np.ascontiguousarray(_drawn(np.random.RandomState(seed), (k, movies), scale).T)


def states_of(seed: int, k: int, movies: int, users: Sequence[int]) -> list[State]:
    """Return the generator's state before each partition's first row; ``users`` are their sizes."""
    generator = np.random.RandomState(seed)  # scikit-learn's own
    _skip(generator, k * movies)
    states = []
    for rows in users:
        states.append(generator.get_state())
        _skip(generator, k * rows)
    return states


def start_of_users(state: State, users: int, k: int, scale: np.float32) -> Floats:
    """Return a partition's W at the start, users × k."""
    generator = np.random.RandomState()
    generator.set_state(state)
    return _drawn(generator, (users, k), scale)


def _drawn(generator: Any, shape: tuple[int, int], scale: np.float32) -> Floats:
    drawn: Floats = scale * generator.standard_normal(size=shape).astype(np.float32)
    return np.abs(drawn, out=drawn)


def _skip(generator: Any, count: int) -> None:
    for left in range(count, 0, -DRAWN_AT_ONCE):
        generator.standard_normal(min(left, DRAWN_AT_ONCE))
