"""scikit-learn's coordinate descent for NMF, on all cores, with the same bits.

An iteration has two halves: W is improved given H, row by row, and then H given W. All that either
takes of the matrix is a product, V Hᵀ and Vᵀ W.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.cells import Cells, padded, padded_zeros
from python_jobs.model.descent_kernel import descend, total

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Together = Callable[[Iterable[Callable[[], Any]]], list[Any]]
"""Does pieces of work side by side, and returns what they return."""

TOLERANCE = 1e-4
"""Share of the first violation at which scikit-learn's solver ends."""


@dataclass(frozen=True)
class Descended:
    """Where the descent ended."""

    W: Floats
    """Users × k."""
    H: Floats
    """k × movies."""
    iterations: int
    """At least 1."""
    error: float
    """The Frobenius norm of V - W × H, in float64: what scikit-learn has in float32."""


def descended(matrix: csr_matrix, W: Floats, H: Floats, max_iter: int, alpha: float) -> Descended:
    """Go on from W and H as ``sklearn.decomposition.NMF(solver="cd")`` does.

    Parameters
    ----------
    matrix
        V, float32 CSR with sorted indices, users × movies, non-negative.
    W, H
        Where it begins, float32, users × k and k × movies, non-negative.
    max_iter
        Iterations at most, from 1.
    alpha
        As ``alpha_W``, from 0.
    """
    users, movies = matrix.shape
    k = W.shape[1]
    cells = Cells.of(matrix)
    of_users, of_movies = padded(W), padded(H.T)
    user_sums, movie_sums = padded_zeros(users, k), padded_zeros(movies, k)
    slopes, movie_slopes = np.empty((k, users), np.float32), np.empty((k, movies), np.float32)
    with working_together(cells.threads) as together:
        first = 0.0
        for iteration in range(1, max_iter + 1):
            gram = ridged(gram_of(of_movies, k), alpha * movies)
            together(user_halves(cells, of_users, of_movies, gram, user_sums, slopes))
            movie_sums[:] = 0
            beside: list[Callable[[], Any]] = [
                partial(gram_of, of_users, k),
                partial(total, slopes),
            ]
            gram, violation, *_ = together([*beside, *cells.movie_sums(of_users, movie_sums)])
            descend(of_movies, ridged(gram, alpha * users), movie_sums, movie_slopes, 0)
            violation += total(movie_slopes)
            first = violation if iteration == 1 else first
            # In scikit-learn's words: the first may be 0, and then there is nothing to divide by.
            if first == 0 or violation / first <= TOLERANCE:
                break
        together(partial(cells.add_up_users, span, of_movies, user_sums) for span in cells.spans)
    W, Ht = np.ascontiguousarray(of_users[:, :k]), of_movies[:, :k]
    error = _error(cells.rows.data, W, Ht, user_sums[:, :k])
    return Descended(W, np.ascontiguousarray(Ht.T), iteration, error)


def user_halves(
    cells: Cells, W: Floats, Ht: Floats, gram: Floats, sums: Floats, slopes: Floats
) -> Iterator[Callable[[], None]]:
    """Yield the pieces of work that improve W, given H.

    Parameters
    ----------
    cells
        V.
    W, Ht
        Factors of users and of movies, padded.
    gram
        HHᵀ with its ridge, k × k.
    sums
        Filled with V × Ht, padded.
    slopes
        Filled with the sizes of the projected gradients, k × users.
    """

    def improve(span: slice) -> None:
        cells.add_up_users(span, Ht, sums)
        descend(W[span], gram, sums[span], slopes, span.start)

    for span in cells.spans:
        yield partial(improve, span)


def gram_of(factors: Floats, k: int) -> Floats:
    """Return factorsᵀ × factors of padded ones, k × k."""
    return np.array(factors[:, :k].T @ factors[:, :k], order="C")


def ridged(gram: Floats, ridge: float) -> Floats:
    """Return a gram matrix with the ridge, from 0, added to its diagonal."""
    gram = np.array(gram, np.float32, order="C")
    if ridge:
        gram.flat[:: gram.shape[0] + 1] += ridge
    return gram


@contextmanager
def working_together(threads: int) -> Iterator[Together]:
    """Keep threads, that many, for the length of a ``with`` block."""
    if threads < 2:
        yield lambda pieces: [piece() for piece in pieces]
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="descent") as pool:
        yield lambda pieces: list(pool.map(lambda piece: piece(), pieces))


def _error(data: Floats, W: Floats, Ht: Floats, sums: Floats) -> float:
    """Return the Frobenius norm of V - W × H; ``sums`` are V × Ht."""
    stored = float(np.einsum("c,c->", data, data, dtype=np.float64))
    cross = float(np.einsum("uf,uf->", W, sums, dtype=np.float64))
    grams = [tall.T @ tall for tall in (W.astype(np.float64), Ht.astype(np.float64))]
    return float(np.sqrt(max(0.0, stored + np.sum(grams[0] * grams[1]) - 2 * cross)))
