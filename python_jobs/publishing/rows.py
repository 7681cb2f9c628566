"""The rows of a run: lists with their reasons, similar movies, and what the factors are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.errors import UserError
from python_jobs.interactions.dataset import Dataset
from python_jobs.interactions.recommendable import Recommendable
from python_jobs.progress import Bar, Phases
from python_jobs.publishing.new_movies import NewMovies, with_new_movies
from python_jobs.publishing.shown import shown_to
from python_jobs.publishing.staging import Columns
from python_jobs.ranking.explanations import Explanations, Past, explain
from python_jobs.ranking.similarity import similar_movies
from python_jobs.ranking.top_n import TopN, top_n_blocks
from python_jobs.ranking.variety import Variety

SIMILAR_PER_MOVIE = 20
"""Length of the list of similar movies."""
REASONS = np.array(["factors", "fold_in"], dtype=object)
"""Reasons of lists that are made from factors: of users as they were trained, and of folded-in
ones. Two objects, pointed at a million times: making as many strings took longer than inserting
everything else."""
NO_MOVIE = 0
"""``because_movie_id`` and ``strongest_movie_id`` where nothing that the user did explains a
recommendation."""


@dataclass(frozen=True)
class ListRules:
    """What lists are made by besides the model; as :class:`Ranked` has it."""

    top: int
    recommendable: Recommendable | None
    variety: Variety | None
    new: NewMovies | None
    cold_users: NDArray[np.uint64]


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
    popularity: Callable[[], NDArray[np.float32]]
    """Returns the share of the users who interacted with each movie (0–1); called only where a list
    is a popular one."""
    top: int
    """Length of the lists."""
    past: Past | None = None
    """What the features of transitions are made from; None where there are none."""
    recommendable: Recommendable | None = None
    """Which of the movies may be on whose list; None where all may, on everyone's."""
    variety: Variety | None = None
    """How far lists follow the genres of histories; None where they go by score alone."""
    new: NewMovies | None = None
    """Movies that nobody has seen and that have places of their own; None where there are none."""


def require_top(top: int, movies: int) -> None:
    """Refuse a list length that is not between 1 and the number of movies.

    Raises
    ------
    UserError
        If it is not.
    """
    if not 1 <= top <= movies:
        raise UserError(
            f"A list of {top} recommendations cannot be made from {movies:,} movies.",
            f"Give --top a number from 1 to {movies}.",
        )


def tables_of(
    ranked: Ranked, dataset: Dataset, phases: Phases, bar: Bar
) -> dict[str, Iterable[Columns]]:
    """Return the rows of each published table in blocks, made as they are consumed."""
    own = ranked.H.shape[0] - (0 if ranked.past is None else ranked.past.P.shape[1])
    return {
        "recommendations": recommendations(ranked, phases, bar),
        **tables_without_users(
            ranked.H, own, ranked.movie_ids, ranked.recommendable, dataset, phases
        ),
    }


def tables_without_users(
    H: NDArray[np.float32],
    own: int,
    movie_ids: NDArray[np.uint64],
    recommendable: Recommendable | None,
    dataset: Dataset,
    phases: Phases,
) -> dict[str, Iterable[Columns]]:
    """Return the rows of the published tables that no user has part in.

    Parameters
    ----------
    H, movie_ids, recommendable
        As :class:`Ranked` has them.
    own
        How many of the features are NMF's own; they come first.
    dataset, phases
        What the marts hold, and where time is counted.
    """
    shown = None if recommendable is None else recommendable.anywhere
    return {
        "similar_movies": phases.timed("similar", similar(H[:own], movie_ids, shown)),
        "movie_factors": movie_factors(H, movie_ids),
        "dataset_samples": dataset.rows(),
    }


