"""Makes the sample's seeds: ``python seeds/make_sample.py [DIRECTORY]``, byte for byte the same.

Three hundred users share six tastes. A user watches mostly films of the own taste, some of a second
one and a few of any; within a taste the first titles are watched far more often than the last. So
that every machine writes the same bytes, chance comes from ``random.Random`` alone, and arithmetic
stays within the operations that IEEE 754 rounds exactly (no logarithms, no powers).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

USERS, COLD_USERS = 300, 5
FIRST_DAY = datetime(2024, 11, 1, tzinfo=UTC)
LAST_MOMENT = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)

MovieTastes = dict[int, int]
Row = Sequence[object]
Event = tuple[datetime, int, int]
"""When, which user, which movie."""


def main(directory: Path) -> None:
    """Write the four seeds into a directory."""
    rng = Random(20261031)  # noqa: S311  # a sample, not a secret
    groups = read_tastes()
    movies, tastes = make_movies(rng, groups)
    users = make_users(rng)
    watches, ratings = make_events(rng, users, tastes)
    add_broken_rows(watches, ratings)
    write(directory / "sample_users.csv", USER_COLUMNS, users)
    write(directory / "sample_movies.csv", MOVIE_COLUMNS, movies)
    write(
        directory / "sample_watched_movies.csv",
        ("user_id", "movie_id", "watched_at"),
        ((user, movie, as_text(at)) for at, user, movie in sorted(watches)),
    )
    write(
        directory / "sample_ratings.csv",
        ("user_id", "movie_id", "rating", "rated_at"),
        ((user, movie, rating, as_text(at)) for at, user, movie, rating in sorted(ratings)),
    )


USER_COLUMNS = ("user_id", "email", "first_name", "last_name", "country", "signed_up_at")
MOVIE_COLUMNS = ("movie_id", "title", "genres", "director", "release_year", "duration_minutes")


@dataclass
class Taste:
    """A taste: the genre of all its films, genres they may have beside it, titles by popularity."""

    genre: str
    others: list[str]
    titles: list[str] = field(default_factory=list)


def lines_of(name: str) -> list[str]:
    """Return the lines of a file beside this one, empty ones left out."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line]


def read_tastes() -> list[Taste]:
    """Return the invented films of ``sample_titles.txt``."""
    tastes: list[Taste] = []
    for line in lines_of("sample_titles.txt"):
        if line.startswith(" "):
            tastes[-1].titles.append(line.strip())
        else:
            genre, _, others = line.partition(": ")
            tastes.append(Taste(genre, others.split(", ")))
    return tastes


def people(rng: Random, count: int) -> list[tuple[str, str]]:
    """Return distinct pairs of a first and a last name out of ``sample_names.txt``."""
    firsts, lasts = (line.split() for line in lines_of("sample_names.txt"))
    return rng.sample([(first, last) for first in firsts for last in lasts], count)


def make_movies(rng: Random, groups: list[Taste]) -> tuple[list[Row], MovieTastes]:
    """Return the movies' rows and each movie's taste; ids are dealt at random, gaps included."""
    ids = rng.sample(range(1, 260), sum(len(group.titles) for group in groups))
    directors = [f"{first} {last}" for first, last in people(rng, 70)]
    rows: list[Row] = []
    tastes: MovieTastes = {}
    for number, group in enumerate(groups):
        for title in group.titles:
            movie = ids[len(rows)]
            others = rng.sample(group.others, rng.choice((0, 1, 1, 2)))
            tastes[movie] = number
            rows.append(
                (
                    movie,
                    title,
                    "|".join(sorted((group.genre, *others))),
                    rng.choice(directors),
                    rng.randrange(1968, 2025),
                    rng.randrange(74, 168),
                )
            )
    return sorted(rows, key=lambda row: int(str(row[0]))), tastes


def make_users(rng: Random) -> list[Row]:
    """Return the users' rows; people sign up during the first year and a half."""
    countries = ("NL", "DE", "FR", "GB", "US", "ES", "PL", "IN", "BR", "JP")
    rows: list[Row] = []
    for user, (first, last) in enumerate(people(rng, USERS), start=1):
        # Some capitals, as people type them: the same address must hash to the same value.
        email = f"{first}.{last}@example.com"
        signed_up = FIRST_DAY + timedelta(seconds=rng.randrange(540 * 86400))
        rows.append(
            (
                user,
                email if rng.random() < 0.1 else email.lower(),
                first,
                last,
                countries[min(rng.randrange(len(countries)), rng.randrange(len(countries)))],
                as_text(signed_up),
            )
        )
    return rows


def make_events(
    rng: Random, users: list[Row], tastes: MovieTastes
) -> tuple[list[Event], list[tuple[datetime, int, int, float]]]:
    """Return what users watched and rated; the last few users do neither."""
    by_taste = [
        [movie for movie in tastes if tastes[movie] == t] for t in sorted(set(tastes.values()))
    ]
    quality = {movie: rng.choice((-0.5, 0.0, 0.0, 0.0, 0.5)) for movie in tastes}
    watches: list[Event] = []
    ratings: list[tuple[datetime, int, int, float]] = []
    for row in users[: USERS - COLD_USERS]:
        user, since = int(str(row[0])), datetime.fromisoformat(str(row[5])).replace(tzinfo=UTC)
        main_taste = rng.randrange(len(by_taste))
        second_taste = (main_taste + 1 + rng.randrange(len(by_taste) - 1)) % len(by_taste)
        for movie in films_of(rng, how_many(rng, user), main_taste, second_taste, by_taste):
            at = moment_after(rng, since)
            liking = 4.2 if tastes[movie] == main_taste else 3.6
            liking = liking if tastes[movie] in (main_taste, second_taste) else 2.4
            stars = rate(rng, liking + quality[movie])
            if rng.random() < 0.93:
                watches.append((at, user, movie))
                while rng.random() < 0.39 + 0.06 * (stars - 3):
                    watches.append((moment_after(rng, at), user, movie))
            else:  # seen elsewhere
                ratings.append((at, user, movie, stars))
                continue
            if rng.random() < 0.9:
                rated_at = min(at + timedelta(seconds=rng.randrange(7000, 300000)), LAST_MOMENT)
                ratings.append((rated_at, user, movie, stars))
                if rng.random() < 0.04:  # a change of mind
                    ratings.append((moment_after(rng, rated_at), user, movie, rate(rng, liking)))
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


def add_broken_rows(watches: list[Event], ratings: list[tuple[datetime, int, int, float]]) -> None:
    """Add what real logs have too: ratings off the scale, users and movies that do not exist."""
    at = datetime(2026, 9, 14, 3, 20, tzinfo=UTC)
    movie = watches[0][2]
    ratings += [
        (at, 7, movie, 0.0),
        (at, 8, movie, 11.0),
        (at, 9, movie, -1.0),
        (at, 9001, movie, 4.0),
        (at, 10, 9999, 4.5),
    ]
    watches += [(at, 9001, movie), (at, 9002, movie), (at, 11, 9999)]


def as_text(moment: datetime) -> str:
    """Return a moment as ClickHouse reads it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def write(path: Path, header: Sequence[str], rows: Iterable[Row]) -> None:
    """Write a CSV file with one line ending on every machine."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
