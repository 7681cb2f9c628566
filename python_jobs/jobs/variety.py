"""The variety of lists that are made under a model's settings, with the genres as they are now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions.genres import read_genres
from python_jobs.ranking.variety import Variety
from python_jobs.warehouse.connection import Warehouse


def read_variety(
    warehouse: Warehouse, movie_ids: NDArray[np.uint64], diversity: float
) -> Variety | None:
    """Return how far lists follow genres; None, and nothing read, where they go by score alone."""
    if not diversity:
        return None
    return Variety.of(diversity, read_genres(warehouse, movie_ids))
