"""The new movies of lists that are made under a model's settings, with the catalogue as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions.recommendable import read_recommendable
from python_jobs.interactions.traits import read_traits
from python_jobs.model.new_movies import factors_of_new
from python_jobs.publishing.new_movies import NewMovies
from python_jobs.warehouse.connection import Warehouse


def read_new_movies(
    warehouse: Warehouse,
    movie_ids: NDArray[np.uint64],
    H: NDArray[np.float32],
    share: float,
    user_id: int | None = None,
) -> NewMovies | None:
    """Return the new movies and their factors; None, and nothing read, where they have no places.

    Parameters
    ----------
    warehouse
        An open warehouse.
    movie_ids, H
        The model's movies and their factors, k × movies.
    share
        ``Settings.new_share``.
    user_id
        The one user that they are read for; None for all.
    """
    if not share:
        return None
    traits = read_traits(warehouse, movie_ids)
    if not traits.new_ids.size:
        return None
    return NewMovies(
        movie_ids=traits.new_ids,
        H=factors_of_new(traits.known, H, traits.new),
        share=share,
        recommendable=read_recommendable(warehouse, traits.new_ids, user_id),
    )
