"""How much worse than what is live a new run may be; by itself, so that help stays instant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much worse a new run may be and still go live; each a share from 0 to 1."""

    tolerance: float = 0.02
    """Share of the NDCG@10 of the champion's settings, on the same split, that may be lost."""
    max_drop: float = 0.3
    """Share of the NDCG@10 that was measured when the champion was trained that may be lost: on
    another day's split, so that it bounds a collapse and not the noise between two days."""
    max_shrink: float = 0.2
    """Share of the current run's users, movies, interactions or movies that may be shown that may
    have been lost."""
