"""Interactions to measure quality on: a MovieLens release's ratings, or the configured mart."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.dbt.project import DbtOptions
from python_jobs.interactions.mart import read_interactions
from python_jobs.movielens.source import Release
from python_jobs.warehouse.connection import open_warehouse

if TYPE_CHECKING:
    from python_jobs.movielens.formats import FileFormat

Interactions = tuple[csr_matrix, NDArray[np.int64]]
"""Scores (users × movies, sorted indices) and the time of each stored cell in milliseconds."""


def from_movielens(path: Path) -> Interactions:
    """Read a release's ratings, a directory or a zip, as the mart would score them.

    MovieLens has no watch events, so that with the default weights the score is the rating.
    """
    release = Release(path)
    (ratings,) = (file for file in release.files if file.table == "ratings")
    frames = [_frame(block.text, ratings) for block in release.blocks(ratings)]
    rows = pd.concat(frames).sort_values(["user", "movie", "time"])
    rows = rows[(rows["rating"] > 0) & (rows["rating"] <= 5)]
    rows = rows.drop_duplicates(["user", "movie"], keep="last")
    users, user = np.unique(rows["user"], return_inverse=True)
    movies, movie = np.unique(rows["movie"], return_inverse=True)
    starts = np.concatenate(([0], np.cumsum(np.bincount(user))))
    scores = rows["rating"].to_numpy(np.float32)
    shape = (users.size, movies.size)
    matrix = csr_matrix((scores, movie.astype(np.int32), starts), shape=shape)
    return matrix, rows["time"].to_numpy(np.int64) * 1000


def _frame(text: bytes, ratings: FileFormat) -> pd.DataFrame:
    separated = text.replace(ratings.separator.encode(), b"\t")
    names = ["user", "movie", "rating", "time"]
    return pd.read_csv(BytesIO(separated), sep="\t", header=None, names=names)


def from_warehouse() -> Interactions:
    """Read the mart of the dbt profile that is configured."""
    with open_warehouse(DbtOptions(None, None, None)) as warehouse:
        interactions = read_interactions(warehouse)
    return interactions.matrix, interactions.last_interacted_at
