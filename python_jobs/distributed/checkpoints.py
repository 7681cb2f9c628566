"""Where a fit is, kept in MLflow's store of artifacts, so that it survives the scheduler.

In the folder ``checkpoint`` of the run: ``state.json`` says which mart was cut in which way and
with which settings it is fitted; a folder for each fit and member holds the last places, each a
folder that counts once it has its ``place.json``, which is put last.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from python_jobs.distributed.fit import Place
from python_jobs.distributed.fit_tasks import gone_on
from python_jobs.distributed.partitions import Cut
from python_jobs.errors import UserError
from python_jobs.interactions.stamp import Stamp
from python_jobs.model.settings import Settings
from python_jobs.tracking.kept_files import KeptFiles
from python_jobs.tracking.store import reason

if TYPE_CHECKING:
    from python_jobs.distributed.cluster import Cluster, Handle

FOLDER = "checkpoint"
STATE, PLACE, MOVIES = "state.json", "place.json", "movies.npy"
SECONDS = 300.0
"""Between two checkpoints, by default: what a dead scheduler costs at most, besides reading."""


@dataclass(frozen=True)
class State:
    """What a fit goes on from has to be the same of."""

    settings: Settings
    cuts: list[Cut]
    cells: int
    stamp: Stamp

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> State:
        """Read it from text."""
        said = json.loads(text)
        stamp = said["stamp"]
        weights = tuple(stamp["weights"]) if stamp["weights"] else None
        return cls(
            settings=Settings.from_mapping(said["settings"]),
            cuts=[Cut(**cut) for cut in said["cuts"]],
            cells=said["cells"],
            stamp=Stamp(**{**stamp, "weights": weights}),
        )


def state_of(files: KeptFiles) -> State:
    """Return what a run was when it was last kept.

    Raises
    ------
    UserError
        If it has kept nothing.
    """
    text = files.text(FOLDER, STATE)
    if not text:
        raise UserError(
            f"Run {files.run_id} has kept nothing to go on from.",
            "A training with --engine dask keeps where it is every few minutes "
            "(--checkpoint-minutes); `python_jobs train` begins a new one.",
        )
    return State.from_json(text)


@dataclass
class Checkpoints:
    """Where a run keeps its fits."""

    cluster: Cluster
    files: KeptFiles
    state: State
    seconds: float = SECONDS
    kept: bool = False
    """Whether there is something to go on from."""
    _last: float = field(default_factory=time.monotonic)

    def of(self, fit: str, settings: Settings) -> MemberKeeper:
        """Return where a fit of some settings is kept."""
        return MemberKeeper(self, fit, settings)

    def due(self) -> bool:
        """Return whether it is time for the next one."""
        return time.monotonic() - self._last >= self.seconds

    def put(self, folder: str, place: Place, settings: Settings) -> None:
        """Keep where a member's fit is, and then forget where it was before."""
        (Ht,) = self.cluster.results([place.Ht])
        here = f"{folder}/{place.iteration:06}"
        with TemporaryDirectory() as directory:
            path = Path(directory)
            if not self.kept:
                (path / STATE).write_text(self.state.to_json())
                self.files.put(FOLDER, path)
                (path / STATE).unlink()
            np.save(path / MOVIES, Ht.factors)
            self.files.put(here, path)
            (path / MOVIES).unlink()
            for number, part in enumerate(place.W):
                # One at a time, as each may be as large as this machine can hold.
                self._save(part, path / users_file(number))
                self.files.put(here, path)
                (path / users_file(number)).unlink()
            said: dict[str, Any] = {
                "iteration": place.iteration,
                "first_violation": place.first_violation,
                "done": place.done,
                "settings": asdict(settings),
            }
            (path / PLACE).write_text(json.dumps(said))
            self.files.put(here, path)
        for name in self.files.names(folder):
            if name != f"{place.iteration:06}":
                self.files.remove(f"{folder}/{name}")
        self.kept, self._last = True, time.monotonic()

    def _save(self, part: Handle, file: Path) -> None:
        (W,) = self.cluster.results([part])
        np.save(file, W.factors)

    def remove(self) -> str:
        """Forget all of it, since the run has what it was for; return what was left undone."""
        try:
            if self.kept:
                self.files.remove(FOLDER)
        except Exception as error:  # the stores' clients raise their own kinds
            return (
                f"The folder {FOLDER} of run {self.files.run_id} is still among its artifacts, and "
                f"nobody needs it: {reason(error)}"
            )
        return ""


@dataclass(frozen=True)
class MemberKeeper:
    """Where the members of one fit are kept."""

    all: Checkpoints
    fit: str
    settings: Settings

    def last(self, member: int) -> Place | None:
        """Return where a member's fit was when it was last kept; None where it is not."""
        files, folder = self.all.files, self._folder(member)
        for name in reversed(files.names(folder)):
            text = files.text(f"{folder}/{name}", PLACE)
            said = json.loads(text) if text else {}
            # Of a champion that is another by now there is nothing to go on from.
            if said and Settings.from_mapping(said["settings"]) == self.settings:
                return self._place(f"{folder}/{name}", said)
        return None

    def keep(self, member: int, place: Place) -> None:
        """Keep it, if it is time to."""
        if self.all.due():
            self.all.put(self._folder(member), place, self.settings)

    def _folder(self, member: int) -> str:
        return f"{FOLDER}/{self.fit}_{member}"

    def _place(self, folder: str, said: dict[str, Any]) -> Place:
        submit = self.all.cluster.submit
        with TemporaryDirectory() as directory:
            path = self.all.files.fetched(folder, Path(directory))
            W = [
                submit(number, gone_on, np.load(path / users_file(number)))
                for number in range(len(self.all.state.cuts))
            ]
            Ht = submit(0, gone_on, np.load(path / MOVIES))
        return Place(said["iteration"], said["first_violation"], W, Ht, said["done"])


def users_file(number: int) -> str:
    """Return the file of a partition's user factors."""
    return f"users_{number:05}.npy"


def require_same(state: State, cells: int, stamp: Stamp) -> None:
    """Refuse a mart that is another than a run was fitted on.

    Raises
    ------
    UserError
        If it has been built since, or has other rows.
    """
    if (state.stamp, state.cells) != (stamp, cells):
        raise UserError(
            f"The training mart is another than the run was fitted on: {stamp} with {cells:,} "
            f"rows; then it was {state.stamp} with {state.cells:,}.",
            "`python_jobs train` without --resume begins anew, on the mart as it is.",
        )
