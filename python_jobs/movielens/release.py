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
from pathlib import Path
from typing import NamedTuple

from python_jobs.errors import UserError

BLOCK_BYTES = 4 * 1024 * 1024
"""Read and sent at a time: some 160,000 ratings. ClickHouse keeps the memory that it once had."""
LONGEST_LINE = 1024 * 1024
"""Bytes after which a file without a line end is not a release's."""
UNPACK_AGAIN = "Unpack the release again, or give the zip as downloaded."


class FileFormat(NamedTuple):
    """How one file of a release is written.

    ``table`` is what its lines are. The first of their ``fields`` are those that we need, in the
    same order everywhere; with a comma as separator they may be in double quotes. Where there is
    no ``header``, the first line is data. A line that is not UTF-8 is ``latin1`` or else broken.
    """

    name: str
    table: str
    separator: str
    fields: int
    header: str = ""
    latin1: bool = False


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
        FileFormat("u.item", "movies", "|", 24, latin1=True),
        FileFormat("u.data", "ratings", "\t", 4),
        FileFormat("u.user", "users", "|", 5),
    ),
}
"""Files of each family of releases in the order to load; the users' may be missing."""


class Release:
    """The files of a release, wherever they are.

    Parameters
    ----------
    path
        A directory, or a zip as downloaded; the files may be one folder down in either.

    Raises
    ------
    UserError
        If there is no such path, it cannot be read, or no release's files are there, one of two is
        missing, or those of two releases.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained(path.name):
            found = self._find()
        if not found:
            pairs = ", or ".join(
                f"{files[1].name} and {files[0].name}" for files in FORMATS.values()
            )
            raise UserError(
                f"No MovieLens release in {path}.",
                f"A release has {pairs}: give its directory, or the zip as downloaded.",
            )
        if len(found) > 1:
            names = "; ".join(f"{name} in {folder}" for name, folder, _ in found)
            raise UserError(
                f"{path} holds files of more than one release: {names}.",
                "Give the directory of one release.",
            )
        (self.format, folder, self._present), *_ = found
        for file in FORMATS[self.format]:
            if file.name not in self._present and file.table != "users":
                raise UserError(f"{file.name} is missing in {folder}.", UNPACK_AGAIN)

    @property
    def files(self) -> list[FileFormat]:
        """The files to load, in order."""
        return [file for file in FORMATS[self.format] if file.name in self._present]

    def size(self, file: FileFormat) -> int:
        """Return a file's size in bytes, unpacked."""
        entry = self._present[file.name]
        if isinstance(entry, Path):
            return entry.stat().st_size
        return entry.root.getinfo(entry.at).file_size

    def blocks(
        self, file: FileFormat, block_bytes: int = BLOCK_BYTES
    ) -> Iterator[tuple[int, bytes]]:
        """Yield blocks of a file's lines without its header: the first one's number, their text.

        Raises
        ------
        UserError
            If the file cannot be read to its end, is empty, has another header than its format,
            or has no line ends.
        """
        line_number = start = 2 if file.header else 1
        with self._explained(file.name), self._present[file.name].open("rb") as opened:
            if file.header:
                first = opened.readline(LONGEST_LINE).decode("utf-8-sig", "replace").rstrip("\r\n")
                if first.replace('"', "") != file.header:
                    raise UserError(
                        f"{self.path}: the first line of {file.name} is not {file.header} "
                        f"but {first[:80]!r}.",
                        "Give a release as GroupLens publishes it, in UTF-8.",
                    )
            while text := opened.read(block_bytes):
                if not text.endswith(b"\n"):
                    text += opened.readline(LONGEST_LINE)
                if len(text) >= LONGEST_LINE and b"\n" not in text[-LONGEST_LINE:]:
                    raise UserError(
                        f"{self.path}: {file.name} has no line end for {LONGEST_LINE:,} bytes "
                        f"after line {line_number + count_lines(text) - 2:,}: it is no text file.",
                        UNPACK_AGAIN,
                    )
                yield line_number, text
                line_number += count_lines(text)
        if line_number == start:
            raise UserError(f"{self.path}: {file.name} is empty.", UNPACK_AGAIN)

    def _find(self) -> list[tuple[str, str, dict[str, Path | zipfile.Path]]]:
        """Return format, folder and files of each release at the top, or else one folder down."""
        top: Path | zipfile.Path = self.path
        if self.path.is_file():
            if not zipfile.is_zipfile(self.path):
                raise UserError(
                    f"{self.path} is neither a directory nor a whole zip file.",
                    "Give the directory of a release, or download its zip again.",
                )
            top = zipfile.Path(self.path)
        found: list[tuple[str, str, dict[str, Path | zipfile.Path]]] = []
        for folder in (top, *(entry for entry in top.iterdir() if entry.is_dir())):
            present = {entry.name: entry for entry in folder.iterdir()}
            for name, (movies, ratings, *_) in FORMATS.items():
                if {movies.name, ratings.name} & present.keys():
                    found.append((name, str(folder), present))
            if found and folder == top:
                break
        return found

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
        except (
            zipfile.BadZipFile,
            EOFError,
            zlib.error,
            NotImplementedError,
            RuntimeError,
        ) as error:
            # RuntimeError is zipfile's for a member with a password.
            raise UserError(
                f"{self.path} is damaged: {name} cannot be unpacked ({error}).",
                "Download the zip again.",
            ) from error


def count_lines(text: bytes) -> int:
    """Return how many lines a text has; the last one's end may be missing."""
    return text.count(b"\n") + (not text.endswith(b"\n"))
