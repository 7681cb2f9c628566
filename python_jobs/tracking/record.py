"""The model as a run leaves it in MLflow, and as the jobs read it back: factors, ids, settings.

Artifacts of a run, all in its root:

- ``user_features.npy`` (users × k) and ``movie_features.npy`` (k × movies), float32;
- ``movie_pasts.npy`` (movies × the rank of transitions), float32, only of a model that has them;
- ``judged_movie_features.npy`` and ``judged_movie_pasts.npy``: the same of the fit on the training
  part by which the run was judged, for a run that starts warm; only where it was judged by time;
- ``user_ids.npy`` and ``movie_ids.npy``, uint64, in the order of the factors;
- ``user_fingerprints.npy``, uint64, see :class:`ModelRecord`;
- of a model that was fitted on several machines, in the place of each of the three files of users
  one for each part of them: ``user_ids_00000.npy`` and so on, in order;
- ``model.json``: what of the run the jobs need besides, a few hundred bytes;
- ``metadata.json``: everything about the run with the mappings of ids to indices, for readers who
  have MLflow alone. The jobs do not read it, except of models from before ``model.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from python_jobs.errors import UserError
from python_jobs.model.settings import Settings
from python_jobs.model.warm_start import MovieFactors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT, FORMAT_OF_PARTS = 3, 4
"""Version of the artifacts; 1 had ids and settings in ``metadata.json`` alone, and 2 no
``movie_pasts.npy``. Only a model whose users are in parts has the last: the releases before read
all others."""
BY_USER = ("user_features", "user_ids", "user_fingerprints")
"""Arrays with a row for each user, each a file of its own."""
PARTS = "user_parts"
"""What ``model.json`` says of how many files each of these is in, where that is not one."""
LARGEST_MAPPING = 1_000_000
"""Users up to which ``metadata.json`` holds their ids; of more it names the files that do, under
:data:`ID_FILES`: as text a hundred million ids are 2 GB."""
ID_FILES = "user_id_files"
SUMMARY, METADATA, PASTS = "model.json", "metadata.json", "movie_pasts.npy"
JUDGED = "judged_"
"""What the names of a judged fit's arrays begin with."""


@dataclass(frozen=True)
class Summary:
    """What a model is, without its arrays."""

    settings: Settings
    """What it was fitted with."""
    params: dict[str, str]
    metrics: dict[str, float]
    """As they were logged when it was trained."""


@dataclass(frozen=True)
class Users:
    """Some of a model's users."""

    W: NDArray[np.float32]
    """Their factors, users × k."""
    ids: NDArray[np.uint64]
    """Ascending."""
    fingerprints: NDArray[np.uint64]
    """See :class:`ModelRecord`."""


@dataclass(frozen=True)
class TrainedModel:
    """A model as it comes from a fit."""

    H: NDArray[np.float32]
    """Movie factors, k × movies."""
    P: NDArray[np.float32] | None
    """As :class:`ModelRecord` has it."""
    model: Any
    """The fitted ``sklearn.decomposition.NMF``, or a ``FeatureUnion`` of several."""
    iterations: int
    """Iterations that the solver used, at least 1."""
    converged: bool
    """Whether it stopped because it had converged and not at ``max_iter``."""
    users: Callable[[], Iterator[Users]]
    """Returns all of its users, in parts, by ascending ids."""


@dataclass(frozen=True)
class ModelParts:
    """A model as it is saved."""

    H: NDArray[np.float32]
    P: NDArray[np.float32] | None
    movie_ids: NDArray[np.uint64]
    summary: Summary
    """As :class:`ModelRecord` has them."""
    users: Callable[[], Iterator[Users]]
    """As :class:`TrainedModel` has it."""
    judged: MovieFactors | None = None
    """As :class:`ModelRecord` has it."""


@dataclass(frozen=True)
class ModelRecord:
    """A trained model: its factors, what their rows and columns stand for, and its summary."""

    W: NDArray[np.float32]
    """User factors, users × k."""
    H: NDArray[np.float32]
    """Movie factors, k × movies."""
    user_ids: NDArray[np.uint64]
    """User of each row of W, ascending."""
    movie_ids: NDArray[np.uint64]
    """Movie of each column of H, ascending."""
    fingerprints: NDArray[np.uint64]
    """One number per user that changes when the user's interactions do."""
    summary: Summary
    P: NDArray[np.float32] | None = None
    """What a movie of the past brings to the last features of H, movies × their number; None of a
    model without transitions."""
    judged: MovieFactors | None = None
    """H and P of the fit by which it was judged; None where it was not, and of models of earlier
    releases."""

    def parts(self) -> ModelParts:
        """Return it as it is saved, in one part."""
        users = Users(self.W, self.user_ids, self.fingerprints)
        return ModelParts(
            self.H, self.P, self.movie_ids, self.summary, lambda: iter([users]), self.judged
        )


