"""Movie factors in the order in which ranking reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from python_jobs.ranking.top_n_kernel import BLOCK


@dataclass(frozen=True)
class MovieBlocks:
    """H by falling norm, so that the movies that can win are scored first."""

    blocks: NDArray[np.float32]
    """Blocks × k × BLOCK, zeros after the last movie."""
    highest: NDArray[np.float32]
    """Largest value of each feature in each block, k × blocks."""
    lowest: NDArray[np.float32]
    """Smallest value of each feature in each block, k × blocks."""
    order: NDArray[np.int32]
    """Column of H at each place."""
    position: NDArray[np.int32]
    """Place of each column of H; -1 for a movie that is not laid out, and on nobody's list."""

    allowed: NDArray[np.uint8]
    """1 where a movie may be shown, kinds of users × places; empty where all that is laid out may
    be shown to everyone."""

    @classmethod
    def of(cls, H: NDArray[np.float32], masks: NDArray[np.bool_] | None = None) -> MovieBlocks:
        """Lay out H, k × movies.

        With ``masks``, kinds of users × movies, only those that may be shown to some kind.
        """
        if masks is not None:
            columns = np.flatnonzero(masks.any(axis=0)).astype(np.int32)
            return cls.of(np.ascontiguousarray(H[:, columns]))._among(columns, masks)
        k, movies = H.shape
        norms = np.sqrt(np.einsum("km,km->m", H, H, dtype=np.float64))
        order = np.argsort(-norms, kind="stable").astype(np.int32)
        position = np.empty(movies, np.int32)
        position[order] = np.arange(movies, dtype=np.int32)
        count = -(-movies // BLOCK)
        padded = np.zeros((k, count * BLOCK), np.float32)
        padded[:, :movies] = H[:, order]
        blocks = np.ascontiguousarray(padded.reshape(k, count, BLOCK).transpose(1, 0, 2))
        highest = np.ascontiguousarray(blocks.max(axis=2).T)
        lowest = np.ascontiguousarray(blocks.min(axis=2).T)
        return cls(blocks, highest, lowest, order, position, np.empty((0, 0), np.uint8))

    def _among(self, columns: NDArray[np.int32], masks: NDArray[np.bool_]) -> MovieBlocks:
        """Return the same layout under the numbers that its columns have among all movies."""
        kinds, movies = masks.shape
        order = columns[self.order]
        position = np.full(movies, -1, np.int32)
        position[columns] = self.position
        allowed = self.allowed
        if kinds > 1:
            allowed = np.zeros((kinds, self.blocks.shape[0] * BLOCK), np.uint8)
            allowed[:, : order.size] = masks[:, order]
        return replace(self, order=order, position=position, allowed=allowed)
