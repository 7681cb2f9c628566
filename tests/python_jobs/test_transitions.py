"""Transitions against their definition, summed cut by cut in float64."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from python_jobs.errors import UserError
from python_jobs.evaluation.holdout import hold_out
from python_jobs.interactions.histories import places
from python_jobs.model import pasts
from python_jobs.model.factorization import factorize
from python_jobs.model.pasts import Histories, latest_pasts
from python_jobs.model.settings import Settings
from python_jobs.model.stacked import fit, fold_in_users, steps
from python_jobs.model.transitions import fit_transitions, sums_of_nexts, sums_of_pasts
from python_jobs.model.weighting import weigh
from python_jobs.ranking.explanations import Past, explain
from python_jobs.ranking.top_n import top_n_blocks

SETTINGS = Settings(
    max_components=4,
    recency=1.0,
    user_scaling=0.5,
    transition_rank=3,
    transition_weight=0.7,
    transition_memory=1.5,
    transition_long_memory=8.0,
    transition_long_share=0.3,
    transition_horizon=2.0,
    transition_shrinkage=0.02,
    transition_power=0.5,
    transition_iterations=20,
)
MOVIES = 12

History = tuple[csr_matrix, NDArray[np.int64]]


def some_histories(users: int, seed: int) -> History:
    """Return users of 1 to all movies, scores 1 to 5, and times of which many are the same."""
    random = np.random.default_rng(seed)
    seen = random.random((users, MOVIES)) < random.random((users, 1))
    seen[np.arange(users), random.integers(0, MOVIES, users)] = True
    matrix = csr_matrix((seen * random.integers(1, 6, seen.shape)).astype(np.float32))
    return matrix, random.integers(0, MOVIES, matrix.nnz).astype(np.int64)


def cuts(
    matrix: csr_matrix, timestamps: NDArray[np.int64], settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return X and Y, a row for each cut, and the last past of each user."""
    order = places(matrix.indptr, timestamps)
    X, Y, last = [], [], np.zeros(matrix.shape)
    for user in range(matrix.shape[0]):
        cells = slice(*matrix.indptr[user : user + 2])
        by_time = np.argsort(order[cells])
        movies = matrix.indices[cells][by_time]
        s = matrix.data[cells][by_time].astype(np.float64) ** settings.transition_power
        s /= s.mean()
        m = movies.size
        for j in range(1, m + 1):
            past, coming = np.zeros(MOVIES), np.zeros(MOVIES)
            for place in range(j):
                age = j - 1 - place
                kept = np.exp(-age / settings.transition_memory)
                kept += settings.transition_long_share * np.exp(
                    -age / settings.transition_long_memory
                )
                past[movies[place]] += s[place] * kept
            for place in range(j, m):
                coming[movies[place]] += s[place] * np.exp(
                    -(place - j) / settings.transition_horizon
                )
            if j < m:
                X.append(past)
                Y.append(coming)
            else:
                last[user] = past
    return np.array(X).reshape(-1, MOVIES), np.array(Y).reshape(-1, MOVIES), last