def save_record(model: ModelParts, about: dict[str, Any], folder: Path) -> None:
    """Write a model's artifacts into a folder, holding one part of its users at a time.

    Parameters
    ----------
    model
        The model. Where its users are one part, the files of them have no numbers.
    about
        What else readers of ``metadata.json`` are told of the run.
    folder
        An empty directory.
    """
    import numpy as np

    np.save(folder / "movie_features.npy", model.H)
    if model.P is not None:
        np.save(folder / PASTS, model.P)
    if model.judged is not None:
        np.save(folder / f"{JUDGED}movie_features.npy", model.judged.H)
        if model.judged.P is not None:
            np.save(folder / f"{JUDGED}{PASTS}", model.judged.P)
    np.save(folder / "movie_ids.npy", model.movie_ids)
    sizes: list[int] = []
    for part in model.users():
        number = len(sizes)
        np.save(folder / file_of("user_features", number), part.W)
        np.save(folder / file_of("user_ids", number), part.ids)
        np.save(folder / file_of("user_fingerprints", number), part.fingerprints)
        sizes.append(part.ids.size)
        # Before the next one comes, as each may be as large as this machine can hold.
        del part
    if len(sizes) == 1:
        for name in BY_USER:
            (folder / file_of(name, 0)).rename(folder / file_of(name))
    said = {"format": FORMAT, **asdict(model.summary)}
    if len(sizes) > 1:
        said |= {"format": FORMAT_OF_PARTS, PARTS: len(sizes)}
    (folder / SUMMARY).write_text(json.dumps(said))
    files = [file_of("user_ids", number) for number in numbers_of(said)]
    ids: dict[str, Any] = {ID_FILES: files}
    if sum(sizes) <= LARGEST_MAPPING:
        ids = {"user_ids": [each for file in files for each in np.load(folder / file).tolist()]}
    ids["movie_ids"] = model.movie_ids.tolist()
    (folder / METADATA).write_text(json.dumps({**about, **asdict(model.summary), **ids}))


def file_of(name: str, number: int | None = None) -> str:
    """Return the file of one of :data:`BY_USER`; of a part, where the model is in parts."""
    return f"{name}.npy" if number is None else f"{name}_{number:05}.npy"


def numbers_of(said: Mapping[str, Any]) -> list[int | None]:
    """Return the numbers of the parts that a model's ``model.json`` says; None is the whole."""
    return [*range(said[PARTS])] if PARTS in said else [None]


def load_record(folder: Path) -> ModelRecord:
    """Read a model's artifacts back from a folder.

    Raises
    ------
    OSError
        If one of them is not there.
    UserError
        If their users are not the same ones: somebody would get the list of another.
    """
    import numpy as np

    def of_users(name: str) -> NDArray[Any]:
        parts = [np.load(folder / file_of(name, number)) for number in numbers_of(found)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    has_summary = (folder / SUMMARY).exists()
    found = json.loads((folder / (SUMMARY if has_summary else METADATA)).read_text())
    summary, H = summary_of(found), np.load(folder / "movie_features.npy")
    W, fingerprints = of_users("user_features"), of_users("user_fingerprints")
    if has_summary:
        user_ids, movie_ids = of_users("user_ids"), np.load(folder / "movie_ids.npy")
    else:
        user_ids, movie_ids = (
            np.asarray(found[name], np.uint64) for name in ("user_ids", "movie_ids")
        )
    if not len(W) == len(fingerprints) == user_ids.size:
        raise UserError(
            f"A model's artifacts do not fit each other: they have {len(W):,} users' features, "
            f"{len(fingerprints):,} fingerprints and {user_ids.size:,} ids.",
            "A `python_jobs forget` that died half-way leaves them so: run it again, and it "
            "finishes. Otherwise restore them, or train again with --force.",
        )
    P = np.load(folder / PASTS) if summary.settings.transition_rank else None
    judged = None
    if (path := folder / f"{JUDGED}movie_features.npy").exists():
        theirs = None if P is None else np.load(folder / f"{JUDGED}{PASTS}")
        judged = MovieFactors(movie_ids, np.load(path), theirs)
    return ModelRecord(W, H, user_ids, movie_ids, fingerprints, summary, P, judged)


def summary_of(found: dict[str, Any]) -> Summary:
    """Make a summary of what ``model.json``, or an earlier ``metadata.json``, holds."""
    return Summary(Settings.from_mapping(found["settings"]), found["params"], found["metrics"])
