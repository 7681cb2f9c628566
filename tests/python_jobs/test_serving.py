"""One user's list, live: who gets one, and what is looked up for it."""

from __future__ import annotations

import numpy as np
import pytest

from python_jobs.errors import UserError
from python_jobs.interactions.mart import read_interactions
from python_jobs.interactions.popularity import popularity_in, popularity_of
from python_jobs.jobs import recommend as recommend_job
from python_jobs.jobs.recommend import recommend
from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings
from python_jobs.tracking.record import ModelRecord, Summary
from python_jobs.tracking.registry import RegisteredModel, Version
from python_jobs.warehouse.connection import Warehouse

SETTINGS = Settings(3, max_iter=20)
GONE = 10**6


@pytest.fixture(scope="module")
def model(warehouse: Warehouse) -> RegisteredModel:
    """A model of the sample, and of a user with weights who has left it since."""
    interactions = read_interactions(warehouse)
    fitted = factorize(interactions.matrix, SETTINGS)
    record = ModelRecord(
        W=np.vstack([fitted.W, fitted.W[:1]]),
        H=fitted.H,
        user_ids=np.append(interactions.user_ids, np.uint64(GONE)),
        movie_ids=interactions.movie_ids,
        fingerprints=np.append(interactions.fingerprints, np.uint64(1)),
        summary=Summary(SETTINGS, {}, {}),
    )
    return RegisteredModel(Version("dataflix-nmf", "1", "a" * 32), record)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every scan of the mart for what is popular."""
    scans: list[int] = []

    def counting(warehouse: Warehouse, movie_ids: np.ndarray) -> np.ndarray:
        scans.append(movie_ids.size)
        return popularity_in(warehouse, movie_ids)

    monkeypatch.setattr(recommend_job, "popularity_in", counting)
    return scans


def user_with(warehouse: Warehouse, interactions: bool) -> int:
    where = "movie_count > 0" if interactions else "movie_count = 0"
    users = warehouse.project.model("mart_users")
    return warehouse.number(f"select min(user_id) from {users} where {where}")


def test_what_is_popular_is_not_looked_up_for_a_list_of_factors(warehouse, model, counted) -> None:
    listed = recommend(warehouse, model, user_with(warehouse, interactions=True), 5)
    assert {movie.reason for movie in listed} == {"factors"}
    assert counted == []


def test_it_is_for_a_user_without_interactions(warehouse, model, counted) -> None:
    listed = recommend(warehouse, model, user_with(warehouse, interactions=False), 5)
    assert {movie.reason for movie in listed} == {"popular"}
    assert counted == [model.record.H.shape[1]]


@pytest.mark.parametrize("user", [GONE, GONE + 1])
def test_a_user_whom_no_mart_knows_is_an_error_whatever_the_model_has(
    warehouse, model, user: int
) -> None:
    with pytest.raises(UserError, match=f"User {user} has no interactions, and is not among"):
        recommend(warehouse, model, user, 5)


def test_popularity_is_the_same_from_the_matrix_and_from_the_mart(warehouse) -> None:
    interactions = read_interactions(warehouse)
    movie_ids = np.append(interactions.movie_ids, np.uint64(GONE))
    in_mart = popularity_in(warehouse, movie_ids)
    assert in_mart.dtype == np.float32
    assert in_mart.tolist() == [*popularity_of(interactions.matrix).tolist(), 0.0]
    assert 0 < in_mart[:-1].min() < in_mart.max() <= 1
