"""The search, on interactions whose structure is planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.assessment import evaluate_settings
from python_jobs.evaluation.holdout import Holdout, hold_out
from python_jobs.model.members import scale_users
from python_jobs.model.settings import Settings
from python_jobs.tuning.judging import (
    HOPELESS,
    Judge,
    Trial,
    validation_splits,
    without_transitions,
)
from python_jobs.tuning.search import search
from python_jobs.tuning.search_space import SearchSpace, ensembles
from python_jobs.tuning.transition_space import TransitionSpace, finalists


@pytest.fixture(scope="module")
def split() -> Holdout:
    """Two hundred users of six tastes, each with movies of its own; nine in ten are to taste."""
    generator = np.random.default_rng(6)
    users, tastes, per_taste = 200, 6, 15
    matrix = np.zeros((users, tastes * per_taste), np.float32)
    for user in range(users):
        movies = generator.permutation(per_taste)[:10] + user % tastes * per_taste
        movies[:1] = generator.integers(0, tastes * per_taste)
        matrix[user, movies] = generator.integers(1, 6, movies.size)
    scores = csr_matrix(matrix)
    return hold_out(scores, generator.integers(0, 10**6, scores.nnz))


def test_the_search_finds_the_tastes(split: Holdout) -> None:
    """It starts from rank 1, which cannot tell tastes apart, and what it finds is better on the
    part that it has not seen."""
    start = Settings(max_components=1, max_iter=20, random_state=3)
    seen: list[Trial] = []
    found = search(
        {None: split.train},
        split.train_timestamps,
        "temporal",
        0.0,
        start=start,
        on_trial=seen.append,
    )
    assert seen == found.trials
    assert [trial.number for trial in seen] == [0, 1, 2, 3]
    assert seen[0].settings == start
    assert seen[1].settings.ensemble_ranks == ()
    assert len(seen[2].settings.ensemble_ranks) == 3
    assert [trial.settings.transition_rank > 0 for trial in seen] == [False] * 3 + [True]
    nmf = max(seen[:3], key=lambda trial: trial.ndcg).settings
    assert replace(seen[3].settings, **without_transitions()) == nmf
    assert all(trial.settings.random_state == 3 for trial in seen)
    assert found.best.ndcg == max(trial.ndcg for trial in seen)
    before, after = (
        evaluate_settings(settings, split).metrics["ndcg_at_10"]
        for settings in (start, found.best.settings)
    )
    assert after > 1.5 * before


def test_a_trial_is_judged_on_the_mean_of_the_validation_splits(split: Holdout) -> None:
    found = search({None: split.train}, split.train_timestamps, "random", 0.0, start=Settings(3))
    validations = validation_splits(split.train, split.train_timestamps, "random")
    expected = [evaluate_settings(Settings(3), part).metrics["ndcg_at_10"] for part in validations]
    assert found.trials[0].ndcg == pytest.approx(np.mean(expected))
    assert all(trial.settings.recency == 0 for trial in found.trials)


def cells(part: csr_matrix) -> set[tuple[int, int]]:
    users, movies = part.nonzero()
    return set(zip(users.tolist(), movies.tolist(), strict=True))


def test_validation_is_inside_the_training_part(split: Holdout) -> None:
    """The second temporal split is the fifth before the first; two random ones differ."""
    first, second = validation_splits(split.train, split.train_timestamps, "temporal")
    assert cells(first.test) | cells(first.train) == cells(split.train)
    assert cells(second.test) | cells(second.train) == cells(first.train)
    one, other = validation_splits(split.train, split.train_timestamps, "random")
    assert cells(one.test) | cells(one.train) == cells(other.test) | cells(other.train)
    assert cells(one.train) != cells(other.train)


def suggested(space: SearchSpace, count: int) -> list[Settings]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for point in space.starting_points():
        study.enqueue_trial(point)
    return [space.suggest(study.ask()) for _ in range(count)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(1, 4), (2, 9), (4, 3), (30, 20)])
def test_suggestions_fit_any_matrix(shape: tuple[int, int]) -> None:
    matrix = csr_matrix(np.random.default_rng(0).uniform(1, 5, shape).astype(np.float32))
    times: NDArray[np.int64] = np.arange(matrix.nnz)
    for settings in suggested(SearchSpace({None: matrix}, times, "temporal", Settings()), 12):
        assert 1 <= settings.max_components <= max(1, min(shape) - 1)
        assert settings.alpha > 0


def test_alpha_is_a_share_of_the_largest_singular_value() -> None:
    """With scikit-learn's factors, sqrt(alpha × movies × alpha × users) is what is taken off."""
    matrix = csr_matrix(np.random.default_rng(0).uniform(1, 5, (30, 20)).astype(np.float32))
    settings = Settings(user_scaling=0.5)
    space = SearchSpace({None: matrix}, np.arange(matrix.nnz), "temporal", Settings())
    scaled, _ = scale_users(matrix, settings)
    largest = np.linalg.svd(scaled.toarray(), compute_uv=False)[0]
    shrinkage = space.alpha(settings, 0.1) * np.sqrt(30 * 20) / largest
    assert shrinkage == pytest.approx(0.1, rel=1e-5)


