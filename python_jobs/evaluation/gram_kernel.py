"""The compiled loop behind PureSVD: RᵀR times a vector, in one pass over the cells."""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from python_jobs.compiled import compiled

READ = tuple(
    types.Array(of, 1, "C", readonly=True)
    for of in (types.int64, types.int32, types.float32, types.float64)
)
"""What is only read may be read-only: it may be what another task has made."""


@compiled(types.void(*READ, types.float64[::1]))
def add_gram_times(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], data: NDArray[np.float32],
    vector: NDArray[np.float64], product: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add RᵀR × vector to product; R are the users that ``indptr`` is of."""
    for u in range(indptr.size - 1):
        # Unsigned, since an index that may count from the end costs a comparison.
        first, after = np.uint64(indptr[u]), np.uint64(indptr[u + 1])
        score = 0.0
        for c in range(first, after):
            score += np.float64(data[c]) * vector[np.uint32(indices[c])]
        for c in range(first, after):
            product[np.uint32(indices[c])] += np.float64(data[c]) * score
