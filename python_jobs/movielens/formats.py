"""What the files of GroupLens' releases look like, and which release a set of files is.

From the README of each release: ml-latest, ml-latest-small, ml-20m, ml-25m and ml-32m are CSV with
a header, in UTF-8; ml-1m and ml-10m are separated by ``::``, ml-1m in Latin-1; ml-100k has tabs in
``u.data`` and bars in ``u.item`` and ``u.user``, in Latin-1.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from python_jobs.errors import UserError

FLAGGED_GENRES = (
    "",  # "unknown"
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
"""Genres of the flags that end a line of ml-100k's ``u.item``, in their order."""


@dataclass(frozen=True)
class FileFormat:
    """How one file of a release is written."""

    name: str
    """File name, without its folder."""
    table: str
    """What its lines are: ``movies``, ``ratings`` or ``users``."""
    separator: str
    """Between fields; fields with a comma as separator may be in double quotes."""
    fields: int
    """Fields of a line; the first ones are those that we need, in the same order everywhere."""
    header: tuple[str, ...] = ()
    """Names on the first line; empty where the first line is data."""
    latin1: bool = False
    """Whether a line that is not UTF-8 is Latin-1; else it is broken."""
    genre_flags: bool = False
    """Whether genres are one 0 or 1 each at the end of the line, and not names with bars."""


@dataclass(frozen=True)
class ReleaseFormat:
    """A family of releases whose files are written alike."""

    name: str
    movies: FileFormat
    ratings: FileFormat
    users: FileFormat | None = None
    """Who the users are, where the family has such a file; a release may lack it."""

    def files(self, present: Collection[str]) -> list[FileFormat]:
        """Return the files to load, in order, out of those that are present."""
        return [
            file
            for file in (self.movies, self.ratings, self.users)
            if file and file.name in present
        ]


RATING = ("userId", "movieId", "rating", "timestamp")

RELEASE_FORMATS = (
    ReleaseFormat(
        "CSV with a header, as ml-latest, ml-20m, ml-25m and ml-32m",
        FileFormat("movies.csv", "movies", ",", 3, header=("movieId", "title", "genres")),
        FileFormat("ratings.csv", "ratings", ",", 4, header=RATING),
    ),
    ReleaseFormat(
        "`::` between fields, as ml-1m and ml-10m",
        # ml-10m's titles are UTF-8 and ml-1m's Latin-1, which is hardly ever valid UTF-8.
        FileFormat("movies.dat", "movies", "::", 3, latin1=True),
        FileFormat("ratings.dat", "ratings", "::", 4),
        FileFormat("users.dat", "users", "::", 5),
    ),
    ReleaseFormat(
        "u.data and u.item, as ml-100k",
        FileFormat("u.item", "movies", "|", 24, latin1=True, genre_flags=True),
        FileFormat("u.data", "ratings", "\t", 4),
        FileFormat("u.user", "users", "|", 5),
    ),
)


def recognise(place: str, present: Collection[str]) -> ReleaseFormat:
    """Return the format whose ratings and movies are among the files present.

    Parameters
    ----------
    place
        Where the files are, for messages.
    present
        File names in one folder.

    Raises
    ------
    UserError
        If no release's files are there, one of two is missing, or two releases share the folder.
    """
    found = [
        release
        for release in RELEASE_FORMATS
        if release.ratings.name in present or release.movies.name in present
    ]
    if not found:
        pairs = ", or ".join(f"{r.ratings.name} and {r.movies.name}" for r in RELEASE_FORMATS)
        raise UserError(
            f"No MovieLens release in {place}.",
            f"A release has {pairs}: give its directory, or the zip as downloaded.",
        )
    if len(found) > 1:
        raise UserError(
            f"{place} holds files of more than one release: "
            + "; ".join(release.name for release in found)
            + ".",
            "Give the directory of one release.",
        )
    (release,) = found
    for file in (release.ratings, release.movies):
        if file.name not in present:
            raise UserError(
                f"{file.name} is missing in {place}.",
                "Unpack the release again, or give the zip as downloaded.",
            )
    return release
