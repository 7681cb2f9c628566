"""What may be on whose list: a mask of movies for each kind of user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shown:
    """Which movies may be on whose list."""

    masks: NDArray[np.bool_]
    """Kinds of users × movies, at least one kind."""
    kinds: NDArray[np.int32]
    """Each user's row of ``masks``."""

    @classmethod
    def to_all(cls, mask: NDArray[np.bool_], users: int) -> Shown:
        """Return one mask for so many users."""
        return cls(mask[np.newaxis], np.zeros(users, np.int32))

    def check(self, users: int, movies: int) -> None:
        """Make sure that it is of so many users and movies.

        Raises
        ------
        ValueError
            If it is not, or a user's kind is not among the masks.
        """
        if self.masks.ndim != 2 or self.masks.shape[1] != movies or self.kinds.shape != (users,):
            raise ValueError(
                f"shown has masks {self.masks.shape} and kinds {self.kinds.shape}; they must be "
                f"kinds × {movies} movies, and one kind for each of {users} users"
            )
        if users and not 0 <= self.kinds.min() <= self.kinds.max() < len(self.masks):
            raise ValueError(f"a user's kind is not among the {len(self.masks)} masks")
