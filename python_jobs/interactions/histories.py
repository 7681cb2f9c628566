"""Users' histories in order: which of a user's interactions came first, and which last."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import side_by_side

CELLS_PER_BLOCK = 1 << 14
"""Cells that are sorted at a time: whole users, few enough to stay in a core's cache. With
twenty million cells that took half as long as a million at a time."""


def places(
    indptr: NDArray[np.integer], keys: NDArray[np.int64] | NDArray[np.float32]
) -> NDArray[np.int32]:
    """Return each cell's place among its user's cells by ascending key.

    Parameters
    ----------
    indptr
        Row starts of a users × movies CSR matrix with sorted indices.
    keys
        What to order by, such as times, one for each stored cell.

    Returns
    -------
    (cells,) int32
        0 for the least key of a user. Of equal keys the one with the lower movie index is first.
    """
    found = np.empty(int(indptr[-1]), dtype=np.int32)

    def order(users: tuple[int, int]) -> None:
        first, after = users
        starts = indptr[first : after + 1] - indptr[first]
        sizes = np.diff(starts)
        cells = slice(int(indptr[first]), int(indptr[after]))
        rows = np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)
        # lexsort is stable and cells come by movie, so that equal keys stay in the movies' order.
        sorted_ = np.lexsort((keys[cells], rows))
        found[cells][sorted_] = np.arange(sorted_.size) - np.repeat(starts[:-1], sizes)

    for _ in side_by_side(order, list(_blocks(indptr))):
        pass
    return found


def _blocks(indptr: NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    """Yield users whose cells fit into a block: the first, and the one after the last."""
    users, first = indptr.size - 1, 0
    while first < users:
        # One user at least, however many cells it has.
        after = int(np.searchsorted(indptr, indptr[first] + CELLS_PER_BLOCK, side="right")) - 1
        after = min(max(after, first + 1), users)
        yield first, after
        first = after
