"""What may be shown: the movies that may be on a list now, by the country of who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError

if TYPE_CHECKING:
    from python_jobs.interactions.columns import Interactions
    from python_jobs.warehouse.connection import Warehouse

COUNTRY = "upper(trim(country))"
"""SQL by which countries of movies and of users are compared."""
EVERYWHERE = ""
"""Country of a movie that may be shown everywhere."""


@dataclass(frozen=True)
class Recommendable:
    """Which of a model's movies may be on whose list, where that is not all on everyone's.

    Countries in which the same may be shown are one kind of user, so that there are as many masks
    as there are kinds, and not as many as users.
    """

    masks: NDArray[np.bool_]
    """Kinds × movies. The first is what may be shown everywhere: of users whose country is not
    known, or has no movie of its own."""
    anywhere: NDArray[np.bool_]
    """Which movies may be shown in any country."""
    user_ids: NDArray[np.uint64]
    """Users of another kind than the first, ascending."""
    kinds: NDArray[np.int32]
    """Kind of each of them."""

    def kinds_of(self, user_ids: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the kind of each user."""
        kinds = np.zeros(user_ids.size, np.int32)
        if self.user_ids.size:
            place = np.searchsorted(self.user_ids, user_ids)
            place = np.minimum(place, self.user_ids.size - 1)
            known = self.user_ids[place] == user_ids
            kinds[known] = self.kinds[place[known]]
        return kinds


def count_recommendable(warehouse: Warehouse) -> int:
    """Count the movies of the catalogue that may be shown to somebody now."""
    view = warehouse.project.model("int_recommendable_movies")
    return warehouse.number(f"select uniqExact(movie_id) from {view}")


def read_recommendable(
    warehouse: Warehouse, movie_ids: NDArray[np.uint64], user_id: int | None = None
) -> Recommendable | None:
    """Return what may be shown now of these movies; None where that is everything to everyone.

    Parameters
    ----------
    warehouse
        An open warehouse.
    movie_ids
        Ascending ids of a model's movies.
    user_id
        The one user that it is read for; None for all.

    Raises
    ------
    UserError
        If none of them may be shown to anybody.
    """
    view = warehouse.project.model("int_recommendable_movies")
    found = warehouse.client.query(
        f"select {COUNTRY} as place, groupUniqArray(movie_id) from {view} group by place"
    )
    of_country = {
        str(country): np.isin(movie_ids, np.array(movies, np.uint64))
        for country, movies in found.result_rows
    }
    everywhere = of_country.pop(EVERYWHERE, np.zeros(movie_ids.size, np.bool_))
    countries = sorted(of_country)
    of_countries = [everywhere, *(everywhere | of_country[country] for country in countries)]
    # Countries without a rule of their own, or with the same one, are one kind.
    masks, kind_of = _distinct(np.array(of_countries))
    anywhere = np.asarray(masks.any(axis=0))
    if not anywhere.any():
        raise UserError(
            f"Nothing may be shown: {view} has none of the {movie_ids.size:,} movies.",
            f"`select * from {view}` has what may be on a list now. Check the vars raw_available_… "
            "in dbt_project.yml, and the columns they name (docs/your_data.md).",
        )
    if len(masks) == 1:
        return None if masks.all() else Recommendable(masks, anywhere, *_nobody())
    return Recommendable(masks, anywhere, *_kinds(warehouse, countries, kind_of, user_id))


def short_lists(interactions: Interactions, recommendable: Recommendable | None, top: int) -> int:
    """Count the users with fewer unseen movies that may be shown than a list is long."""
    matrix = interactions.matrix
    if recommendable is None:
        return int(np.count_nonzero(matrix.shape[1] - np.diff(matrix.indptr) < top))
    kinds = recommendable.kinds_of(interactions.user_ids)
    masks, cells_of = recommendable.masks, np.diff(matrix.indptr)
    # How many cells before each one are of movies that may be shown to its user.
    ends = np.concatenate(([0], np.cumsum(masks[np.repeat(kinds, cells_of), matrix.indices])))
    unseen = masks.sum(axis=1)[kinds] - np.diff(ends[matrix.indptr])
    return int(np.count_nonzero(unseen < top))


def _distinct(
    masks: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Return the distinct masks, the first one still the first, and which each one became."""
    seen: dict[bytes, int] = {}
    became = [seen.setdefault(mask.tobytes(), len(seen)) for mask in masks]
    first = [became.index(kind) for kind in range(len(seen))]
    return masks[first], np.array(became, np.int32)


def _nobody() -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    return np.empty(0, np.uint64), np.empty(0, np.int32)


def _kinds(
    warehouse: Warehouse, countries: list[str], kind_of: NDArray[np.int32], user_id: int | None
) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return the users of one of the countries, ascending, and their kinds."""
    parameters: dict[str, Any] = {"countries": countries}
    only = ""
    if user_id is not None:
        parameters["user"], only = user_id, "and user_id = {user:UInt64}"
    found = warehouse.client.query(
        f"select user_id, any(indexOf({{countries:Array(String)}}, {COUNTRY})) as place "
        f"from {warehouse.project.model('mart_users')} "
        f"where has({{countries:Array(String)}}, {COUNTRY}) {only} "
        "group by user_id order by user_id",
        parameters=parameters,
        column_oriented=True,
    )
    if not found.result_set:
        return _nobody()
    users, places = found.result_set
    return np.array(users, np.uint64), kind_of[np.array(places, np.int32)]