@effort(max_examples=40, deadline=None)
@given(
    users=st.integers(1, 6),
    k=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    memory=st.floats(0.2, 30),
    long_share=st.floats(0, 1),
    horizon=st.floats(0.2, 30),
    power=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_sums_are_those_over_every_cut(users, k, seed, memory, long_share, horizon, power) -> None:
    settings = dataclasses.replace(
        SETTINGS,
        transition_memory=memory,
        transition_long_share=long_share,
        transition_horizon=horizon,
        transition_power=power,
    )
    matrix, timestamps = some_histories(users, seed)
    X, Y, last = cuts(matrix, timestamps, settings)
    P, Q = (np.random.default_rng(seed).random((MOVIES, k), np.float32) for _ in range(2))
    histories = Histories.of(matrix, timestamps, settings)
    reached, gram = sums_of_pasts(histories, P)
    np.testing.assert_allclose(reached, Y.T @ X @ P, 1e-4, 1e-5)
    np.testing.assert_allclose(gram, X.T @ X @ P, 1e-4, 1e-5)
    np.testing.assert_allclose(sums_of_nexts(histories, Q), X.T @ Y @ Q, 1e-4, 1e-5)
    assert histories.nexts == pytest.approx((Y**2).sum())
    assert histories.ridge == pytest.approx(0.02 * (X**2).sum())
    found = latest_pasts(matrix, timestamps, settings)
    np.testing.assert_allclose(found.toarray(), last, 1e-4, 1e-5)


@pytest.fixture(scope="module")
def histories() -> History:
    return some_histories(40, seed=2)


def test_the_loss_is_what_it_is_said_to_be_and_never_rises(histories: History) -> None:
    X, Y, _ = cuts(*histories, SETTINGS)
    ridge = SETTINGS.transition_shrinkage * (X**2).sum()
    long = dataclasses.replace(SETTINGS, transition_iterations=60)
    losses = fit_transitions(*histories, long).losses
    assert len(losses) == 60
    assert np.diff(losses).max() <= 1e-6
    assert losses[-1] < losses[1] < 1
    for iterations in (1, 5, 59):
        fitted = fit_transitions(
            *histories, dataclasses.replace(SETTINGS, transition_iterations=iterations)
        )
        product = fitted.P.astype(np.float64) @ fitted.Q
        loss = ((Y - X @ product) ** 2).sum() + ridge * (product**2).sum()
        assert losses[iterations] == pytest.approx(loss / (Y**2).sum(), rel=1e-4)


def test_twice_the_data_is_the_same_model(histories: History) -> None:
    """Shrinkage is a share of the data, so that settings carry over."""
    matrix, timestamps = histories
    one = fit_transitions(matrix, timestamps, SETTINGS)
    two = fit_transitions(csr_matrix(vstack([matrix] * 2)), np.tile(timestamps, 2), SETTINGS)
    np.testing.assert_allclose(two.P @ two.Q, one.P @ one.Q, rtol=1e-3, atol=1e-5)


def test_seeds_are_averaged(histories: History) -> None:
    both = fit_transitions(*histories, dataclasses.replace(SETTINGS, transition_seeds=2))
    alone = [
        fit_transitions(*histories, dataclasses.replace(SETTINGS, random_state=seed))
        for seed in (42, 43)
    ]
    expected = np.mean([fitted.P.astype(np.float64) @ fitted.Q for fitted in alone], axis=0)
    assert both.P.shape == (MOVIES, 6)
    np.testing.assert_allclose(both.P @ both.Q, expected, rtol=1e-5, atol=1e-7)


def test_the_same_bits_on_any_number_of_threads(
    histories: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pasts, "CELLS_PER_PART", 30)
    assert len(Histories.of(*histories, SETTINGS).parts) > 4
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        found.append(fit_transitions(*histories, SETTINGS))
    assert found[0].P.tobytes() == found[1].P.tobytes()
    assert found[0].Q.tobytes() == found[1].Q.tobytes()
    monkeypatch.undo()
    whole = fit_transitions(*histories, SETTINGS)
    np.testing.assert_allclose(whole.P @ whole.Q, found[0].P @ found[0].Q, rtol=1e-3, atol=1e-5)


def test_without_transitions_it_is_nmf_to_the_bit(histories: History) -> None:
    for settings in (Settings(), dataclasses.replace(SETTINGS, transition_rank=0)):
        fitted, nmf = fit(*histories, settings), factorize(weigh(*histories, settings), settings)
        assert fitted.P is None
        assert fitted.W.tobytes() == nmf.W.tobytes() == fitted.of_nmf.tobytes()
        assert fitted.H.tobytes() == nmf.H.tobytes()


def test_a_stacked_score_is_the_weighted_mean_of_what_both_say(histories: History) -> None:
    fitted = fit(*histories, SETTINGS)
    assert fitted.P is not None
    assert min(part.min() for part in (fitted.W, fitted.H, fitted.P)) >= 0
    assert {part.dtype for part in (fitted.W, fitted.H, fitted.P)} == {np.dtype(np.float32)}
    nmf = factorize(weigh(*histories, SETTINGS), SETTINGS)
    transitions = fit_transitions(*histories, SETTINGS)
    _, _, last = cuts(*histories, SETTINGS)
    one = nmf.W.astype(np.float64) @ nmf.H
    other = last @ transitions.P @ transitions.Q
    norms = [np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other)]
    expected = (one + 0.7 * norms[0] * other / norms[1]) / 1.7
    np.testing.assert_allclose(fitted.W @ fitted.H, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fitted.of_nmf * 1.7, nmf.W, rtol=1e-5)


def test_a_user_of_whom_nmf_knows_nothing_has_the_order_alone(histories: History) -> None:
    fitted = fit(*histories, SETTINGS)
    H = np.vstack([np.zeros_like(fitted.H[:4]), fitted.H[4:]])
    W = fold_in_users(
        weigh(*histories, SETTINGS), latest_pasts(*histories, SETTINGS), H, fitted.P, SETTINGS
    )
    np.testing.assert_allclose(np.linalg.norm(W @ H, axis=1), 0.7 / 1.7, rtol=1e-4)


