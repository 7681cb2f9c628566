"""Recommendations for one user, live: the user's row of W times H, minus what the user has seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from python_jobs.interactions.mart import read_history
from python_jobs.interactions.popularity import popularity_in
from python_jobs.interactions.recommendable import read_recommendable
from python_jobs.interactions.users import require_user
from python_jobs.jobs.new_movies import read_new_movies
from python_jobs.jobs.user_factors import UserFactors, user_factors
from python_jobs.jobs.variety import read_variety
from python_jobs.progress import Bar, Phases
from python_jobs.publishing.rows import Ranked, recommendations, require_top
from python_jobs.publishing.staging import Columns
from python_jobs.tracking.registry import RegisteredModel
from python_jobs.warehouse.connection import Warehouse


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
    """``factors``, ``fold_in``, ``popular`` or ``new``."""
    because: str
    """Title of the movie in the user's history that explains it; empty where none does."""


def recommend(
    warehouse: Warehouse, model: RegisteredModel, user_id: int, top: int
) -> list[Recommendation]:
    """Return the user's best unseen movies under a model, by what the mart knows by now.

    It is the list that `score` would publish: of the fit's factors if the user has done nothing
    since, of folded-in ones otherwise; one without interactions gets what is popular. Only what may
    be shown to the user now is on it.

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
        require_user(warehouse, user_id)
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
        past=factors.past,
        recommendable=read_recommendable(warehouse, movie_ids, user_id),
        variety=read_variety(warehouse, movie_ids, settings.diversity),
        new=read_new_movies(warehouse, movie_ids, model.record.H, settings.new_share, user_id),
    )
    return _named(warehouse, recommendations(ranked, Phases(), Bar(None, None)))


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
