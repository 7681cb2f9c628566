"""What a data scientist turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from math import isfinite
from numbers import Integral, Real
from typing import Any

from python_jobs.errors import UserError

INITS = ("random", "nndsvd", "nndsvda", "nndsvdar")
"""scikit-learn's initialisations that need nothing but the matrix."""
LARGEST_SEED = 2**32 - 1
"""NumPy's largest seed."""


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def _is_count(value: Any) -> bool:
    return _is_whole(value, 1)


def _is_number(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _is_not_negative(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_components": (_is_count, "a whole number from 1"),
    "max_iter": (_is_count, "a whole number from 1"),
    "random_state": (lambda value: _is_whole(value, 0), "a whole number from 0"),
    "init": (lambda value: value in INITS, f"one of {', '.join(INITS)}"),
    "alpha": (_is_not_negative, "a number from 0"),
    "watched_weight": (
        lambda value: value is None or _is_positive(value),
        "a number above 0, or none for the mart's own scores",
    ),
    "score_power": (_is_not_negative, "a number from 0"),
    "recency": (_is_not_negative, "a number from 0"),
    "user_scaling": (lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "ensemble_ranks": (
        lambda value: isinstance(value, tuple) and all(map(_is_count, value)),
        "a list of whole numbers from 1, which may be empty",
    ),
    "diversity": (lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "new_share": (lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "transition_rank": (lambda value: _is_whole(value, 0), "a whole number from 0"),
    "transition_weight": (_is_not_negative, "a number from 0"),
    "transition_memory": (_is_positive, "a number above 0"),
    "transition_long_memory": (_is_positive, "a number above 0"),
    "transition_long_share": (_is_not_negative, "a number from 0"),
    "transition_horizon": (_is_positive, "a number above 0"),
    "transition_shrinkage": (_is_not_negative, "a number from 0"),
    "transition_power": (_is_not_negative, "a number from 0"),
    "transition_seeds": (_is_count, "a whole number from 1"),
    "transition_iterations": (_is_count, "a whole number from 1"),
}
"""For each setting, whether a value can be it, and what it has to be."""


@dataclass(frozen=True)
class Settings:
    """All that decides a fit besides the data; the defaults are the project's baseline.

    Raises
    ------
    UserError
        If a value is not what the setting can be.
    """

    max_components: int = 10
    """Upper bound of the rank k, at least 1; small matrices get less, see :func:`choose_rank`."""
    max_iter: int = 200
    """Upper bound of the solver's iterations, at least 1."""
    random_state: int = 42
    """Seed of the initial factors; of an ensemble's i-th member (from 0), ``random_state + i``."""
    init: str = "random"
    """scikit-learn's name of the initialisation, one of :data:`INITS`."""
    alpha: float = 0.0
    """Weight of the squared norms of W and H in the loss: scikit-learn's ``alpha_W`` and
    ``alpha_H``. It shrinks the weaker features most, so that more of them can be had without
    learning noise. 0 and above; what is much depends on the size of scores."""
    watched_weight: float | None = None
    """What having watched counts, where a rating counts as it is; None takes the mart's
    ``interaction_score``, whose weights are dbt vars. Above 0."""
    score_power: float = 1.0
    """Scores are raised to it: 0 makes all alike, above 1 sets the well-liked further apart. 0 and
    above."""
    recency: float = 0.0
    """A score is multiplied by ``exp(-recency × age)``, where age is the share of the user's
    interactions that came later, 0 for the latest; see :func:`weigh`. 0 and above."""
    user_scaling: float = 0.0
    """A user's scores are divided by their Euclidean norm to this power while fitting, from 0 (the
    most active users count most) to 1 (everyone counts the same). W is scaled back."""
    ensemble_ranks: tuple[int, ...] = ()
    """Upper bounds of the ranks of an ensemble's members, each at least 1, which are averaged; if
    empty, there is one, of ``max_components``."""
    diversity: float = 0.0
    """How far lists follow the genres of a user's history, from 0 (the best scores) to 1 (genres
    alone): :mod:`python_jobs.ranking.variety`. It decides no fit, only what is listed."""
    new_share: float = 0.0
    """Of the first n places of a list, ``floor(new_share × n)`` are for movies that nobody has
    seen, where there are any: :mod:`python_jobs.model.new_movies`. From 0 to 1. It decides no fit,
    and evaluation looks at the other movies: nobody can have gone on to one that was not there."""
    transition_rank: int = 0
    """Upper bound of the rank of what learns the order in which movies come, and is stacked below
    the rest: :mod:`python_jobs.model.transitions`. 0, and there is none of it."""
    transition_weight: float = 1.0
    """What transitions count in a score, where the factorisation counts 1. 0 and above."""
    transition_memory: float = 5.0
    """Steps after which a movie of the past counts ``1 / e``. Above 0."""
    transition_long_memory: float = 60.0
    """The same of a second, longer memory. Above 0."""
    transition_long_share: float = 0.1
    """What the longer memory counts, where the shorter counts 1. 0 and above."""
    transition_horizon: float = 5.0
    """Steps ahead after which what comes counts ``1 / e``. Above 0."""
    transition_shrinkage: float = 0.006
    """Weight of the squared product of the factors in the loss, as a share of the sum of all
    squared pasts: the same for any number of interactions. 0 and above."""
    transition_power: float = 0.0
    """Scores are raised to it: with 0 having chosen a movie is all that counts. 0 and above."""
    transition_seeds: int = 1
    """Models of transitions that are averaged, at least 1; the i-th (from 0) starts from the seed
    ``random_state + i``."""
    transition_iterations: int = 50
    """Iterations of each of them, at least 1."""

    def __post_init__(self) -> None:
        if isinstance(self.ensemble_ranks, list):  # read back from JSON
            object.__setattr__(self, "ensemble_ranks", tuple(self.ensemble_ranks))
        for name, (fits, range_) in RANGES.items():
            if not fits(getattr(self, name)):
                raise _out_of_range(name, getattr(self, name), range_)
        last_seed = LARGEST_SEED - max(len(self.ranks), self.transition_seeds) + 1
        if self.random_state > last_seed:
            raise _out_of_range("random_state", self.random_state, f"at most {last_seed}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Return the settings that a model recorded; what it did not know has its default.

        Raises
        ------
        UserError
            If one is not known here, or cannot be what it is.
        """
        unknown = sorted(values.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise UserError(
                f"The model was fitted with settings that this release does not know: "
                f"{', '.join(unknown)}.",
                "Use the release that fitted it, or fit another one: `python_jobs train "
                "--no-evaluate` does not compare with it.",
            )
        return cls(**values)

    @property
    def ranks(self) -> tuple[int, ...]:
        """Upper bound of each member's rank."""
        return self.ensemble_ranks or (self.max_components,)

    @property
    def use_times(self) -> bool:
        """Whether a fit depends on when interactions were."""
        return bool(self.recency or self.transition_rank)


def choose_rank(users: int, movies: int, max_components: int) -> int:
    """Return the rank of a users × movies factorisation: below both sides, and at least 1.

    >>> choose_rank(300, 200, max_components=10)
    10
    >>> choose_rank(1, 200, max_components=10)
    1
    """
    return max(1, min(max_components, min(users, movies) - 1))


def _out_of_range(name: str, value: object, range_: str) -> UserError:
    return UserError(f"The setting {name} cannot be {value!r}.", f"It is {range_}.")
