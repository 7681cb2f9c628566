"""Interactions as real ones are, made inside ClickHouse by SQL and the same every time.

Chance comes from hashes of the user, the number of the draw and a salt, so that neither threads nor
versions of a random generator matter. What is planted:

- activity: 20 interactions and a log-normal number more for each user;
- popularity: Mandelbrot's law with exponent 2, ``p(r) ∝ 1 / (r + q)²`` at rank r, whose
  inverse distribution function is a closed form;
- tastes: movies are of one of :data:`TASTES` kinds, which are their genres; of a user's draws 40 %
  are from the user's first taste, 20 % from the second and 40 % from everything;
- ratings: half stars, higher inside the user's tastes.

A user draws three times as often as needed and keeps the first distinct movies: nobody rates a
movie twice, and hits are seen by many without being seen by all.

One rating in a hundred is kept back for the day after: a fifth of those of each twentieth user, who
is one of those that were there on that day.

    python -m benchmarks.generate 1m          (in the scratch project)
    python -m benchmarks.generate 1m day      what came on the day after
    python -m benchmarks.generate 1m again 10  10 % of all pairs rated again, a day later
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import clickhouse_connect
from clickhouse_connect.driver.client import Client

TASTES = 20
SIGMA = 1.1
"""Standard deviation of the logarithm of activity; MovieLens 1M and 20M have 1.0 and 1.2."""
STRIDE = 7_919
"""Prime that scatters popularity ranks over the ids, as in a real catalogue."""
FIRST_DAY = "2015-01-01"
FIVE_YEARS = 5 * 365 * 24 * 3600
PER_PIECE = 50_000_000
"""Ratings that are made by one statement, about: of more there are several, some users each."""
USERS_PER_BLOCK = 1_024
"""So that a block's draws, which are arrays of its users, stay small."""


@dataclass(frozen=True)
class Size:
    """A catalogue, its users and how much they did."""

    name: str
    users: int
    movies: int
    interactions: int
    """How many are aimed at; a few users have seen all that they would, so that it is a few less.
    """
    flatness: float
    """Share of the catalogue over which popularity is nearly flat before it falls: the q of
    Mandelbrot's law, in catalogues. The smaller, the more of all interactions the hits have."""


WARM_UP = "100k"
SIZES = {
    size.name: size
    for size in (
        # These have the shapes of MovieLens 1M, MovieLens 20M and the Netflix Prize, and of
        # MovieLens 20M with fifteen times the users.
        Size(WARM_UP, 940, 1_680, 100_000, 0.16),
        Size("1m", 6_040, 3_700, 1_000_000, 0.16),
        Size("20m", 138_000, 27_000, 20_000_000, 0.02),
        Size("100m", 480_000, 17_770, 100_000_000, 0.03),
        Size("300m", 2_070_000, 27_000, 300_000_000, 0.02),
    )
}
LOADED_AT = "_loaded_at"
"""Column of the raw tables that says when a row was loaded."""
FIRST_LOAD, DAY_AFTER = "2020-01-01", "2020-01-02"
IS_OF_DAY = "user_id % 20 = 7 and cityHash64(user_id, movie_id, 'day') % 5 = 0"
KEYS = {
    "movies": "movie_id",
    "users": "user_id",
    "ratings": "(user_id, movie_id)",
    "watched_movies": "(user_id, movie_id)",
}


def generate(size: Size, client: Client, say: Callable[[str], object] = lambda _: None) -> None:
    """Make the raw tables, in a ClickHouse that has none; say what comes next, where it is long."""
    client.command("create database raw")
    for name, pieces in queries(size).items():
        kept = f"not ({IS_OF_DAY})" if name == "ratings" else "true"
        begin = f"create table raw.{name} engine = MergeTree order by {KEYS[name]} as"
        for number, query in enumerate(pieces):
            if number:
                say(f"raw.{name}: piece {number + 1} of {len(pieces)}")
                begin = f"insert into raw.{name}"
            client.command(
                f"{begin} select *, {_time(FIRST_LOAD)} as {LOADED_AT} from ({query}) where {kept}"
            )


def add_day(size: Size, client: Client) -> None:
    """Load what the day after brought: the ratings that were kept back, at that day's time."""
    client.command(
        f"insert into raw.ratings select user_id, movie_id, rating, {_time(DAY_AFTER)} "
        f"+ toIntervalSecond(cityHash64(user_id, movie_id) % 86400), {_time(DAY_AFTER)} "
        f"from ({ratings(size, 0, size.users)}) where {IS_OF_DAY}"
    )


def rate_again(percent: int, client: Client) -> None:
    """Load a later rating of some of all pairs, a day after whatever was loaded last."""
    client.command(
        f"with (select max({LOADED_AT}) from raw.ratings) as last insert into raw.ratings "
        "select user_id, movie_id, toFloat32(5.5 - any(rating)), "
        "assumeNotNull(last) + interval 1 day + toIntervalSecond(cityHash64(user_id) % 3600), "
        "assumeNotNull(last) + interval 1 day from raw.ratings "
        "where cityHash64(user_id, movie_id, 'again', toUnixTimestamp64Milli(last)) % 100 "
        f"< {percent} group by user_id, movie_id"
    )


