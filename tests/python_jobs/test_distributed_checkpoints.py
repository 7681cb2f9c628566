"""A fit that died goes on from where it was kept, and ends as if it had not: no cluster needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from python_jobs.distributed.checkpoints import FOLDER, Checkpoints, State, require_same, state_of
from python_jobs.distributed.fit import Fitted, fit
from python_jobs.distributed.fit_tasks import size_of
from python_jobs.distributed.partitions import LARGEST_ID, Cut
from python_jobs.errors import UserError
from python_jobs.interactions.stamp import Stamp
from python_jobs.model.settings import Settings
from python_jobs.tracking.kept_files import KeptFiles, require_unfinished
from python_jobs.tracking.store import tracked_run
from tests.python_jobs.here import Here, Made
from tests.python_jobs.test_distributed_fit import cut, scores

SETTINGS = Settings(max_iter=12, ensemble_ranks=(3, 2), user_scaling=0.5)
STAMP = Stamp("analytics.mart", "abc", "2026-01-01 00:00", {"users": "raw.users"}, (1.0, 0.5))
CUTS = [Cut(0, 9, 100), Cut(10, LARGEST_ID, 90)]
STATE = State(SETTINGS, CUTS, 190, STAMP)
MATRIX = scores(40, 30)


class DiedError(Exception):
    pass


@pytest.fixture
def run_id(store):
    with pytest.raises(DiedError), tracked_run(store, "train", {}) as run_id:
        raise DiedError
    yield run_id
    store.client.delete_run(run_id)


def checkpoints(store, run_id: str, *, kept: bool = False, seconds: float = 0.0) -> Checkpoints:
    return Checkpoints(Here(), KeptFiles(store, run_id), STATE, seconds, kept)


def fitted(kept: Checkpoints | None, dies_at: int = 0, settings=SETTINGS) -> tuple[Fitted, int]:
    parts, count = cut(MATRIX, [15]), 0

    def on_iteration() -> None:
        nonlocal count
        count += 1
        if count == dies_at:
            raise DiedError

    sizes = [size_of(part) for part in parts]
    keeper = kept.of("fit", settings) if kept else None
    found = fit(Here(), [Made(part) for part in parts], sizes, 30, settings, on_iteration, keeper)
    return found, count


def bits(found: Fitted) -> tuple[bytes, ...]:
    return found.H.tobytes(), *(W.tobytes() for W in Here().results(found.W))


@pytest.mark.parametrize(("dies_at", "left"), [(1, 23), (7, 17), (12, 12), (13, 11), (24, 0)])
def test_it_goes_on_with_the_same_bits(store, run_id, dies_at, left):
    whole, _ = fitted(None)
    with pytest.raises(DiedError):
        fitted(checkpoints(store, run_id), dies_at)
    again, count = fitted(checkpoints(store, run_id, kept=True))
    assert count == left
    assert bits(again) == bits(whole)
    assert again.iterations == whole.iterations
    assert state_of(KeptFiles(store, run_id)) == STATE


def test_one_place_of_each_member_is_kept_and_in_the_end_none(store, run_id):
    kept = checkpoints(store, run_id)
    fitted(kept)
    files = KeptFiles(store, run_id)
    assert files.names(FOLDER) == ["fit_0", "fit_1", "state.json"]
    assert files.names(f"{FOLDER}/fit_1") == ["000012"]
    assert kept.remove() == ""
    assert files.names(FOLDER) == []


def test_what_was_half_written_does_not_count(store, run_id, monkeypatch):
    whole, _ = fitted(None)
    kept = checkpoints(store, run_id)
    put: Any = KeptFiles.put
    puts: list[str] = []

    def put_or_die(self, folder, files):
        puts.append(folder)
        if len(puts) == 11:
            raise DiedError
        put(self, folder, files)

    monkeypatch.setattr(KeptFiles, "put", put_or_die)
    with pytest.raises(DiedError):
        fitted(kept)
    monkeypatch.setattr(KeptFiles, "put", put)
    # The state, four files of each of two places, and one of the third.
    assert puts[-1] == f"{FOLDER}/fit_0/000003"
    again, count = fitted(checkpoints(store, run_id, kept=True))
    assert count == 22
    assert bits(again) == bits(whole)


def test_it_is_kept_every_so_often(store, run_id):
    kept = checkpoints(store, run_id, seconds=1e6)
    fitted(kept)
    assert not kept.kept
    assert kept.remove() == ""
    with pytest.raises(UserError, match="has kept nothing to go on from"):
        state_of(KeptFiles(store, run_id))


def test_of_other_settings_there_is_nothing_to_go_on_from(store, run_id):
    """As when another model became the champion meanwhile."""
    with pytest.raises(DiedError):
        fitted(checkpoints(store, run_id), 7)
    other = replace(SETTINGS, random_state=1)
    assert checkpoints(store, run_id, kept=True).of("fit", other).last(0) is None
    again, count = fitted(checkpoints(store, run_id, kept=True), settings=other)
    assert count == 24
    assert bits(again) == bits(fitted(None, settings=other)[0])


def test_another_mart_is_refused():
    require_same(STATE, 190, STAMP)
    with pytest.raises(UserError, match="another than the run was fitted on"):
        require_same(STATE, 191, STAMP)
    with pytest.raises(UserError, match="without --resume begins anew"):
        require_same(STATE, 190, replace(STAMP, dbt_invocation_id="def"))


def test_a_run_that_has_ended_or_never_was_is_refused(store, run_id):
    assert require_unfinished(store, run_id) == "train"
    with tracked_run(store, "train", {}) as ended:
        pass
    with pytest.raises(UserError, match="has ended"):
        require_unfinished(store, ended)
    for unknown in ("0" * 32, "elsewhere"):
        with pytest.raises(UserError, match="There is no run"):
            require_unfinished(store, unknown)


def test_a_run_is_gone_on_with_as_itself(store, run_id):
    with tracked_run(store, "train", {"forced": "true"}, run_id) as again:
        assert again == run_id
    run = store.client.get_run(run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "train")
    assert run.data.tags["forced"] == "true"


def test_a_store_that_cannot_forget_is_a_warning(store, run_id, monkeypatch):
    kept = checkpoints(store, run_id, kept=True)

    def failing(self, folder):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(KeptFiles, "remove", failing)
    assert "Read-only file system" in kept.remove()
