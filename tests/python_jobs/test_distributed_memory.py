"""The driver has the user factors of one partition at a time, however many there are."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from python_jobs.distributed.checkpoints import Checkpoints
from python_jobs.distributed.fit import Place
from python_jobs.distributed.fitted import FittedOnWorkers
from python_jobs.distributed.half_steps import Moved
from python_jobs.tracking.kept_files import KeptFiles
from python_jobs.tracking.record import load_record, save_record
from python_jobs.tracking.store import tracked_run
from tests.python_jobs.here import Here, Made
from tests.python_jobs.test_distributed_checkpoints import SETTINGS, STATE
from tests.python_jobs.test_record import RECORD

PARTS, K = 4, 3


@dataclass
class Watched(Here):
    """Knows which user factors that it has brought here are still held."""

    brought: list[weakref.ref[Any]] = field(default_factory=list)
    most: int = 0

    def results(self, handles: Sequence[Made]) -> list[Any]:
        found = super().results(handles)
        for each in found:
            factors = each.factors if isinstance(each, Moved) else each
            if isinstance(factors, np.ndarray):
                self.brought.append(weakref.ref(factors))
        self.most = max(self.most, sum(each() is not None for each in self.brought))
        return found


def factors_of(at: int) -> np.ndarray:
    return np.full((2, K), at, np.float32)


def ids_of(at: int) -> np.ndarray:
    return np.arange(2, dtype=np.uint64) + 2 * at


def test_users_are_logged_a_partition_at_a_time(tmp_path):
    workers = Watched()
    parts = [
        Made(SimpleNamespace(user_ids=ids_of(at), fingerprints=ids_of(at) + 100))
        for at in range(PARTS)
    ]
    learned: Any = SimpleNamespace(workers=workers, parts=parts)
    fitted: Any = SimpleNamespace(
        W=[Made(factors_of(at)) for at in range(PARTS)],
        H=np.ones((K, 3), np.float32),
        model=None,
        iterations=1,
        converged=True,
    )
    model = FittedOnWorkers(learned, [], fitted).model
    saved: Any = SimpleNamespace(**{**vars(RECORD.parts()), "H": model.H, "users": model.users})
    save_record(saved, {}, tmp_path)
    assert (len(workers.brought), workers.most) == (PARTS, 1)
    found = load_record(tmp_path)
    assert found.W.tolist() == np.vstack([factors_of(at) for at in range(PARTS)]).tolist()
    assert found.user_ids.tolist() == list(range(2 * PARTS))
    assert found.fingerprints.tolist() == list(range(100, 100 + 2 * PARTS))


def test_they_are_kept_a_partition_at_a_time(store):
    workers = Watched()
    W = [Made(Moved(factors_of(at))) for at in range(PARTS)]
    place = Place(5, 1.0, W, Made(Moved(np.ones((7, K), np.float32))), done=False)
    with tracked_run(store, "train", {}) as run_id:
        kept = Checkpoints(workers, KeptFiles(store, run_id), STATE)
        kept.put("checkpoint/fit_0", place, SETTINGS)
        names = kept.files.names("checkpoint/fit_0/000005")
    store.client.delete_run(run_id)
    assert [name for name in names if name.startswith("users_")] == [
        f"users_{at:05}.npy" for at in range(PARTS)
    ]
    # The movies' factors are held all the while.
    assert (len(workers.brought), workers.most) == (PARTS + 1, 2)
