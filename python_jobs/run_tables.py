"""The rows of a run: lists with their reasons, similar movies, and what the factors are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.explanations import because
from python_jobs.progress import Bar, Phases
from python_jobs.publishing import Columns
from python_jobs.ranking import TopN, top_n_blocks
from python_jobs.similarity import similar_movies
from python_jobs.warehouse import Warehouse

SIMILAR_PER_MOVIE = 20
"""Length of the list of similar movies."""
NO_MOVIE = 0
"""``because_movie_id`` where nothing that the user did explains a recommendation."""


@dataclass(frozen=True)
class Ranked:
    """Everything that lists are made from; rows and columns mean the same in all of it."""

    W: NDArray[np.float32]
    """User factors, users × k."""
    H: NDArray[np.float32]
    """Movie factors, k × movies."""
    matrix: csr_matrix
    """What each user has interacted with by now, users × movies."""
    user_ids: NDArray[np.uint64]
    movie_ids: NDArray[np.uint64]
    folded_in: NDArray[np.bool_]
    """Which users' factors were folded in after the fit."""
    cold_users: NDArray[np.uint64]
    """Users without interactions."""
    top: int
    """Length of the lists."""


def tables_of(ranked: Ranked, phases: Phases, bar: Bar) -> dict[str, Iterable[Columns]]:
    """Return the rows of each published table in blocks, made as they are consumed."""
    return {
        "recommendations": recommendations(ranked, phases, bar),
        "similar_movies": phases.timed("similar", similar(ranked)),
        "movie_factors": movie_factors(ranked),
    }


def recommendations(ranked: Ranked, phases: Phases, bar: Bar) -> Iterator[Columns]:
    """Yield every user's list, and then the popular list for the users without interactions."""
    blocks = top_n_blocks(ranked.W, ranked.H, ranked.matrix, ranked.top)
    for block in phases.timed("score", blocks):
        with phases.part("explain"):
            reasons = because(ranked.W, ranked.H, ranked.matrix, block)
        yield listed(ranked, block, reasons)
        bar.advance(np.unique(block.users).size)
    yield from popular_lists(ranked)


def listed(ranked: Ranked, block: TopN, reasons: NDArray[np.int32]) -> Columns:
    """Return a block of lists with ids in the place of indices."""
    # -1, no reason, reads the last movie here and is overwritten.
    because_ids = np.where(reasons >= 0, ranked.movie_ids[reasons], np.uint64(NO_MOVIE))
    return {
        "user_id": ranked.user_ids[block.users],
        "movie_id": ranked.movie_ids[block.movies],
        "rank": block.ranks,
        "score": block.scores,
        "reason": np.where(ranked.folded_in[block.users], "fold_in", "factors").tolist(),
        "because_movie_id": because_ids,
    }


def popular_lists(ranked: Ranked, users_per_block: int = 8_192) -> Iterator[Columns]:
    """Yield the same list for each user without interactions: the movies most users have seen.

    The score of a popular movie is the share of users who interacted with it (0–1); ties break by
    movie id.
    """
    counts = np.bincount(ranked.matrix.indices, minlength=ranked.movie_ids.size)
    order = np.argsort(-counts, kind="stable")[: ranked.top]
    movies, ranks = ranked.movie_ids[order], np.arange(1, order.size + 1, dtype=np.uint16)
    scores = (counts[order] / ranked.user_ids.size).astype(np.float32)
    for start in range(0, ranked.cold_users.size, users_per_block):
        users = ranked.cold_users[start : start + users_per_block]
        yield {
            "user_id": np.repeat(users, order.size),
            "movie_id": np.tile(movies, users.size),
            "rank": np.tile(ranks, users.size),
            "score": np.tile(scores, users.size),
            "reason": ["popular"] * (users.size * order.size),
            "because_movie_id": np.full(users.size * order.size, NO_MOVIE, np.uint64),
        }


def similar(ranked: Ranked) -> Iterator[Columns]:
    """Yield each movie's nearest movies in factor space."""
    pairs = similar_movies(ranked.H, SIMILAR_PER_MOVIE)
    yield {
        "movie_id": ranked.movie_ids[pairs.movies],
        "similar_movie_id": ranked.movie_ids[pairs.similar],
        "rank": pairs.ranks,
        "cosine": pairs.cosines,
    }


def movie_factors(ranked: Ranked) -> Iterator[Columns]:
    """Yield H, one feature a block; a movie has no row for a feature in which it has no part."""
    for feature, weights in enumerate(ranked.H):
        movies = np.flatnonzero(weights)
        yield {
            "movie_id": ranked.movie_ids[movies],
            "feature": np.full(movies.size, feature, np.uint16),
            "weight": weights[movies],
        }


def cold_users(warehouse: Warehouse) -> NDArray[np.uint64]:
    """Return the users who have not interacted with anything, ascending."""
    users = warehouse.project.model("stg_dataflix__users")
    result = warehouse.client.query(
        f"select distinct user_id from {users} "
        f"where user_id not in (select user_id from {warehouse.mart}) order by user_id",
        column_oriented=True,
    )
    return np.array(result.result_set[0] if result.result_set else [], dtype=np.uint64)
