"""Places of a list that are kept for movies that nobody has seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.interactions.recommendable import Recommendable
from python_jobs.publishing.shown import shown_to
from python_jobs.publishing.staging import Columns
from python_jobs.ranking.top_n import top_n_blocks

NEW = "new"
"""``reason`` of a movie that nobody has seen."""
NEARLY = 1e-9
"""A tenth is a little more in binary: what is short of a whole place by less is one."""


@dataclass(frozen=True)
class NewMovies:
    """Movies that a model knows from what they are, and how much of a list is theirs."""

    movie_ids: NDArray[np.uint64]
    H: NDArray[np.float32]
    """Their factors, k × new movies."""
    share: float
    """Of the first n places of a list, ``floor(share × n)`` are for them: 0 to 1."""
    recommendable: Recommendable | None = None
    """Which of them may be on whose list; None where all may, on everyone's."""

    def places(self, top: int) -> NDArray[np.int64]:
        """Return their places in a list of ``top``, 1 for the first.

        >>> NewMovies(np.empty(0, np.uint64), np.empty((1, 0), np.float32), 0.25).places(10)
        array([4, 8])
        """
        count = floor(top * self.share + NEARLY)
        return np.array([ceil(j / self.share - NEARLY) for j in range(1, count + 1)], np.int64)


def with_new_movies(
    columns: Columns,
    rows: NDArray[np.int32],
    W: NDArray[np.float32],
    user_ids: NDArray[np.uint64],
    new: NewMovies,
    top: int,
) -> Columns:
    """Return lists with each user's best new movies at the places that are kept for them.

    What was there moves down, and off the end of a list that is full. A user to whom fewer new
    movies may be shown has the others in their places.

    Parameters
    ----------
    columns
        Rows of ``ml.recommendations``, by user and rank.
    rows
        Row of W of the user of each of them, ascending.
    W, user_ids
        The users' factors, users × k, and ids.
    new
        The new movies.
    top
        Length of the lists.
    """
    places = new.places(top)
    if not (places.size and new.movie_ids.size and rows.size):
        return columns
    added = _best(np.unique(rows), W, user_ids, new, places.size)
    others = np.setdiff1d(np.arange(1, top + places.size + 1), places)
    old_ranks = np.asarray(columns["rank"], np.int64)
    users = np.concatenate([rows, added["rows"]])
    keys = np.concatenate([others[old_ranks - 1], places[added["ranks"] - 1]])
    order = np.lexsort((keys, users))
    starts = np.flatnonzero(np.diff(users[order], prepend=-1))
    lengths = np.diff(starts, append=order.size)
    ranks = np.arange(order.size) - np.repeat(starts, lengths) + 1
    order, ranks = order[ranks <= top], ranks[ranks <= top]
    count = added["rows"].size
    of_new: dict[str, Any] = {
        "user_id": user_ids[added["rows"]],
        "movie_id": new.movie_ids[added["movies"]],
        "score": added["scores"],
        "reason": np.full(count, NEW, object),
        # Nothing that the user did is near to it but by what it is.
        "because_movie_id": np.zeros(count, np.uint64),
        "strongest_movie_id": np.zeros(count, np.uint64),
    }
    return {
        name: ranks.astype(np.uint16)
        if name == "rank"
        else np.concatenate([values, of_new[name]])[order]
        for name, values in columns.items()
    }


def _best(
    rows: NDArray[np.int32],
    W: NDArray[np.float32],
    user_ids: NDArray[np.uint64],
    new: NewMovies,
    n: int,
) -> dict[str, NDArray[Any]]:
    """Return the best n new movies of each user that may be shown to them, as columns."""
    factors = np.ascontiguousarray(W[rows])
    nothing = (np.empty(0, np.float32), (np.empty(0, np.intp), np.empty(0, np.intp)))
    unseen = csr_matrix(nothing, shape=(rows.size, new.movie_ids.size))
    shown = shown_to(new.recommendable, user_ids[rows])
    (block,) = top_n_blocks(factors, new.H, unseen, n, rows.size, shown)
    return {
        "rows": rows[block.users],
        "movies": block.movies,
        "ranks": block.ranks,
        "scores": block.scores,
    }
