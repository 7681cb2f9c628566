"""Weights of interactions, against a loop over each user's history."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.model.settings import Settings
from python_jobs.model.weighting import weigh


@pytest.fixture(scope="module")
def scores() -> csr_matrix:
    generator = np.random.default_rng(8)
    cells = np.where(generator.random((9, 14)) < 0.4, generator.uniform(0.5, 6.0, (9, 14)), 0)
    return csr_matrix(cells.astype(np.float32))


@pytest.fixture(scope="module")
def times(scores: csr_matrix) -> NDArray[np.int64]:
    """Few enough that many are equal."""
    return np.random.default_rng(9).integers(0, 4, scores.nnz)


@pytest.mark.parametrize(("power", "recency"), [(1.0, 1.5), (0.0, 0.0), (2.0, 0.5)])
def test_weights_by_a_loop(
    scores: csr_matrix, times: NDArray[np.int64], power: float, recency: float
) -> None:
    weighed = weigh(scores, times, Settings(score_power=power, recency=recency))
    for user in range(scores.shape[0]):
        cells = range(scores.indptr[user], scores.indptr[user + 1])
        for cell in cells:
            this = (times[cell], scores.indices[cell])
            later = sum((times[other], scores.indices[other]) > this for other in cells)
            expected = scores.data[cell] ** power * math.exp(-recency * later / len(cells))
            assert weighed.data[cell] == pytest.approx(expected, rel=1e-5)
    assert weighed.dtype == np.float32
    assert weighed.data.min() > 0


def test_the_defaults_leave_scores_as_they_are(
    scores: csr_matrix, times: NDArray[np.int64]
) -> None:
    assert weigh(scores, times, Settings()) is scores


def test_a_user_is_weighed_the_same_alone(scores: csr_matrix, times: NDArray[np.int64]) -> None:
    settings = Settings(score_power=0.5, recency=2.0)
    cells = slice(scores.indptr[3], scores.indptr[4])
    alone = weigh(scores[3], times[cells], settings)
    np.testing.assert_array_equal(alone.data, weigh(scores, times, settings).data[cells])