@pytest.mark.parametrize(
    ("setting", "large", "enough"),
    [("transition_power", 1000.0, 200.0), ("transition_weight", 1e300, 1e6)],
)
def test_a_large_power_or_weight_is_what_it_tends_to(
    histories: History, setting: str, large: float, enough: float
) -> None:
    """Only the best liked of a user's movies count then, or nothing but the order."""
    one, other = (
        fit(*histories, Settings.from_mapping(dataclasses.asdict(SETTINGS) | {setting: value}))
        for value in (large, enough)
    )
    np.testing.assert_allclose(one.W @ one.H, other.W @ other.H, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"transition_long_share": 1e300},
        {"transition_shrinkage": 1e300},
        {"score_power": 1000.0},
        {"recency": 1e300},
        {"alpha": 1e300},
    ],
    ids=str,
)
def test_settings_that_make_no_numbers_are_refused_in_words(histories: History, changes) -> None:
    with pytest.raises(UserError, match=next(iter(changes))):
        fit(*histories, dataclasses.replace(SETTINGS, **changes))


@pytest.mark.parametrize("since", [50, 138, 143, 150])
def test_a_past_that_has_faded_to_almost_nothing_is_as_loud_as_any(
    histories: History, since: int
) -> None:
    """Since they saw what the model knows, so many movies came that it does not know."""
    settings = dataclasses.replace(SETTINGS, transition_long_share=0.0)
    fitted = fit(*histories, settings)
    row = csr_matrix(np.ones((1, 1 + since), np.float32))
    past = latest_pasts(row, np.arange(1 + since), settings)[:, :MOVIES].toarray()
    past[:, 1:] = 0
    assert 0 < past[0, 0] < 1e-10
    seen = csr_matrix((np.ones(1, np.float32), ([0], [0])), shape=(1, MOVIES))
    W = fold_in_users(seen, csr_matrix(past), fitted.H, fitted.P, settings)
    assert np.isfinite(W).all()
    one, other = W[:, :4] @ fitted.H[:4], W[:, 4:] @ fitted.H[4:]
    assert np.linalg.norm(other) == pytest.approx(0.7 * np.linalg.norm(one), rel=1e-3)


def test_fold_in_of_a_trained_user_is_the_fits_own_encoding(histories: History) -> None:
    fitted = fit(*histories, dataclasses.replace(SETTINGS, max_iter=3000))
    folded = fold_in_users(
        weigh(*histories, SETTINGS),
        latest_pasts(*histories, SETTINGS),
        fitted.H,
        fitted.P,
        SETTINGS,
    )
    np.testing.assert_allclose(folded, fitted.W, atol=0.02 * fitted.W.max())
    # Transitions' part is the same product: what differs is how loud NMF's own fold-in is.
    ratio = folded[:, 4:] / np.maximum(fitted.W[:, 4:], 1e-12)
    for row, kept in zip(ratio, fitted.W[:, 4:] > 1e-3, strict=True):
        if kept.any():
            assert np.ptp(row[kept]) <= 1e-4 * row[kept].max()


def test_contributions_are_exact_and_sum_to_the_score(histories: History) -> None:
    """What transitions say of a movie is a sum over the history; NMF's share is as ever."""
    matrix, _ = histories
    fitted, weighed = fit(*histories, SETTINGS), weigh(*histories, SETTINGS)
    assert fitted.P is not None
    latest = latest_pasts(*histories, SETTINGS)
    (block,) = top_n_blocks(fitted.W, fitted.H, matrix, 6)
    explained = explain(fitted.W, fitted.H, weighed, block, Past(fitted.P, latest))
    H64, terms_of = fitted.H.astype(np.float64), latest.toarray().astype(np.float64)
    for row in range(0, block.users.size, 7):
        user, movie = block.users[row], block.movies[row]
        strengths = weighed[[user]].toarray()[0] * H64[:4]
        shares = strengths / np.maximum(strengths.sum(axis=1, keepdims=True), 1e-30)
        nmf = (fitted.W[user, :4] * H64[:4, movie]) @ shares
        encoded = terms_of[user] @ fitted.P
        scale = fitted.W[user, 4:].sum() / encoded.sum()
        contributions = nmf + scale * terms_of[user] * (fitted.P @ H64[4:, movie])
        assert contributions.min() >= 0
        assert contributions.sum() == pytest.approx(block.scores[row], rel=1e-4)
        strongest = explained.strongest[row]
        assert contributions[strongest] >= contributions.max() * (1 - 1e-4)


