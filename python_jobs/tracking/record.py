"""The model as a run leaves it in MLflow, and as the jobs read it back: factors, ids, settings.

Artifacts of a run, all in its root:

- ``user_features.npy`` (users × k) and ``movie_features.npy`` (k × movies), float32;
- ``movie_pasts.npy`` (movies × the rank of transitions), float32, only of a model that has them;
- ``user_ids.npy`` and ``movie_ids.npy``, uint64, in the order of the factors;
- ``user_fingerprints.npy``, uint64, see :class:`ModelRecord`;
- ``model.json``: what of the run the jobs need besides, a few hundred bytes;
- ``metadata.json``: everything about the run with the mappings of ids to indices, for readers who
  have MLflow alone. The jobs do not read it, except of models from before ``model.json``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from python_jobs.errors import UserError
from python_jobs.model.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 3
"""Version of the artifacts; 1 had ids and settings in ``metadata.json`` alone, and 2 no
``movie_pasts.npy``."""
SUMMARY, METADATA, PASTS = "model.json", "metadata.json", "movie_pasts.npy"


@dataclass(frozen=True)
class Summary:
    """What a model is, without its arrays."""

    settings: Settings
    """What it was fitted with."""
    params: dict[str, str]
    metrics: dict[str, float]
    """As they were logged when it was trained."""


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


def save_record(record: ModelRecord, about: dict[str, Any], folder: Path) -> None:
    """Write a model's artifacts into a folder.

    Parameters
    ----------
    record
        The model.
    about
        What else readers of ``metadata.json`` are told of the run.
    folder
        An empty directory.
    """
    import numpy as np

    np.save(folder / "user_features.npy", record.W)
    np.save(folder / "movie_features.npy", record.H)
    if record.P is not None:
        np.save(folder / PASTS, record.P)
    np.save(folder / "user_ids.npy", record.user_ids)
    np.save(folder / "movie_ids.npy", record.movie_ids)
    np.save(folder / "user_fingerprints.npy", record.fingerprints)
    summary = asdict(record.summary)
    (folder / SUMMARY).write_text(json.dumps({"format": FORMAT, **summary}))
    ids = {"user_ids": record.user_ids.tolist(), "movie_ids": record.movie_ids.tolist()}
    (folder / METADATA).write_text(json.dumps({**about, **summary, **ids}))


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

    W, H, fingerprints = (
        np.load(folder / f"{name}.npy")
        for name in ("user_features", "movie_features", "user_fingerprints")
    )
    if (folder / SUMMARY).exists():
        user_ids = np.load(folder / "user_ids.npy")
        movie_ids = np.load(folder / "movie_ids.npy")
        summary = summary_of(json.loads((folder / SUMMARY).read_text()))
    else:
        found = json.loads((folder / METADATA).read_text())
        user_ids, movie_ids = (
            np.asarray(found[name], np.uint64) for name in ("user_ids", "movie_ids")
        )
        summary = summary_of(found)
    if not len(W) == len(fingerprints) == user_ids.size:
        raise UserError(
            f"A model's artifacts do not fit each other: they have {len(W):,} users' features, "
            f"{len(fingerprints):,} fingerprints and {user_ids.size:,} ids.",
            "A `python_jobs forget` that died half-way leaves them so: run it again, and it "
            "finishes. Otherwise restore them, or train again with --force.",
        )
    P = np.load(folder / PASTS) if summary.settings.transition_rank else None
    return ModelRecord(W, H, user_ids, movie_ids, fingerprints, summary, P)


def summary_of(found: dict[str, Any]) -> Summary:
    """Make a summary of what ``model.json``, or an earlier ``metadata.json``, holds."""
    return Summary(Settings.from_mapping(found["settings"]), found["params"], found["metrics"])
