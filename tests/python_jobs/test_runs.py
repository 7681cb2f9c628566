"""What runs are called, and what `python_jobs runs` shows in one column."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from python_jobs.commands.run_screens import show_runs
from python_jobs.evaluation.holdout import Protocol
from python_jobs.interactions.stamp import Stamp
from python_jobs.jobs import recording
from python_jobs.jobs.naming import fit_params, score_weights, train_name, tune_name
from python_jobs.jobs.options import Origin
from python_jobs.model.settings import Settings
from python_jobs.publishing.history import PublishedRun
from tests.python_jobs.publishing_data import run_of

SHAPE = (300, 200)


@pytest.mark.parametrize(
    ("settings", "origin", "name"),
    [
        (Settings(), Origin(), "train k=10"),
        (Settings(500), Origin("", {"max_components": 500}), "train k=199"),
        (Settings(6, alpha=0.5), Origin("", {"alpha": 0.5}), "train k=6, alpha=0.5"),
        (Settings(ensemble_ranks=(3, 4)), Origin("", {"ensemble_ranks": (3, 4)}), "train k=3+4"),
        (Settings(6), Origin("v4"), "train like v4"),
        (Settings(8), Origin("v4", {"max_components": 8}), "train like v4, max_components=8"),
    ],
)
def test_a_training_is_named_by_what_it_was(settings, origin, name):
    assert train_name(settings, origin, SHAPE) == name


def test_a_search_is_named_by_where_it_begins():
    assert tune_name(Origin()) == "tune"
    assert tune_name(Origin("v4", {"alpha": 0.5})) == "tune like v4, alpha=0.5"


@pytest.mark.parametrize(
    ("settings", "mart", "words"),
    [
        (Settings(), (1.0, 0.5), "1 × rating + 0.5 × watched"),
        (Settings(), None, "the mart's"),
        (Settings(watched_weight=2.0), (1.0, 0.5), "1 × rating + 2 × watched"),
        (Settings(score_power=0.5, recency=1.5), None, "(the mart's) ^ 0.5, recency 1.5"),
    ],
)
def test_the_unit_of_the_errors_is_said(settings, mart, words):
    assert score_weights(settings, mart) == words


def test_of_two_bounds_of_the_rank_only_the_one_that_counted_is_logged():
    single = fit_params(Settings(6), Stamp())
    assert single["max_components"] == 6
    assert "ensemble_ranks" not in single
    assert [name for name in single if "transition" in name] == ["transition_rank"]
    stacked = fit_params(Settings(6, transition_rank=2), Stamp())
    assert stacked["transition_memory"] == 5.0
    several = fit_params(Settings(6, ensemble_ranks=(10, 20)), Stamp())
    assert "max_components" not in several
    assert several["ensemble_ranks"] == (10, 20)


@pytest.mark.parametrize(("protocol", "prefix"), [("temporal", ""), ("random", "random_")])
def test_what_is_held_out_at_random_is_in_a_column_of_its_own(protocol: Protocol, prefix):
    fitted: Any = SimpleNamespace(iterations=3, converged=True)
    assessment: Any = SimpleNamespace(metrics=lambda: {"ndcg_at_10": 0.5})
    metrics = recording.fit_metrics({"rmse": 1.0}, fitted, assessment, protocol)
    assert metrics[f"{prefix}ndcg_at_10"] == 0.5
    assert set(metrics) == {"rmse", "iterations", "converged", f"{prefix}ndcg_at_10"}


def published(run_id: str, dataset: str, weights: str, **changes) -> PublishedRun:
    run = replace(
        run_of(run_id, version="7"),
        dataset_id=dataset,
        dataset_label="shop" if dataset == "1111aaaa" else "",
        params={"n_components": "6", "score_weights": weights, "made_by": f"train {run_id[:2]}"},
        metrics={"rmse": 1.5, "ndcg_at_10": 0.25},
        recommendations=60,
    )
    facts = {"first_published_ms": 0, "published_ms": 86_400_000, "current": False, "kept": True}
    return PublishedRun(**{**vars(run), **facts, **changes})


def test_what_cannot_be_compared_is_not_in_one_table(capsys):
    one, two = "1 × rating + 1 × watched", "1 × rating + 2 × watched"
    show_runs(
        [
            published("aaaaaaaa1" + 23 * "0", "1111aaaa", one, current=True),
            published("bbbbbbbb1" + 23 * "0", "1111aaaa", two),
            published("aaaaaaaa2" + 23 * "0", "1111aaaa", one, kept=False),
            published("cccccccc1" + 23 * "0", "2222bbbb", one),
        ]
    )
    tables = capsys.readouterr().out.split("Data set ")
    assert [table.splitlines()[0].strip() for table in tables[1:]] == [
        f"shop (1111aaaa), score {one}",
        f"shop (1111aaaa), score {two}",
        f"2222bbbb, score {one}",
    ]
    # Where eight digits do not tell two runs apart, all have one more.
    rows = [line.split() for line in tables[1].splitlines() if "aaaaaaaa" in line]
    day = ["1970-01-01", "00:00", "1970-01-02", "00:00"]
    assert rows == [
        ["current", "aaaaaaaa1", "train", "aa", *day, "7", "6", "1.5000", "0.2500", "60"],
        ["dropped", "aaaaaaaa2", "train", "aa", *day, "7", "6", "1.5000", "0.2500", "60"],
    ]
    assert "bbbbbbbb1" in tables[2]
    for word in ("current: what readers get", "kept: its lists", "dropped: its lists are gone"):
        assert word in tables[3]


def test_a_model_is_logged_without_a_look_at_every_installed_package(tmp_path, monkeypatch):
    import importlib_metadata
    from sklearn.decomposition import NMF

    from python_jobs.tracking.quiet_mlflow import mlflow

    looked: list[str] = []

    def look() -> dict[str, list[str]]:
        looked.append("at all")
        return {}

    monkeypatch.setattr(importlib_metadata, "packages_distributions", look)
    monkeypatch.setattr("mlflow.utils.requirements_utils._MODULES_TO_PACKAGES", None)
    model = NMF(1).fit(np.ones((2, 2)))
    told = {"serialization_format": "skops", "pip_requirements": ["numpy"]}
    mlflow.sklearn.save_model(model, str(tmp_path / "model"), **told)
    assert not looked
    assert "numpy" in (tmp_path / "model/requirements.txt").read_text()
