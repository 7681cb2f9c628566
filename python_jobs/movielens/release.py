"""A release on disk: which of GroupLens' formats its files have, and their lines in blocks.

From the README of each release: ml-latest, ml-latest-small, ml-20m, ml-25m and ml-32m are CSV with
a header, in UTF-8; ml-1m and ml-10m are separated by ``::``, ml-1m in Latin-1; ml-100k has tabs in
``u.data`` and bars in ``u.item`` and ``u.user``, in Latin-1.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from python_jobs.errors import UserError

BLOCK_BYTES = 4 * 1024 * 1024
"""Read and sent at a time: some 160,000 ratings. Embedded, ClickHouse keeps the memory it had."""
LONGEST_LINE = 1024 * 1024
"""Bytes after which a file without a line end is not a release's."""
UNPACK_AGAIN = "Unpack the release again, or give the zip as downloaded."


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
    header: str = ""
    """The first line; empty where the first line is data."""
    latin1: bool = False
    """Whether a line that is not UTF-8 is Latin-1; else it is broken."""
    genre_flags: bool = False
    """Whether genres are one 0 or 1 each at the end of the line, and not names with bars."""


FORMATS = {
    "CSV with a header, as ml-latest, ml-20m, ml-25m and ml-32m": (
        FileFormat("movies.csv", "movies", ",", 3, "movieId,title,genres"),
        FileFormat("ratings.csv", "ratings", ",", 4, "userId,movieId,rating,timestamp"),
    ),
    "`::` between fields, as ml-1m and ml-10m": (
        # ml-10m's titles are UTF-8 and ml-1m's Latin-1, which is hardly ever valid UTF-8.
        FileFormat("movies.dat", "movies", "::", 3, latin1=True),
        FileFormat("ratings.dat", "ratings", "::", 4),
        FileFormat("users.dat", "users", "::", 5),
    ),
    "u.data and u.item, as ml-100k": (
        FileFormat("u.item", "movies", "|", 24, latin1=True, genre_flags=True),
        FileFormat("u.data", "ratings", "\t", 4),
        FileFormat("u.user", "users", "|", 5),
    ),
}
"""Files of each family of releases in the order to load; one of users may be missing."""
NAMES = {file.name for files in FORMATS.values() for file in files}


class Release:
    """The files of a release, wherever they are.

    Parameters
    ----------
    path
        A directory, or a zip as downloaded; the files may be one folder down in either.

    Raises
    ------
    UserError
        If there is no such path, it cannot be read, or its files are no release's: none are there,
        one of two is missing, or two releases share the place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained(path.name):
            folder, self._present = self._one_folder()
        place = str(folder).rstrip("/")
        found = [
            (name, files)
            for name, files in FORMATS.items()
            if any(file.name in self._present for file in files if file.table != "users")
        ]
        if not found:
            pairs = ", or ".join(f"{files[1].name} and {files[0].name}" for files in FORMATS.values())
            raise UserError(
                f"No MovieLens release in {place}.",
                f"A release has {pairs}: give its directory, or the zip as downloaded.",
            )
        if len(found) > 1:
            names = "; ".join(name for name, _ in found)
            raise UserError(
                f"{place} holds files of more than one release: {names}.",
                "Give the directory of one release.",
            )
        self.format, files = found[0]
        self.files = [file for file in files if file.name in self._present]
        """The files to load, in order."""
        for file in files:
            if file not in self.files and file.table != "users":
                raise UserError(f"{file.name} is missing in {place}.", UNPACK_AGAIN)

    def size(self, file: FileFormat) -> int:
        """Return a file's size in bytes, unpacked."""
        entry = self._present[file.name]
        if isinstance(entry, Path):
            return entry.stat().st_size
        return entry.root.getinfo(entry.at).file_size

    def blocks(
        self, file: FileFormat, block_bytes: int = BLOCK_BYTES
    ) -> Iterator[tuple[int, bytes]]:
        """Yield a file's lines but its header: the first one's number and their text, in blocks.

        Lines count from 1 and a header counts; the text ends where a line does.

        Raises
        ------
        UserError
            If the file cannot be read to its end, is empty, has another header than its format,
            or has no line ends.
        """
        first_line = start = 2 if file.header else 1
        with self._explained(file.name), self._present[file.name].open("rb") as opened:
            if file.header:
                self._require_header(file, opened.readline(LONGEST_LINE))
            while text := opened.read(block_bytes):
                if not text.endswith(b"\n"):
                    text += opened.readline(LONGEST_LINE)
                if len(text) >= LONGEST_LINE and b"\n" not in text[-LONGEST_LINE:]:
                    line = first_line + text.count(b"\n") - 1
                    raise UserError(
                        f"{self.path}: {file.name} has no line end for {LONGEST_LINE:,} bytes "
                        f"after line {line:,}: it is no text file.",
                        UNPACK_AGAIN,
                    )
                yield first_line, text
                first_line += count_lines(text)
        if first_line == start:
            raise UserError(f"{self.path}: {file.name} is empty.", UNPACK_AGAIN)

    def _require_header(self, file: FileFormat, line: bytes) -> None:
        text = line.decode("utf-8-sig", errors="replace").rstrip("\r\n")
        if text.replace('"', "") != file.header:
            raise UserError(
                f"{self.path}: the first line of {file.name} is not {file.header} "
                f"but {text[:80]!r}.",
                "Give a release as GroupLens publishes it, in UTF-8.",
            )

    def _one_folder(self) -> tuple[Path | zipfile.Path, dict[str, Path | zipfile.Path]]:
        """Return the top, or the only folder below with such files, and its files by name."""
        top: Path | zipfile.Path = self.path
        if self.path.is_file():
            if not zipfile.is_zipfile(self.path):
                raise UserError(
                    f"{self.path} is neither a directory nor a whole zip file.",
                    "Give the directory of a release, or download its zip again.",
                )
            top = zipfile.Path(self.path)
        below = [entry for entry in top.iterdir() if entry.is_dir()]
        found = {
            place: {entry.name: entry for entry in place.iterdir() if entry.name in NAMES}
            for place in (top, *below)
        }
        places = [place for place in below if found[place]]
        if found[top] or not places:
            return top, found[top]
        if len(places) > 1:
            names = ", ".join(sorted(place.name for place in places))
            raise UserError(
                f"{self.path} holds more than one release: {names}.",
                "Give the directory of one release.",
            )
        return places[0], found[places[0]]

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        """Turn what can go wrong with reading into advice."""
        try:
            yield
        except FileNotFoundError as error:
            raise UserError(
                f"{error.filename} does not exist.",
                "Give the directory of a release, or its zip as downloaded.",
            ) from error
        except OSError as error:
            raise UserError(
                f"{self.path}: {name} cannot be read: {error.strerror or error}.",
                "Check the permissions and the disk.",
            ) from error
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
            # RuntimeError is zipfile's for a member with a password.
            raise UserError(
                f"{self.path} is damaged: {name} cannot be unpacked ({error}).",
                "Download the zip again.",
            ) from error


def count_lines(text: bytes) -> int:
    """Return how many lines a text has; the last one's end may be missing."""
    return text.count(b"\n") + (not text.endswith(b"\n"))
