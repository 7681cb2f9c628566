"""Taking a user out of what MLflow keeps of models: their ids, their row of W, their fingerprint.

What is rewritten has one row less, so that the model loads, scores and is rolled back to as before;
to it the user is somebody new.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from python_jobs.tracking.record import METADATA, SUMMARY, file_of, numbers_of
from python_jobs.tracking.scratch import scratch
from python_jobs.tracking.store import reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from python_jobs.tracking.store import Tracking

IDS = "user_ids"
BY_USER = ("user_features", "user_fingerprints")
"""Arrays with a row for each user, beside that of the ids."""
Ids = dict[int | None, "NDArray[np.uint64]"]
"""Users of a model by the number of their part; None is the number of the whole."""


def runs_with(tracking: Tracking, user_id: int) -> tuple[list[str], dict[str, str]]:
    """Return the MLflow runs whose model holds a user.

    Those of the experiment, deleted ones included, and those of the model's versions.

    Returns
    -------
    tuple
        The ids of the runs; and, by its id, why another could not be read.
    """
    found, unread = [], {}
    for run_id in _runs(tracking):
        try:
            with scratch() as folder:
                if _part_of(_user_ids(tracking, run_id, folder), user_id):
                    found.append(run_id)
        except Exception as error:  # the stores' clients, NumPy and JSON raise their own kinds
            unread[run_id] = f"{type(error).__name__}: {reason(error)}"
    return found, unread


def remove_from_runs(
    tracking: Tracking, run_ids: list[str], user_id: int, done: Callable[[], None]
) -> dict[str, str]:
    """Rewrite the artifacts of runs without a user.

    Parameters
    ----------
    tracking
        The store.
    run_ids
        Runs whose model holds the user.
    user_id
        The user.
    done
        Called after each run.

    Returns
    -------
    dict
        Why a run's artifacts could not be rewritten, by the run's id: a store may be read-only.
    """
    failed = {}
    for run_id in run_ids:
        try:
            with scratch() as folder:
                _rewrite(tracking, run_id, user_id, folder)
        except Exception as error:  # each kind of storage has a client with its own
            failed[run_id] = f"{type(error).__name__}: {reason(error)}"
        done()
    return failed


def _runs(tracking: Tracking) -> Iterator[str]:
    from mlflow.entities import ViewType

    seen = set()
    token = None
    while True:
        page = tracking.client.search_runs(
            [tracking.experiment_id], run_view_type=ViewType.ALL, page_token=token
        )
        seen |= {str(run.info.run_id) for run in page}
        token = page.token
        if not token:
            break
    versions = tracking.client.search_model_versions(f"name = '{tracking.model_name}'")
    yield from sorted(seen | {str(version.run_id) for version in versions})


def _user_ids(tracking: Tracking, run_id: str, folder: Path) -> Ids:
    """Return the users of a run's model, as the run keeps them; none where it has no model.

    Models of the first release have them in ``metadata.json`` alone.
    """
    import numpy as np

    def fetched(name: str) -> Path:
        return Path(tracking.client.download_artifacts(run_id, name, str(folder)))

    names = {file.path for file in tracking.client.list_artifacts(run_id)}
    if SUMMARY in names:
        numbers = numbers_of(json.loads(fetched(SUMMARY).read_text()))
        return {
            number: np.asarray(np.load(fetched(file_of(IDS, number))), np.uint64)
            for number in numbers
        }
    if METADATA in names:
        ids = json.loads(fetched(METADATA).read_text())["user_ids"]
        return {None: np.asarray(ids, np.uint64)}
    return {}


def _part_of(user_ids: Ids, user_id: int) -> list[int | None]:
    """Return the number of the part that holds a user, if one does."""
    return [number for number, ids in user_ids.items() if (ids == user_id).any()]


def _rewrite(tracking: Tracking, run_id: str, user_id: int, folder: Path) -> None:
    """Rewrite one run's artifacts, the ids last: until then a second attempt finds them."""
    import numpy as np

    found = _user_ids(tracking, run_id, folder)
    (number,) = _part_of(found, user_id)
    user_ids = found[number]
    (row,) = np.flatnonzero(user_ids == user_id)
    for name in BY_USER:
        file = file_of(name, number)
        path = Path(tracking.client.download_artifacts(run_id, file, str(folder)))
        array = np.load(path)
        if array.shape[0] == user_ids.size:  # an attempt that died has not been here
            np.save(path, np.delete(array, row, axis=0))
            _put(tracking, run_id, path)
    path = Path(tracking.client.download_artifacts(run_id, METADATA, str(folder)))
    metadata = json.loads(path.read_text())
    if IDS in metadata:  # of many users it names the files
        metadata[IDS] = [each for each in metadata[IDS] if each != user_id]
        path.write_text(json.dumps(metadata))
        _put(tracking, run_id, path)
    if (path := folder / file_of(IDS, number)).exists():
        np.save(path, np.delete(user_ids, row))
        _put(tracking, run_id, path)


def _put(tracking: Tracking, run_id: str, path: Path) -> None:
    """Put an artifact in the place of the one of its name; on a disk in one step."""
    from mlflow.utils.file_utils import local_file_uri_to_path

    uri = str(tracking.client.get_run(run_id).info.artifact_uri)
    if not uri.startswith(("file:", "/")):
        tracking.client.log_artifact(run_id, str(path))
        return
    place = Path(local_file_uri_to_path(uri)) / path.name
    beside = place.with_name(f"{place.name}.new")
    shutil.copy(path, beside)
    os.replace(beside, place)  # noqa: PTH105