def test_ensembles_are_of_the_best() -> None:
    singles = [Settings(rank, init="nndsvd") for rank in (20, 30, 40, 50)]
    made = list(ensembles(singles))
    assert [settings.ensemble_ranks for settings in made[:4]] == [
        (20, 20, 20),
        (30, 30, 30),
        (40, 40, 40),
        (10, 20, 40),
    ]
    assert all(settings.init == "random" for settings in made)
    assert all(50 not in settings.ensemble_ranks for settings in made)


def judge_of(split: Holdout) -> Judge:
    return Judge({None: validation_splits(split.train, split.train_timestamps, "temporal")})


STACKED = Settings(6, max_iter=30, transition_rank=8, transition_iterations=10)


def test_a_trial_with_transitions_is_judged_as_the_model_it_becomes(split: Holdout) -> None:
    """With the factorisation fitted before, or with the trial."""
    judge = judge_of(split)
    expected = [
        evaluate_settings(STACKED, part).metrics["ndcg_at_10"] for part in judge.splits[None]
    ]
    (before,) = judge.judge([STACKED])
    judge.keep(replace(STACKED, **without_transitions()))
    (after,) = judge.judge([STACKED])
    assert before.ndcg == after.ndcg == pytest.approx(np.mean(expected))


def test_what_is_hopeless_is_given_up_after_the_first_split(split: Holdout) -> None:
    judge = judge_of(split)
    good, again = judge.judge([Settings(6), Settings(6)])
    assert good.ndcg == again.ndcg
    (bad,) = judge.judge([Settings(1)])
    first = evaluate_settings(Settings(1), judge.splits[None][0]).metrics["ndcg_at_10"]
    assert bad.pruned
    assert bad.ndcg == first < HOPELESS * good.ndcg
    assert judge.ranked == [good, again, bad]


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_trials_are_the_same_on_any_number_of_threads(
    split: Holdout, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = [Settings(rank, max_iter=30) for rank in (6, 3, 1)] + [STACKED]
    found = []
    for threads in ("1", "4"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        judge = judge_of(split)
        judge.judge(candidates[:1])
        judge.judge(candidates)
        found.append([(t.number, t.settings, t.ndcg, t.pruned) for t in judge.trials])
    assert found[0] == found[1]


def test_no_trial_begins_after_the_end(split: Holdout) -> None:
    judged = judge_of(split).judge([Settings(2, max_iter=5), Settings(3, max_iter=5)], until=0.0)
    assert [trial.settings.max_components for trial in judged] == [2]


@pytest.mark.parametrize("movies", [1, 2, 30, 5000])
def test_transitions_fit_any_catalogue_and_begin_where_the_search_did(movies: int) -> None:
    known = Settings(transition_rank=60, transition_power=0.5, transition_weight=2.0)
    for start in (Settings(), known):
        space = TransitionSpace(movies, Settings(7, recency=1.0), start)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
        for point in space.starting_points():
            study.enqueue_trial(point)
        found = [space.suggest(study.ask()) for _ in range(6)]
        assert all(1 <= s.transition_rank <= max(1, min(120, movies - 1)) for s in found)
        assert all((s.max_components, s.recency) == (7, 1.0) for s in found)
        if movies > 60 and start is known:
            assert replace(found[0], **without_transitions()) == Settings(7, recency=1.0)
            assert found[0] == replace(known, max_components=7, recency=1.0)


def test_finalists_are_the_best_that_have_transitions() -> None:
    ranked = [Settings(5), *(replace(STACKED, max_components=k) for k in (9, 8, 7, 6))]
    made = list(finalists(ranked))
    assert [settings.max_components for settings in made] == [9, 8, 7]
    assert {settings.transition_seeds for settings in made} == {3}
