"""Who watched and rated what in the sample, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

LAST_MOMENT = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)


class Event(NamedTuple):
    """A watch event, or with a rating a rating."""

    at: datetime
    user: int
    movie: int
    rating: float = 0


def make_events(
    rng: Random, users: Sequence[Sequence[object]], tastes: dict[int, int]
) -> tuple[list[Event], list[Event]]:
    """Return what users watched, and what they rated.

    Parameters
    ----------
    rng
        The chance.
    users
        Rows of the users' seed: the id first, the sign-up last.
    tastes
        The taste of each movie, by its id; movies of a taste by popularity.
    """
    by_taste = [
        [movie for movie in tastes if tastes[movie] == t] for t in sorted(set(tastes.values()))
    ]
    quality = {movie: rng.choice((-0.5, 0.0, 0.0, 0.0, 0.5)) for movie in tastes}
    watches: list[Event] = []
    ratings: list[Event] = []
    for row in users:
        user, since = int(str(row[0])), datetime.fromisoformat(str(row[-1])).replace(tzinfo=UTC)
        main_taste = rng.randrange(len(by_taste))
        second_taste = (main_taste + 1 + rng.randrange(len(by_taste) - 1)) % len(by_taste)
        for movie in films_of(rng, how_many(rng, user), main_taste, second_taste, by_taste):
            at = moment_after(rng, since)
            liking = 4.2 if tastes[movie] == main_taste else 3.6
            liking = liking if tastes[movie] in (main_taste, second_taste) else 2.4
            stars = rate(rng, liking + quality[movie])
            if rng.random() < 0.93:
                watches.append(Event(at, user, movie))
                while rng.random() < 0.39 + 0.06 * (stars - 3):
                    watches.append(Event(moment_after(rng, at), user, movie))
            else:  # seen elsewhere
                ratings.append(Event(at, user, movie, stars))
                continue
            if rng.random() < 0.9:
                rated_at = min(at + timedelta(seconds=rng.randrange(7000, 300000)), LAST_MOMENT)
                ratings.append(Event(rated_at, user, movie, stars))
                if rng.random() < 0.04:  # a change of mind
                    again = moment_after(rng, rated_at)
                    ratings.append(Event(again, user, movie, rate(rng, liking)))
    return watches, ratings


def how_many(rng: Random, user: int) -> int:
    """Return how many films a user knows: three for some, most of them for a few."""
    if user % 20 == 0:
        return 3
    if user % 50 == 1:
        return 112
    return 6 + rng.randrange(39) + rng.randrange(39)


def films_of(
    rng: Random, count: int, main_taste: int, second_taste: int, by_taste: list[list[int]]
) -> list[int]:
    """Return distinct films, most of one taste; early titles are likelier, as 1 / (rank + 5)²."""
    chosen: dict[int, None] = {}
    while len(chosen) < count:
        chance = rng.random()
        taste = main_taste if chance < 0.66 else second_taste
        if chance >= 0.88 or len(chosen) > 60:
            taste = rng.randrange(len(by_taste))
        films = by_taste[taste]
        weights = [1 / ((rank + 5) * (rank + 5)) for rank in range(len(films))]
        chosen[rng.choices(films, weights)[0]] = None
    return list(chosen)


def rate(rng: Random, liking: float) -> float:
    """Return 0.5 to 5 in half stars, around a liking."""
    noise = rng.random() + rng.random() + rng.random() - 1.5
    return min(max(round((liking + 1.2 * noise) * 2), 1), 10) / 2


def moment_after(rng: Random, start: datetime) -> datetime:
    """Return a second between a moment and the sample's last."""
    span = int((LAST_MOMENT - start).total_seconds())
    return start + timedelta(seconds=rng.randrange(span + 1))


def add_broken_rows(watches: list[Event], ratings: list[Event]) -> None:
    """Add what real logs have too: ratings off the scale, users and movies that do not exist."""
    at = datetime(2026, 9, 14, 3, 20, tzinfo=UTC)
    movie = watches[0][2]
    for user, which, rating in ((7, movie, 0), (8, movie, 11), (9, movie, -1)):
        ratings.append(Event(at, user, which, float(rating)))
    ratings += [Event(at, 9001, movie, 4.0), Event(at, 10, 9999, 4.5)]
    watches += [Event(at, 9001, movie), Event(at, 9002, movie), Event(at, 11, 9999)]
