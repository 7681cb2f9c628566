"""What is known of movies before anybody has seen them: genres, director and when they came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

if TYPE_CHECKING:
    from python_jobs.warehouse.connection import Warehouse

YEARS = 5
"""Movies of as many years, from a year that it divides, have one trait in common."""


@dataclass(frozen=True)
class Traits:
    """Traits of the movies of a model and of those that are new, in columns that mean the same."""

    known: csr_matrix
    """1 where a movie has a trait, movies × traits, in the order of the model's ids."""
    new: csr_matrix
    """The same of the new movies."""
    new_ids: NDArray[np.uint64]
    """Ids of the new movies, ascending."""


def read_traits(warehouse: Warehouse, movie_ids: NDArray[np.uint64]) -> Traits:
    """Return the traits of a model's movies, and of the new ones.

    New is a movie of the catalogue that may be shown to somebody, that neither the mart nor the
    model has, and of which there is a trait that a movie of the model has too.
    """
    shown = warehouse.project.model("int_recommendable_movies")
    found = warehouse.client.query(
        "select movie_id, arrayConcat("
        "arrayMap(genre -> concat('genre ', genre), arrayDistinct(genres)), "
        "if(director = '', [], [concat('director ', director)]), "
        f"if(coalesce(release_year, 0) = 0, [], "
        f"[concat('years from ', toString(intDiv(coalesce(release_year, 0), {YEARS}) * {YEARS}))])"
        ") as traits, "
        f"movie_id in (select movie_id from {shown}) "
        f"and movie_id not in (select movie_id from {warehouse.mart}) as may_be_new "
        f"from {warehouse.movies} order by movie_id",
        column_oriented=True,
    ).result_set
    ids, traits, may_be_new = found or ([], [], [])
    all_ids = np.asarray(ids, np.uint64)
    is_known = np.isin(all_ids, movie_ids)
    is_new = ~is_known & np.asarray(may_be_new, np.bool_)
    names = sorted({name for at in np.flatnonzero(is_known).tolist() for name in traits[at]})
    column = {name: number for number, name in enumerate(names)}

    def matrix(rows: NDArray[np.intp], places: NDArray[np.intp], height: int) -> csr_matrix:
        cells = [
            (place, column[name])
            for row, place in zip(rows.tolist(), places.tolist(), strict=True)
            for name in traits[row]
            if name in column
        ]
        at = np.array(cells, np.intp).reshape(-1, 2)
        ones = np.ones(len(cells), np.float64)
        return csr_matrix((ones, (at[:, 0], at[:, 1])), shape=(height, len(names)))

    known_rows, new_rows = np.flatnonzero(is_known), np.flatnonzero(is_new)
    places = np.searchsorted(movie_ids, all_ids[known_rows])
    new = matrix(new_rows, np.arange(new_rows.size), new_rows.size)
    some = np.flatnonzero(np.diff(new.indptr))
    return Traits(
        known=matrix(known_rows, places, movie_ids.size),
        new=new[some],
        new_ids=all_ids[new_rows[some]],
    )
