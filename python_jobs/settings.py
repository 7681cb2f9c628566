"""What a data scientist turns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """All that decides a fit besides the data; the defaults are the project's baseline."""

    max_components: int = 10
    """Upper bound of the rank k; small matrices get less, see :func:`choose_rank`."""
    max_iter: int = 200
    """Upper bound of the solver's iterations."""
    random_state: int = 42
    """Seed of the initial factors; of an ensemble's i-th member (from 0), ``random_state + i``."""
    init: str = "random"
    """scikit-learn's name of the initialisation."""
    alpha: float = 0.0
    """Weight of the squared norms of W and H in the loss: scikit-learn's ``alpha_W`` and
    ``alpha_H``. It shrinks the weaker features most, so that more of them can be had without
    learning noise. 0 and above; what is much depends on the size of scores."""
    watched_weight: float | None = None
    """What having watched counts, where a rating counts as it is; None takes the mart's
    ``interaction_score``, whose weights are dbt vars. Above 0."""
    score_power: float = 1.0
    """Scores are raised to it: 0 makes all alike, above 1 sets the well-liked further apart."""
    recency: float = 0.0
    """A score is multiplied by ``exp(-recency × age)``, where age is the share of the user's
    interactions that came later, 0 for the latest; see :func:`weigh`. 0 and above."""
    user_scaling: float = 0.0
    """A user's scores are divided by their Euclidean norm to this power while fitting, from 0 (the
    most active users count most) to 1 (everyone counts the same). W is scaled back."""
    ensemble_ranks: tuple[int, ...] = ()
    """Upper bounds of the ranks of an ensemble's members, which are averaged; if empty, there is
    one, of ``max_components``."""

    def __post_init__(self) -> None:
        # Read back from JSON, it is a list.
        object.__setattr__(self, "ensemble_ranks", tuple(self.ensemble_ranks))

    @property
    def ranks(self) -> tuple[int, ...]:
        """Upper bound of each member's rank."""
        return self.ensemble_ranks or (self.max_components,)


def choose_rank(users: int, movies: int, max_components: int) -> int:
    """Return the rank of a users × movies factorisation: below both sides, and at least 1.

    >>> choose_rank(300, 200, max_components=10)
    10
    >>> choose_rank(1, 200, max_components=10)
    1
    """
    return max(1, min(max_components, min(users, movies) - 1))
