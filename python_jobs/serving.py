"""Recommendations for one user, live: the user's row of W times H, minus what the user has seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.errors import UserError
from python_jobs.factorization import fold_in
from python_jobs.interactions import Interactions, score_expression
from python_jobs.progress import Bar, Phases
from python_jobs.publishing.rows import Ranked, recommendations, require_top
from python_jobs.publishing.staging import Columns
from python_jobs.scoring import aligned
from python_jobs.settings import Settings
from python_jobs.tracking.registry import RegisteredModel
from python_jobs.warehouse import Warehouse
from python_jobs.weighting import weighed_by


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

    A user whom the model was not trained on is folded in; one without interactions gets what is
    popular.

    Raises
    ------
    UserError
        If nobody knows the user, or ``top`` does not fit the model's movies.
    """
    movie_ids = model.record.movie_ids
    require_top(top, movie_ids.size)
    settings = model.record.summary.settings
    done = _history(warehouse, user_id, settings)
    seen = aligned(weighed_by(done, settings), movie_ids).matrix
    W, folded_in = _factors(model, user_id, seen, settings)
    nobody, this_user = np.empty(0, np.uint64), np.array([user_id], np.uint64)
    if not W.any() and not _is_user(warehouse, user_id):
        raise UserError(
            f"User {user_id} has no interactions, and is not among the users either.",
            "`select user_id from analytics.mart_users` has the users; a new one is there after "
            "`dbt build`.",
        )
    ranked = Ranked(
        W=W,
        H=model.record.H,
        matrix=seen,
        user_ids=this_user,
        movie_ids=movie_ids,
        folded_in=np.array([folded_in]),
        cold_users=nobody,
        popularity=_popularity(warehouse, movie_ids),
        top=top,
    )
    return _named(warehouse, recommendations(ranked, Phases(), Bar(None, None)))


def _history(warehouse: Warehouse, user_id: int, settings: Settings) -> Interactions:
    """Return what one user has done by now; no row where it is nothing."""
    result = warehouse.client.query(
        f"select movie_id, {score_expression(settings.watched_weight)}, "
        "toUnixTimestamp64Milli(last_interacted_at) "
        f"from {warehouse.mart} where user_id = {{user:UInt64}} order by movie_id",
        parameters={"user": user_id},
        column_oriented=True,
    )
    movies, scores, times = result.result_set or ([], [], [])
    cells = (np.array(scores, np.float32), np.arange(len(movies)), np.array([0, len(movies)]))
    row = csr_matrix(cells, shape=(1, len(movies)))
    return Interactions(
        matrix=row,
        user_ids=np.array([user_id], np.uint64),
        movie_ids=np.array(movies, np.uint64),
        last_interacted_at=np.array(times, np.int64),
        relation=str(warehouse.mart),
        dbt_invocation_id="",
    )


def _factors(
    model: RegisteredModel, user_id: int, seen: csr_matrix, settings: Settings
) -> tuple[NDArray[np.float32], bool]:
    """Return the user's row of W, 1 × k, and whether it was folded in."""
    user_ids = model.record.user_ids
    row = int(np.searchsorted(user_ids, np.uint64(user_id)))
    if row < user_ids.size and user_ids[row] == user_id:
        return model.record.W[row : row + 1], False
    return fold_in(seen, model.record.H, settings), True


def _is_user(warehouse: Warehouse, user_id: int) -> bool:
    users = warehouse.project.model("mart_users")
    return bool(
        warehouse.client.command(
            f"select count() from {users} where user_id = {{user:UInt64}}",
            parameters={"user": user_id},
        )
    )


def _popularity(warehouse: Warehouse, movie_ids: NDArray[np.uint64]) -> NDArray[np.float32]:
    result = warehouse.client.query(
        f"select movie_id, count() / (select uniqExact(user_id) from {warehouse.mart}) "
        f"from {warehouse.mart} group by movie_id"
    )
    shares = {int(movie): float(share) for movie, share in result.result_rows}
    return np.array([shares.get(movie, 0.0) for movie in movie_ids.tolist()], np.float32)


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
