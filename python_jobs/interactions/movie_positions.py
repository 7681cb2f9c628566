"""From movie ids to columns of the matrix, twenty million times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError

LARGEST_TABLE_ID = 1 << 22
"""Movie ids up to which a table of all ids is made, 16 MiB at most."""


@dataclass(frozen=True)
class MoviePositions:
    """Where each movie id is among the ascending ids."""

    movie_ids: NDArray[np.uint64]
    table: NDArray[np.int32]
    """Position of every id up to the largest, -1 where there is none; empty where that is too large
    for a table, and ids are searched for, which takes twenty times as long."""

    @classmethod
    def of(cls, movie_ids: NDArray[np.uint64]) -> MoviePositions:
        """Prepare for finding among these ids, of which there is at least one."""
        largest = int(movie_ids[-1])
        if largest > LARGEST_TABLE_ID:
            return cls(movie_ids, np.empty(0, np.int32))
        table = np.full(largest + 1, -1, np.int32)
        table[movie_ids] = np.arange(movie_ids.size, dtype=np.int32)
        return cls(movie_ids, table)

    def find(self, movies: NDArray[np.uint64], mart: str) -> NDArray[np.int32]:
        """Return the position of each movie.

        Raises
        ------
        UserError
            If one is not among the ids, which were read from the mart a moment before.
        """
        from python_jobs.interactions.placing_kernel import find

        positions = np.empty(movies.size, np.int32)
        if find(movies, self.movie_ids, self.table, positions) < movies.size:
            raise rebuilt(mart)
        return positions


def rebuilt(mart: str) -> UserError:
    """Return the error of a mart that does not stay as it was counted."""
    return UserError(
        f"The training mart {mart} was rebuilt while it was being read.",
        "Run the command again; schedule it after `dbt build`, not beside it.",
    )