def queries(size: Size) -> dict[str, list[str]]:
    """Return the queries that make each raw table's rows."""
    movies = f"""
        select
            toUInt64(1 + number * {STRIDE} % {size.movies}) as movie_id,
            concat('Movie ', toString(movie_id)) as title,
            concat('Taste ', leftPad(toString(number % {TASTES}), 2, '0')) as genres,
            concat('Director ', toString(cityHash64(number, 'director') % 500)) as director,
            toUInt16(1930 + cityHash64(number, 'year') % 85) as release_year,
            toUInt16(70 + cityHash64(number, 'minutes') % 80) as duration_minutes
        from numbers({size.movies})
    """
    users = f"""
        select
            number + 1 as user_id,
            concat('user', toString(user_id), '@example.com') as email,
            'First' as first_name,
            'Last' as last_name,
            arrayElement(['DE', 'FR', 'IN', 'US'], 1 + cityHash64(number, 'country') % 4)
                as country,
            toDateTime64('{FIRST_DAY}', 3, 'UTC') as signed_up_at
        from numbers({size.users})
    """
    watched = """
        select toUInt64(0) as user_id, toUInt64(0) as movie_id, now64(3, 'UTC') as watched_at
        where false
    """
    count = -(-size.interactions // PER_PIECE)
    bounds = [size.users * number // count for number in range(count + 1)]
    pieces = [ratings(size, first, last - first) for first, last in pairwise(bounds)]
    return {"movies": [movies], "users": [users], "ratings": pieces, "watched_movies": [watched]}


def ratings(size: Size, first: int, users: int) -> str:
    """Return the query that draws the ratings of so many users, from a number on."""
    top = 1 / (1 + size.flatness)
    extra = size.interactions / size.users - 20
    return f"""
        with
        (select avg({_activity("number")}) from numbers({size.users})) as mean_activity,

        drawn as (
            select
                number + 1 as user_id,
                toUInt64(
                    least(
                        {size.movies // 2},
                        20 + {_activity("number")} / assumeNotNull(mean_activity) * {extra}
                    )
                ) as wanted,
                cityHash64(number, 'first taste') % {TASTES} as first_taste,
                cityHash64(number, 'second taste') % {TASTES} as second_taste,
                arraySlice(
                    arrayDistinct(
                        arrayMap(
                            draw -> multiIf(
                                {_chance("draw, 'where'")} < 0.4,
                                {_rank("draw", size.movies // TASTES, size.flatness, top)}
                                * {TASTES} + first_taste,
                                {_chance("draw, 'where'")} < 0.6,
                                {_rank("draw", size.movies // TASTES, size.flatness, top)}
                                * {TASTES} + second_taste,
                                {_rank("draw", size.movies, size.flatness, top)}
                            ),
                            range(wanted * 3)
                        )
                    ),
                    1,
                    wanted
                ) as places
            from numbers({first}, {users})
        )

        select
            user_id,
            toUInt64(1 + place * {STRIDE} % {size.movies}) as movie_id,
            toFloat32(greatest(0.5, least(5, round(2 * (
                2.2
                + 1.2 * (place % {TASTES} in (first_taste, second_taste))
                + {_uniform("user_id, 'mood'")}
                + {_uniform("place, 'quality'")}
                + 1.5 * {_uniform("user_id, place, 'noise'")} - 0.7
            )) / 2))) as rating,
            toDateTime64('{FIRST_DAY}', 3, 'UTC')
                + toIntervalSecond(cityHash64(user_id, place, 'when') % {FIVE_YEARS}) as rated_at
        from drawn
        array join places as place
        settings max_block_size = {USERS_PER_BLOCK}
    """


def _time(day: str) -> str:
    return f"toDateTime64('{day}', 3, 'UTC')"


def _uniform(what: str) -> str:
    """Return a number in (0, 1) that depends on the arguments alone."""
    return f"((cityHash64({what}) % 16777216 + 0.5) / 16777216)"


def _chance(what: str) -> str:
    return _uniform(f"number, {what}")


def _activity(user: str) -> str:
    """Return a log-normal number, by the transform of Box and Muller (1958)."""
    radius = f"sqrt(-2 * log({_uniform(f'{user}, 1')}))"
    return f"exp({SIGMA} * {radius} * cos(2 * pi() * {_uniform(f'{user}, 2')}))"


def _rank(draw: str, movies: int, flatness: float, top: float) -> str:
    """Return a rank from 0, by the inverse of ``(1 - q / (x + q)) / (1 - q / (1 + q))``."""
    share = f"{top} * {_chance(f'{draw}, 3')}"
    return f"toUInt64(floor({movies * flatness} * {share} / (1 - {share})))"


if __name__ == "__main__":
    embedded = clickhouse_connect.get_client(interface="chdb", path=".chdb")
    name, what, *percent = [*sys.argv[1:], "all"]
    if what == "again":
        rate_again(int(percent[0]), embedded)
    else:
        (add_day if what == "day" else generate)(SIZES[name], embedded)
    embedded.close()
