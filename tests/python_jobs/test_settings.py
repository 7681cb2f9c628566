"""What settings can be, and what they say where they cannot."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from python_jobs.errors import UserError
from python_jobs.model.settings import Settings

NAN, INFINITY = float("nan"), float("inf")
IMPOSSIBLE: dict[str, list[Any]] = {
    "max_components": [0, -3, 2.5, "10", None, True],
    "max_iter": [0, NAN],
    "random_state": [-1, 2**32, 0.0, False],
    "init": ["custom", "zeros", None],
    "alpha": [-1, -0.001, NAN, INFINITY, "0"],
    "watched_weight": [0, -2.0, NAN, INFINITY],
    "score_power": [-0.5, NAN, INFINITY],
    "recency": [-1.0, NAN, INFINITY],
    "user_scaling": [-0.1, 1.1, NAN],
    "ensemble_ranks": [(0,), (4, -1), (2.5,), ["4"], 3, "44"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in IMPOSSIBLE.items() for value in values]
)
def test_what_cannot_be_is_refused_by_name_and_value(name: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"^The setting {name} cannot be ") as refused:
        Settings(**{name: value})
    shown = tuple(value) if isinstance(value, list) else value
    assert repr(shown) in refused.value.message
    assert refused.value.hint.startswith("It is ")


def test_the_ends_of_every_range_are_inside() -> None:
    Settings(1, 1, 0, "nndsvd", 0, 1e-9, 0.0, 0.0, 0.0, (1,))
    Settings(10**9, 10**9, 2**32 - 2, "nndsvdar", 1e9, 1e9, 9.0, 9.0, 1.0, (1, 10**9))


def test_no_member_of_an_ensemble_has_a_seed_too_large() -> None:
    """The i-th member's seed is ``random_state + i``."""
    Settings(random_state=2**32 - 1)
    with pytest.raises(UserError, match="random_state"):
        Settings(random_state=2**32 - 1, ensemble_ranks=(2, 2))


def test_what_a_model_recorded_is_read_back() -> None:
    settings = Settings(4, watched_weight=2.0, recency=1.5, ensemble_ranks=(4, 8))
    assert Settings.from_mapping(json.loads(json.dumps(asdict(settings)))) == settings
    assert Settings.from_mapping({"max_components": 3}) == Settings(3)


def test_a_setting_of_another_release_is_a_sentence() -> None:
    with pytest.raises(UserError, match="does not know: depth, width") as refused:
        Settings.from_mapping({"max_components": 3, "width": 1, "depth": 2})
    assert "--no-evaluate" in refused.value.hint
    with pytest.raises(UserError, match="recency cannot be -1"):
        Settings.from_mapping({"recency": -1})
