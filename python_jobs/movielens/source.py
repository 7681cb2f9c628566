"""A release on disk: a directory or a zip, read in blocks of whole lines."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import BadZipFile, ZipFile, is_zipfile

from python_jobs.errors import UserError
from python_jobs.movielens.formats import RELEASE_FORMATS, FileFormat, ReleaseFormat, recognise

BLOCK_BYTES = 2 * 1024 * 1024
"""Read at a time: some 80,000 ratings. Four times as much saves a fifth of the CPU time, and takes
250 MiB more of memory, which ClickHouse keeps once it had it."""
LONGEST_LINE = 1024 * 1024
"""Bytes after which a file without a line end is not a release's."""

NAMES = frozenset(
    file.name
    for release in RELEASE_FORMATS
    for file in (release.movies, release.ratings, release.users)
    if file
)


@dataclass(frozen=True)
class Block:
    """Whole lines of a file."""

    first_line: int
    """Number of the first one, from 1; a header counts."""
    text: bytes
    """The lines, with their ends but for the last one's."""
    size: int
    """Bytes that the block takes in the file."""

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return self.text.count(b"\n") + 1


class Release:
    """The files of a release, wherever they are.

    Parameters
    ----------
    path
        A directory, or a zip as downloaded; the files may be one folder down in either.

    Raises
    ------
    UserError
        If there is no such path, it cannot be read, or its files are no release's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = path.is_file()
        with self._explained(path.name):
            self._sizes = self._zip_sizes() if self._zip else self._directory_sizes()
        folder = self._one_folder()
        self._members = {member.name: str(member) for member in self._sizes_in(folder)}
        self.format: ReleaseFormat = recognise(str(path / folder), self._members)

    @property
    def files(self) -> list[FileFormat]:
        """The files to load, in order."""
        return self.format.files(self._members)

    def size(self, file: FileFormat) -> int:
        """Return a file's size in bytes, unpacked."""
        return self._sizes[PurePosixPath(self._members[file.name])]

    def blocks(self, file: FileFormat, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
        """Yield a file's lines but its header, in blocks.

        Raises
        ------
        UserError
            If the file cannot be read to its end, is empty, has another header than its format,
            or has no line ends.
        """
        with self._explained(file.name), self._open(file) as opened:
            first_line = 1
            if file.header:
                self._check_header(file, opened.readline(LONGEST_LINE))
                first_line = 2
            while text := opened.read(block_bytes):
                if not text.endswith(b"\n"):
                    text += opened.readline(LONGEST_LINE)
                block = Block(first_line, text.removesuffix(b"\n"), len(text))
                if len(text) >= LONGEST_LINE and b"\n" not in text[-LONGEST_LINE:]:
                    raise UserError(
                        f"{self.path}: {file.name} has no line end for {LONGEST_LINE:,} bytes "
                        f"after line {first_line + block.lines - 1:,}: it is no text file.",
                        "Unpack the release again.",
                    )
                yield block
                first_line += block.lines
            if first_line <= (2 if file.header else 1):
                raise UserError(f"{self.path}: {file.name} is empty.", "Unpack the release again.")

    def _check_header(self, file: FileFormat, line: bytes) -> None:
        text = line.decode("utf-8-sig", errors="replace").rstrip("\r\n")
        names = tuple(next(csv.reader([text]), ()))
        if names != file.header:
            raise UserError(
                f"{self.path}: the first line of {file.name} is not "
                f"{','.join(file.header)} but {text[:80]!r}.",
                "Give a release as GroupLens publishes it, in UTF-8.",
            )

    @contextmanager
    def _open(self, file: FileFormat) -> Iterator[IO[bytes]]:
        member = self._members[file.name]
        if not self._zip:
            with (self.path / member).open("rb") as opened:
                yield opened
            return
        with ZipFile(self.path) as archive, archive.open(member) as opened:
            yield opened

    def _zip_sizes(self) -> dict[PurePosixPath, int]:
        if not is_zipfile(self.path):
            raise UserError(
                f"{self.path} is neither a directory nor a whole zip file.",
                "Give the directory of a release, or download its zip again.",
            )
        with ZipFile(self.path) as archive:
            return {PurePosixPath(info.filename): info.file_size for info in archive.infolist()}

    def _directory_sizes(self) -> dict[PurePosixPath, int]:
        found = [*self.path.iterdir()]
        for folder in [entry for entry in found if entry.is_dir()]:
            found += [entry for entry in folder.iterdir() if entry.name in NAMES]
        return {
            PurePosixPath(entry.relative_to(self.path).as_posix()): entry.stat().st_size
            for entry in found
            if entry.is_file()
        }

    def _one_folder(self) -> PurePosixPath:
        """Return the folder of the release: the top, or the only one below with such files."""
        folders = {member.parent for member in self._sizes if member.name in NAMES}
        below = {folder for folder in folders if len(folder.parts) == 1}
        if PurePosixPath() in folders or not below:
            return PurePosixPath()
        if len(below) > 1:
            raise UserError(
                f"{self.path} holds more than one release: {', '.join(sorted(map(str, below)))}.",
                "Give the directory of one release.",
            )
        return below.pop()

    def _sizes_in(self, folder: PurePosixPath) -> list[PurePosixPath]:
        return [member for member in self._sizes if member.parent == folder]

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
        except (BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
            # RuntimeError is zipfile's for a member with a password.
            raise UserError(
                f"{self.path} is damaged: {name} cannot be unpacked ({error}).",
                "Download the zip again.",
            ) from error
