"""Whose factors are those of the fit, and whose are folded in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from python_jobs.interactions.columns import Interactions
from python_jobs.jobs.user_factors import UserFactors, aligned, user_factors
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.settings import Settings
from python_jobs.model.stacked import fit, fold_in_users
from python_jobs.model.weighting import weigh
from python_jobs.tracking.record import ModelRecord, Summary
from python_jobs.tracking.registry import RegisteredModel, Version

NMF = Settings(4, recency=1.0, user_scaling=0.5)
TRANSITIONS = replace(NMF, transition_rank=3, transition_power=1.0)
USERS, MOVIES = 30, 20


@pytest.fixture(scope="module")
def interactions() -> Interactions:
    random = np.random.default_rng(5)
    seen = random.random((USERS, MOVIES)) < 0.4
    matrix = csr_matrix((seen * random.integers(1, 6, seen.shape)).astype(np.float32))
    return Interactions(
        matrix=matrix,
        user_ids=np.arange(USERS, dtype=np.uint64) * 3,
        movie_ids=np.arange(MOVIES, dtype=np.uint64) * 5,
        last_interacted_at=random.permutation(matrix.nnz).astype(np.int64),
        scores={None: matrix.data},
        fingerprints=random.integers(0, 2**63, USERS, dtype=np.uint64),
        relation="scratch.mart",
    )


@pytest.fixture(scope="module", params=[NMF, TRANSITIONS], ids=["nmf", "transitions"])
def model(request, interactions: Interactions) -> RegisteredModel:
    fitted = fit(interactions.matrix, interactions.last_interacted_at, request.param)
    record = ModelRecord(
        W=fitted.W,
        H=fitted.H,
        user_ids=interactions.user_ids,
        movie_ids=interactions.movie_ids,
        fingerprints=interactions.fingerprints,
        summary=Summary(request.param, {}, {}),
        P=fitted.P,
    )
    return RegisteredModel(Version("dataflix-nmf", "1", "a" * 32), record)


def factors_of(interactions: Interactions, model: RegisteredModel) -> UserFactors:
    return user_factors(interactions, model, model.record.summary.settings)


def of_one(interactions: Interactions, user: int) -> Interactions:
    """Return one user's interactions, with no movies but the user's."""
    cells = slice(*interactions.matrix.indptr[user : user + 2])
    movies = interactions.matrix.indices[cells]
    return replace(
        interactions,
        matrix=csr_matrix(interactions.matrix.data[cells][np.newaxis]),
        user_ids=interactions.user_ids[[user]],
        movie_ids=interactions.movie_ids[movies],
        last_interacted_at=interactions.last_interacted_at[cells],
        fingerprints=interactions.fingerprints[[user]],
    )


def test_who_has_not_changed_has_the_row_of_the_fit(interactions, model) -> None:
    factors = factors_of(interactions, model)
    assert not factors.folded_in.any()
    assert factors.W.tobytes() == model.record.W.tobytes()


def test_who_came_or_changed_is_folded_in(interactions, model) -> None:
    """The first user is new, having done what the next one did; the last one has changed."""
    fingerprints, user_ids = interactions.fingerprints.copy(), interactions.user_ids.copy()
    fingerprints[-1] += np.uint64(1)
    user_ids[0], fingerprints[0] = 1, fingerprints[1]
    changed = replace(interactions, fingerprints=fingerprints, user_ids=user_ids)
    factors = factors_of(changed, model)
    assert np.flatnonzero(factors.folded_in).tolist() == [0, USERS - 1]
    settings, P, who = model.record.summary.settings, model.record.P, [0, USERS - 1]
    matrix, times = interactions.matrix, interactions.last_interacted_at
    pasts = latest_pasts(matrix, times, settings)[who]
    rows = weigh(matrix, times, settings)[who]
    expected = fold_in_users(rows, pasts, model.record.H, P, settings)
    assert factors.W[[0, USERS - 1]].tobytes() == expected.tobytes()
    assert factors.W[1:-1].tobytes() == model.record.W[1:-1].tobytes()


@pytest.mark.parametrize("changed", [False, True])
def test_a_user_alone_is_as_among_the_others(interactions, model, changed: bool) -> None:
    """`recommend` sees one user and that user's movies, `score` all of them."""
    if changed:
        interactions = replace(interactions, fingerprints=interactions.fingerprints + np.uint64(1))
    together = factors_of(interactions, model)
    for user in range(USERS):
        alone = factors_of(of_one(interactions, user), model)
        assert alone.W.tobytes() == together.W[user].tobytes()
        assert alone.folded_in.tolist() == [changed]
        assert alone.matrix.toarray().tolist() == together.matrix[[user]].toarray().tolist()
        assert (alone.past is None) == (together.past is None)
        if together.past and alone.past:
            of_user = together.past.latest[[user]].toarray()
            assert alone.past.latest.toarray().tobytes() == of_user.tobytes()


def test_a_model_of_the_first_release_is_folded_in_whole(interactions, model) -> None:
    """Its fingerprints are of another formula; what is folded in is what was fitted."""
    old = replace(model.record, fingerprints=np.arange(USERS, dtype=np.uint64))
    factors = factors_of(interactions, replace(model, record=old))
    assert factors.folded_in.all()
    np.testing.assert_allclose(factors.W, model.record.W, atol=0.02 * model.record.W.max())


def test_movies_that_the_model_does_not_know_are_left_out() -> None:
    matrix = csr_matrix(np.array([[1, 2, 0, 3], [0, 0, 4, 0]], np.float32))
    have, want = np.array([2, 3, 5, 9], np.uint64), np.array([1, 3, 9, 12], np.uint64)
    assert aligned(matrix, have, want).toarray().tolist() == [[0, 2, 3, 0], [0, 0, 0, 0]]
    assert aligned(matrix, have, have) is matrix
