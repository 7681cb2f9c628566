"""Makes the sample's seeds: ``python -m seeds.make_sample [DIRECTORY]``, byte for byte the same.

Three hundred users share six tastes. A user watches mostly films of the own taste, some of a second
one and a few of any; within a taste the first titles are watched far more often than the last. So
that every machine writes the same bytes, chance comes from ``random.Random`` alone, and arithmetic
stays within the operations that IEEE 754 rounds exactly (no logarithms, no powers).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from seeds.sample_events import add_broken_rows, make_events

USERS, COLD_USERS = 300, 5
FIRST_DAY = datetime(2024, 11, 1, tzinfo=UTC)

Row = Sequence[object]
USER_COLUMNS = ("user_id", "email", "first_name", "last_name", "country", "signed_up_at")
MOVIE_COLUMNS = (
    "movie_id",
    "title",
    "genres",
    "director",
    "release_year",
    "duration_minutes",
    "available_from",
    "available_until",
)
WITHDRAWN = {
    "The Orbit Clerk": "2026-09-01 00:00:00",
    "Seven Blind Dates and a Goose": "2026-06-30 22:00:00",
    "Salt Road, Northbound": "2026-10-15 00:00:00",
}
"""Films that were watched and rated, and until when they were to be had."""
ANNOUNCED: list[Row] = [
    (261, "Europa, Slightly Newer", "Sci-Fi", "Greta Nakata", 2099, 121, "2099-03-05 00:00:00", ""),
    (
        262,
        "The Second Umbrella Jury",
        "Crime|Drama",
        "Umar Quist",
        2099,
        98,
        "2099-10-01 00:00:00",
        "",
    ),
    (263, "Horses of Tomorrow", "Documentary", "Kaito Okafor", 2099, 84, "2099-12-24 00:00:00", ""),
]
"""Films of which nobody knows anything yet, but that they are coming, and when."""


def main(directory: Path) -> None:
    """Write the four seeds into a directory."""
    rng = Random(20261031)  # noqa: S311  # a sample, not a secret
    groups = read_tastes()
    movies, tastes = make_movies(rng, groups)
    users = make_users(rng)
    watches, ratings = make_events(rng, users[:-COLD_USERS], tastes)
    add_broken_rows(watches, ratings)
    write(directory / "sample_users.csv", USER_COLUMNS, users)
    write(directory / "sample_movies.csv", MOVIE_COLUMNS, [*movies, *ANNOUNCED])
    write(
        directory / "sample_watched_movies.csv",
        ("user_id", "movie_id", "watched_at"),
        ((user, movie, as_text(at)) for at, user, movie, _ in sorted(watches)),
    )
    write(
        directory / "sample_ratings.csv",
        ("user_id", "movie_id", "rating", "rated_at"),
        ((user, movie, rating, as_text(at)) for at, user, movie, rating in sorted(ratings)),
    )


class Taste(NamedTuple):
    """A taste: the genre of all its films, genres they may have beside it, titles by popularity."""

    genre: str
    others: list[str]
    titles: list[str]


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
            tastes.append(Taste(genre, others.split(", "), []))
    return tastes


def people(rng: Random, count: int) -> list[tuple[str, str]]:
    """Return distinct pairs of a first and a last name out of ``sample_names.txt``."""
    firsts, lasts = (line.split() for line in lines_of("sample_names.txt"))
    return rng.sample([(first, last) for first in firsts for last in lasts], count)


def make_movies(rng: Random, groups: list[Taste]) -> tuple[list[Row], dict[int, int]]:
    """Return the movies' rows and each movie's taste; ids are dealt at random, gaps included."""
    ids = rng.sample(range(1, 260), sum(len(group.titles) for group in groups))
    directors = [f"{first} {last}" for first, last in people(rng, 70)]
    rows: list[Row] = []
    tastes: dict[int, int] = {}
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
                    "",
                    WITHDRAWN.get(title, ""),
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
