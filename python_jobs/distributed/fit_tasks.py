"""What a worker does for a fit besides the half steps: pure functions of a partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from python_jobs.distributed.half_steps import (
    Moved,
    Sums,
    movie_step,
    sums_of,
    times,
    user_step,
)
from python_jobs.distributed.start import (
    Piece,
    State,
    pieces,
    start_of_movies,
    start_of_users,
)
from python_jobs.model.cells import Cells
from python_jobs.model.members import scale_users, stack_users
from python_jobs.model.settings import Settings
from python_jobs.model.weighting import require_finite

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]


class Size(NamedTuple):
    """How much a partition holds."""

    users: int
    cells: int


@dataclass(frozen=True)
class Prepared:
    """A partition as all iterations of a fit need it."""

    V: Cells
    """Scaled scores."""
    cells: Floats
    """All of them, in order."""
    norms: Floats | None
    """What each user's scores were divided by; None where they were not."""


@dataclass(frozen=True)
class Start:
    """What a partition's W is drawn from."""

    state: State
    users: int
    k: int
    scale: np.float32


@dataclass(frozen=True)
class Errors:
    """Sums of which the distance of a model from the matrix is made, in float64."""

    squares: float
    cross: float
    WtW: NDArray[np.float64]

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.squares + other.squares, self.cross + other.cross, self.WtW + other.WtW)


def size_of(matrix: csr_matrix) -> Size:
    """Return how much a matrix holds."""
    return Size(matrix.shape[0], matrix.nnz)


def prepared(matrix: csr_matrix, settings: Settings) -> Prepared:
    """Scale each user's weighed scores, and share its cells out for the products."""
    scaled, norms = scale_users(matrix, settings)
    return Prepared(Cells.of(scaled), scaled.data, norms)


def mean_pieces(part: Prepared, first: int, total: int, users: int, movies: int) -> list[Piece]:
    """Return the partition's part of the mean; see :func:`python_jobs.distributed.start.pieces`."""
    return pieces(part.cells, first, total, users, movies)


def started(start: Start) -> Moved:
    """Return the partition's W before the first iteration, users × k."""
    return Moved(start_of_users(start.state, start.users, start.k, start.scale))


def movies_started(seed: int, k: int, movies: int, scale: np.float32) -> Moved:
    """Return Hᵀ before the first iteration, movies × k."""
    return Moved(start_of_movies(seed, k, movies, scale))


def gone_on(factors: Floats) -> Moved:
    """Return factors that were kept: a task, which can be done again."""
    return Moved(factors)


def users_step(part: Prepared, users: Moved, movies: Moved, ridge: float) -> Moved:
    """Return the partition's new W; see :func:`user_step`."""
    return user_step(part.V, users.factors, movies.factors, ridge)


def part_sums(part: Prepared, users: Moved) -> Sums:
    """Return the partition's part of the sums; see :func:`sums_of`."""
    return sums_of(part.V, users)


def movies_step(movies: Moved, sums: Sums, ridge: float) -> Moved:
    """Return the movies' new factors; see :func:`movie_step`."""
    return movie_step(movies.factors, sums, ridge)


def violation_of(movies: Moved) -> float:
    """Return how far both halves were from the best."""
    return movies.violation


def errors_of(part: Prepared, users: Moved, movies: Moved) -> Errors:
    """Return the partition's part of the distance of one member from the scaled scores."""
    cells, W = part.cells.astype(np.float64), users.factors.astype(np.float64)
    cross = float(np.sum(times(part.V, movies.factors).astype(np.float64) * W))
    return Errors(float(cells @ cells), cross, W.T @ W)


def stacked(part: Prepared, settings: Settings, *members: Moved) -> Floats:
    """Return the partition's rows of the whole model, users × k.

    Raises
    ------
    UserError
        If the settings made numbers that are too large to count with.
    """
    W = [member.factors for member in members]
    require_finite(settings, *W)
    return stack_users(W, part.norms)