def test_the_movie_that_matters_for_this_recommendation_is_named() -> None:
    """Two planted steps, 0 → 1 and 2 → 3: whoever saw 0 and 2 is told which leads where."""
    rows = [[0, 1], [2, 3]] * 30 + [[0, 2]]
    times = [place for row in rows for place in range(len(row))]
    cells = (np.repeat(np.arange(len(rows)), 2), np.concatenate(rows))
    matrix = csr_matrix((np.ones(len(times), np.float32), cells), shape=(len(rows), 5))
    settings = Settings(1, transition_rank=4, transition_memory=20.0, transition_weight=9.0)
    fitted = fit(matrix, np.array(times), settings)
    assert fitted.P is not None
    (block,) = top_n_blocks(fitted.W, fitted.H, matrix, 2)
    latest = latest_pasts(matrix, np.array(times), settings)
    explained = explain(fitted.W, fitted.H, matrix, block, Past(fitted.P, latest))
    last = block.users == len(rows) - 1
    assert dict(
        zip(block.movies[last].tolist(), explained.strongest[last].tolist(), strict=True)
    ) == {1: 0, 3: 2}


def test_what_dies_out_in_the_fit_leaves_numbers() -> None:
    """One feature cannot hold two paths: the rarer one's P falls to 1e-44, and then to nothing."""
    rows = [[0, 1, 2]] * 40 + [[3, 4]] * 30 + [[3]]
    sizes = [len(row) for row in rows]
    cells = (np.repeat(np.arange(len(rows)), sizes), np.concatenate(rows))
    matrix = csr_matrix((np.ones(sum(sizes), np.float32), cells), shape=(len(rows), 5))
    times = np.concatenate([np.arange(size) for size in sizes])
    least = []
    for iterations in range(20, 32):
        settings = Settings(1, transition_rank=1, transition_iterations=iterations)
        fitted = fit(matrix, times, settings)
        assert fitted.P is not None
        assert np.isfinite(fitted.W).all()
        least.append(fitted.P[3, 0])
    assert any(0 < value < 1e-40 for value in least)


def test_direction_is_learned() -> None:
    """Everyone goes 0 → 1 → 2 from somewhere on: after 1 comes 2, and not 0."""
    rows = [[0, 1, 2], [0, 1, 2], [0, 1]] * 20 + [[1]]
    times = np.concatenate([np.arange(len(row)) for row in rows])
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    matrix = csr_matrix(
        (np.ones(times.size, np.float32), (users, np.concatenate(rows))), shape=(len(rows), 3)
    )
    settings = Settings(transition_rank=2, transition_shrinkage=0.0)
    fitted = fit_transitions(matrix, times, settings)
    scores = (latest_pasts(matrix, times, settings) @ fitted.P @ fitted.Q)[-1]
    assert scores[2] > 10 * scores[0]


def test_nothing_of_what_is_held_out_is_in_the_fit() -> None:
    """The future is planted: other movies, scores and times there change no bit of the fit."""
    random = np.random.default_rng(3)
    fits = []
    for future in (9, 10):
        scores, times = np.zeros((25, MOVIES), np.float32), np.zeros((25, MOVIES), np.int64)
        for user in range(25):
            seen = np.random.default_rng(user).permutation(8)[:5]
            scores[user, seen] = 1 + seen % 5
            times[user, seen] = np.arange(5)
            # Two of seven, the latest, are held out.
            scores[user, [future, 8]] = random.integers(1, 6, 2)
            times[user, [future, 8]] = 100 + random.permutation(2)
        matrix = csr_matrix(scores)
        split = hold_out(matrix, times[matrix.nonzero()])
        assert not np.isin(split.train.indices, [8, 9, 10]).any()
        fits.append(fit(split.train, split.train_timestamps, SETTINGS))
    one, other = fits
    assert one.P is not None
    assert other.P is not None
    assert one.W.tobytes() == other.W.tobytes()
    assert one.H.tobytes() == other.H.tobytes()
    assert one.P.tobytes() == other.P.tobytes()
    assert not one.H[4:, 8:].any()


def test_every_step_is_reported(histories: History) -> None:
    settings = dataclasses.replace(SETTINGS, ensemble_ranks=(2, 2), transition_seeds=3)
    reported: list[None] = []
    fit(*histories, settings, lambda: reported.append(None))
    assert len(reported) == steps(settings) == 2 + 3 * 20
    assert steps(Settings()) == 1
