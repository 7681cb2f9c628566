"""One small release, written as each of GroupLens' families of releases is."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

MOVIES = (
    (1, "Toy Story (1995)", ("Adventure", "Animation")),
    (2, "American President, The (1995)", ("Comedy", "Drama")),
    (3, '"Great Performances" Cats (1998)', ("Musical",)),
    (4, "Misérables, Les (1995)", ("Drama",)),
    (5, "Fawlty Towers (1975-1979)", ("Comedy",)),
    (6, "Hyena Road", ()),
)
YEARS = (1995, 1995, 1998, 1995, 1975, 0)
RATINGS = (
    (1, 1, 4, 964982703),
    (1, 2, 5, 964981247),
    (2, 1, 3, 847117005),
    (2, 6, 1, 847117006),
    (3, 4, 2, 1260759144),
    # Of a movie that the release does not have.
    (3, 99, 5, 1260759145),
)
GENRE_FLAGS = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


def write_csv(directory: Path, movies=MOVIES, ratings=RATINGS, **style) -> None:
    """As ml-latest, ml-20m, ml-25m and ml-32m."""
    with (directory / "movies.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **{"lineterminator": "\n", **style})
        writer.writerow(["movieId", "title", "genres"])
        for movie_id, title, genres in movies:
            writer.writerow([movie_id, title, "|".join(genres) or "(no genres listed)"])
    with (directory / "ratings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **{"lineterminator": "\n", **style})
        writer.writerow(["userId", "movieId", "rating", "timestamp"])
        writer.writerows(ratings)


def write_csv_for_windows(directory: Path) -> None:
    """As a spreadsheet saves it: a byte order mark, every field in quotes, CR LF."""
    write_csv(directory, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for path in directory.glob("*.csv"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def write_10m(directory: Path, encoding: str = "utf-8") -> None:
    lines(
        directory / "movies.dat",
        "::",
        [(i, title, "|".join(g)) for i, title, g in MOVIES],
        encoding,
    )
    lines(directory / "ratings.dat", "::", RATINGS)
    lines(directory / "tags.dat", "::", [(1, 1, "pixar", 964982703)])


def write_1m(directory: Path) -> None:
    write_10m(directory, "latin-1")
    lines(directory / "users.dat", "::", [(user, "F", 25, 10, "48067") for user in (1, 2, 3)])


def write_100k(directory: Path) -> None:
    flags = [[int(name in genres) for name in GENRE_FLAGS] for _, _, genres in MOVIES]
    movies = [
        (movie_id, title, "01-Jan-1995", "", "http://example.com/", *row)
        for (movie_id, title, _), row in zip(MOVIES, flags, strict=True)
    ]
    lines(directory / "u.item", "|", movies, "latin-1")
    lines(directory / "u.data", "\t", RATINGS)
    lines(directory / "u.user", "|", [(user, 24, "M", "writer", "85711") for user in (1, 2, 3)])


def lines(path: Path, separator: str, rows: Sequence[Sequence], encoding: str = "utf-8") -> None:
    text = "".join(separator.join(map(str, row)) + "\n" for row in rows)
    path.write_bytes(text.encode(encoding))


FAMILIES: dict[str, Callable[[Path], None]] = {
    "csv": write_csv,
    "csv for Windows": write_csv_for_windows,
    "ml-10m": write_10m,
    "ml-1m": write_1m,
    "ml-100k": write_100k,
}


def zipped(directory: Path, path: Path) -> Path:
    """Pack a directory as GroupLens does: everything in one folder."""
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in sorted(directory.iterdir()):
            archive.write(file, f"ml-test/{file.name}")
        archive.writestr("__MACOSX/ml-test/._ratings.csv", b"\0")
    return path


def nested(directory: Path, path: Path) -> Path:
    """Copy a directory one folder down, as some programs unpack it."""
    shutil.copytree(directory, path / "ml-test")
    return path
