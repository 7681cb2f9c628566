"""Recommendations for one user, live: the user's row of W times H, minus what the user has seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from python_jobs.errors import UserError
from python_jobs.interactions import read_history
from python_jobs.popularity import popularity_in
from python_jobs.progress import Bar, Phases
from python_jobs.publishing.rows import Ranked, recommendations, require_top
from python_jobs.publishing.staging import Columns
from python_jobs.tracking.registry import RegisteredModel
from python_jobs.user_factors import UserFactors, user_factors
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
    """The user's row of W times the movie's column of H; a popular movie's share of users."""
    reason: str
    """``factors``, ``fold_in`` or ``popular``."""
    because: str
    """Title of the movie in the user's history that explains it; empty where none does."""


@dataclass(frozen=True)
class Interaction:
    """One movie that a user has rated or watched."""

    title: str
    genres: str
    """Comma-separated."""
    rating: float | None
    """Latest rating, None where the user has not rated it."""
    watch_count: int


def recommend(
    warehouse: Warehouse, model: RegisteredModel, user_id: int, top: int
) -> list[Recommendation]:
    """Return the user's best unseen movies under a model, by what the mart knows by now.

    It is the list that `score` would publish: of the fit's factors if the user has done nothing
    since, of folded-in ones otherwise; one without interactions gets what is popular.

    Raises
    ------
    UserError
        If nobody knows the user, or ``top`` does not fit the model's movies.
    """
    settings, movie_ids = model.record.summary.settings, model.record.movie_ids
    require_top(top, movie_ids.size)
    history = read_history(warehouse, user_id, settings.watched_weight)
    this_user, nobody = np.array([user_id], np.uint64), np.empty(0, np.uint64)
    if history:
        factors = user_factors(history, model, settings)
    else:
        _require_user(warehouse, user_id)
        factors = UserFactors.of_nobody(model)
    ranked = Ranked(
        W=factors.W,
        H=model.record.H,
        matrix=factors.matrix,
        user_ids=this_user if history else nobody,
        movie_ids=movie_ids,
        folded_in=factors.folded_in,
        cold_users=nobody if history else this_user,
        popularity=lambda: popularity_in(warehouse, movie_ids),
        top=top,
    )
    return _named(warehouse, recommendations(ranked, Phases(), Bar(None, None)))


def _require_user(warehouse: Warehouse, user_id: int) -> None:
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


def _named(warehouse: Warehouse, blocks: Iterable[Columns]) -> list[Recommendation]:
    """Return rows of ``ml.recommendations`` with titles and genres in the place of ids."""
    rows = [
        dict(zip(block, values, strict=True))
        for block in blocks
        for values in zip(*block.values(), strict=True)
    ]
    movies = {int(row[column]) for row in rows for column in ("movie_id", "because_movie_id")}
    result = warehouse.client.query(
        f"select movie_id, title, arrayStringConcat(genres, ', ') from {warehouse.movies} "
        "where movie_id in {movies:Array(UInt64)}",
        parameters={"movies": sorted(movies)},
    )
    names = {movie: (title, genres) for movie, title, genres in result.result_rows}
    nameless = ("", "")
    return [
        Recommendation(
            int(row["rank"]),
            int(row["movie_id"]),
            *names.get(int(row["movie_id"]), nameless),
            float(row["score"]),
            str(row["reason"]),
            names.get(int(row["because_movie_id"]), nameless)[0],
        )
        for row in rows
    ]


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
