"""The search, on interactions whose structure is planted."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.assessment import evaluate_settings
from python_jobs.evaluation.holdout import Holdout, hold_out
from python_jobs.model.factorization import scale_users
from python_jobs.model.settings import Settings
from python_jobs.tuning.search import Trial, search, validation_splits
from python_jobs.tuning.search_space import SearchSpace, ensembles


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
    assert [trial.number for trial in seen] == [0, 1, 2]
    assert seen[0].settings == start
    assert seen[1].settings.ensemble_ranks == ()
    assert len(seen[2].settings.ensemble_ranks) == 3
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
