"""The users, as the warehouse knows them: who there is, and what one of them has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError
from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class SeenMovie:
    """One movie that a user has rated or watched."""

    title: str
    genres: str
    """Comma-separated."""
    rating: float | None
    """Latest rating, None where the user has not rated it."""
    watch_count: int


def cold_users(warehouse: Warehouse) -> NDArray[np.uint64]:
    """Return the users who have not interacted with anything, ascending."""
    users = warehouse.project.model("mart_users")
    result = warehouse.client.query(
        f"select distinct user_id from {users} "
        f"where user_id not in (select user_id from {warehouse.mart}) order by user_id",
        column_oriented=True,
    )
    return np.array(result.result_set[0] if result.result_set else [], dtype=np.uint64)


def require_user(warehouse: Warehouse, user_id: int) -> None:
    """Refuse an id that no user has.

    Raises
    ------
    UserError
        If the id is not among the users.
    """
    users = warehouse.project.model("mart_users")
    found = warehouse.client.command(
        f"select count() from {users} where user_id = {{user:UInt64}}",
        parameters={"user": user_id},
    )
    if not found:
        raise UserError(
            f"User {user_id} has no interactions, and is not among the users either.",
            f"`select user_id from {users}` has the users; a new one is there after `dbt build`.",
        )


def seen_movies(warehouse: Warehouse, user_id: int, limit: int) -> list[SeenMovie]:
    """Return what a user has rated or watched, the best liked first."""
    result = warehouse.client.query(
        f"""
        select
            movies.title as title,
            arrayStringConcat(movies.genres, ', ') as genres,
            interactions.rating as rating,
            interactions.watch_count as watch_count
        from {warehouse.mart} as interactions
        inner join {warehouse.movies} as movies on interactions.movie_id = movies.movie_id
        where interactions.user_id = {{user:UInt64}}
        order by
            interactions.interaction_score desc,
            interactions.watch_count desc,
            interactions.movie_id
        limit {{limit:UInt32}}
        """,
        parameters={"user": user_id, "limit": limit},
    )
    return [SeenMovie(**row) for row in result.named_results()]