def recommendations(ranked: Ranked, phases: Phases, bar: Bar) -> Iterator[Columns]:
    """Yield every user's list, and then the popular lists of those who have no factors."""
    has_factors = np.asarray(ranked.W.any(axis=1))
    shown = shown_to(ranked.recommendable, ranked.user_ids)
    blocks = top_n_blocks(
        ranked.W, ranked.H, ranked.matrix, ranked.top, shown=shown, variety=ranked.variety
    )
    for block in phases.timed("score", blocks):
        with phases.part("explain"):
            explained = explain(ranked.W, ranked.H, ranked.matrix, block, ranked.past)
        kept = has_factors[block.users]
        columns = listed(ranked, block, explained, kept)
        if ranked.new:
            rows = block.users[kept]
            columns = with_new_movies(
                columns, rows, ranked.W, ranked.user_ids, ranked.new, ranked.top
            )
        yield columns
        bar.advance(np.unique(block.users).size)
    yield from popular_lists(ranked, np.flatnonzero(~has_factors))


def listed(
    ranked: Ranked, block: TopN, explained: Explanations, kept: NDArray[np.bool_]
) -> Columns:
    """Return the kept rows of a block of lists, with ids in the place of indices."""
    users = block.users[kept]
    return {
        "user_id": ranked.user_ids[users],
        "movie_id": ranked.movie_ids[block.movies[kept]],
        "rank": block.ranks[kept],
        "score": block.scores[kept],
        "reason": REASONS[ranked.folded_in[users].astype(np.intp)],
        "because_movie_id": _movie_ids(ranked, explained.because[kept]),
        "strongest_movie_id": _movie_ids(ranked, explained.strongest[kept]),
    }


def _movie_ids(ranked: Ranked, columns: NDArray[np.int32]) -> NDArray[np.uint64]:
    # -1, no movie, reads the last one here and is overwritten.
    return np.where(columns >= 0, ranked.movie_ids[columns], np.uint64(NO_MOVIE))


def popular_lists(ranked: Ranked, rows: NDArray[np.int64]) -> Iterator[Columns]:
    """Yield what most users have seen, for the users without interactions and the given rows.

    Rows are of users whose factors are all zero, so that every movie scores the same: they have
    seen only what nothing was learned of. The score of a popular movie is its popularity.
    """
    user_ids = np.concatenate([ranked.user_ids[rows], ranked.cold_users])
    if not user_ids.size:
        return
    known = ranked.matrix[rows]
    empty_rows = np.full(ranked.cold_users.size, known.nnz)
    seen = csr_matrix(
        (known.data, known.indices, np.concatenate([known.indptr, empty_rows])),
        shape=(user_ids.size, ranked.movie_ids.size),
    )
    everyone, popularity = np.ones((user_ids.size, 1), np.float32), ranked.popularity()[np.newaxis]
    shown = shown_to(ranked.recommendable, user_ids)
    for block in top_n_blocks(everyone, popularity, seen, ranked.top, shown=shown):
        no_movies = np.full(block.users.size, NO_MOVIE, np.uint64)
        yield {
            "user_id": user_ids[block.users],
            "movie_id": ranked.movie_ids[block.movies],
            "rank": block.ranks,
            "score": block.scores,
            "reason": ["popular"] * block.users.size,
            "because_movie_id": no_movies,
            "strongest_movie_id": no_movies,
        }


def similar(
    H: NDArray[np.float32], movie_ids: NDArray[np.uint64], shown: NDArray[np.bool_] | None
) -> Iterator[Columns]:
    """Yield each movie's nearest movies in NMF's factor space: what is next to them, not next."""
    pairs = similar_movies(H, SIMILAR_PER_MOVIE, shown)
    yield {
        "movie_id": movie_ids[pairs.movies],
        "similar_movie_id": movie_ids[pairs.similar],
        "rank": pairs.ranks,
        "cosine": pairs.cosines,
    }


def movie_factors(H: NDArray[np.float32], movie_ids: NDArray[np.uint64]) -> Iterator[Columns]:
    """Yield H, one feature a block; a movie has no row for a feature in which it has no part."""
    for feature, weights in enumerate(H):
        movies = np.flatnonzero(weights)
        yield {
            "movie_id": movie_ids[movies],
            "feature": np.full(movies.size, feature, np.uint16),
            "weight": weights[movies],
        }
