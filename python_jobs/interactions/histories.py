"""Users' histories in order: which of a user's interactions came first, and which last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELLS_PER_BLOCK = 1 << 20
"""Cells that are sorted at a time: whole users, so that the working memory stays small."""


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
    users = indptr.size - 1
    first = 0
    while first < users:
        # The users whose cells fit into a block; one user at least, however many cells it has.
        after = int(np.searchsorted(indptr, indptr[first] + CELLS_PER_BLOCK, side="right")) - 1
        after = min(max(after, first + 1), users)
        starts = indptr[first : after + 1] - indptr[first]
        sizes = np.diff(starts)
        cells = slice(int(indptr[first]), int(indptr[after]))
        rows = np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)
        # lexsort is stable and cells come by movie, so that equal keys stay in the movies' order.
        order = np.lexsort((keys[cells], rows))
        found[cells][order] = np.arange(order.size) - np.repeat(starts[:-1], sizes)
        first = after
    return found
