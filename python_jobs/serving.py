"""Recommendations for one user, live: the user's row of W times H, minus what the user has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.errors import UserError
from python_jobs.ranking import top_n
from python_jobs.registry import RegisteredModel
from python_jobs.training import require_top
from python_jobs.warehouse import Warehouse


@dataclass(frozen=True)
class Recommendation:
    """One recommended movie."""

    rank: int
    """1 is the best."""
    movie_id: int
    title: str
    genres: str
    """Comma-separated."""
    score: float
    """The user's row of W times the movie's column of H, in units of the interaction score."""


@dataclass(frozen=True)
class Interaction:
    """One movie that a user has rated or watched."""

    title: str
    genres: str
    """Comma-separated."""
    rating: float | None
    """Latest rating, None where the user has not rated it."""
    watch_count: int


def parse_user(text: str) -> int:
    """Return a user id given as text.

    Raises
    ------
    UserError
        If it is not a whole number that fits ``UInt64``.
    """
    if text.isascii() and text.isdigit() and int(text) < 2**64:
        return int(text)
    raise UserError(
        f"{text!r} is not a user id.", "User ids are whole numbers, as in mart_users.user_id."
    )


def recommend(
    warehouse: Warehouse, model: RegisteredModel, user_id: int, top: int
) -> list[Recommendation]:
    """Return the user's best unseen movies under a model, by what the mart knows by now.

    Raises
    ------
    UserError
        If the model does not know the user, or ``top`` does not fit its movies.
    """
    user_ids = np.asarray(model.record.metadata["user_ids"], dtype=np.uint64)
    movie_ids = np.asarray(model.record.metadata["movie_ids"], dtype=np.uint64)
    require_top(top, movie_ids.size)
    row = _row_of(user_ids, user_id, model)
    seen = _seen(warehouse, user_id, movie_ids)
    columns, scores = top_n(model.record.W[row : row + 1], model.record.H, seen, top)
    listed = columns[0] >= 0
    movies = movie_ids[columns[0][listed]]
    names = _names(warehouse, movies)
    return [
        Recommendation(rank, int(movie), *names.get(int(movie), ("?", "")), float(score))
        for rank, (movie, score) in enumerate(zip(movies, scores[0][listed], strict=True), start=1)
    ]


def _row_of(user_ids: NDArray[np.uint64], user_id: int, model: RegisteredModel) -> int:
    row = int(np.searchsorted(user_ids, np.uint64(user_id)))
    if row == user_ids.size or user_ids[row] != user_id:
        raise UserError(
            f"User {user_id} is not known to version {model.version} of the model.",
            "If the user has interactions by now, run `dbt build` and `python_jobs train`.",
        )
    return row


def _seen(warehouse: Warehouse, user_id: int, movie_ids: NDArray[np.uint64]) -> csr_matrix:
    result = warehouse.client.query(
        f"select movie_id from {warehouse.mart} where user_id = {{user:UInt64}}",
        parameters={"user": user_id},
    )
    seen = np.isin(movie_ids, np.array([row[0] for row in result.result_rows], dtype=np.uint64))
    return csr_matrix(seen.reshape(1, -1), dtype=np.float32)


def _names(warehouse: Warehouse, movies: NDArray[np.uint64]) -> dict[int, tuple[str, str]]:
    result = warehouse.client.query(
        f"select movie_id, title, arrayStringConcat(genres, ', ') from {warehouse.movies} "
        "where movie_id in {movies:Array(UInt64)}",
        parameters={"movies": movies.tolist()},
    )
    return {movie: (title, genres) for movie, title, genres in result.result_rows}


def history(warehouse: Warehouse, user_id: int, limit: int) -> list[Interaction]:
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
    return [Interaction(**row) for row in result.named_results()]
