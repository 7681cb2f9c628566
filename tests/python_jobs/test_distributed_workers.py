"""Dask's workers as a job has them, in threads of this process; and what is said without them."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from python_jobs.dbt.project import Credentials, DbtProject
from python_jobs.distributed import connecting
from python_jobs.distributed import workers as workers_module
from python_jobs.distributed.cluster import summed
from python_jobs.distributed.connecting import connected
from python_jobs.distributed.refusals import require_server, require_supported
from python_jobs.distributed.source import Source
from python_jobs.distributed.workers import Workers
from python_jobs.errors import UserError
from python_jobs.model.settings import Settings

distributed = pytest.importorskip("distributed", reason="pip install 'dataflix[dask]'")

INTERRUPTED = """
import os, signal, threading, time, psutil
from python_jobs.distributed.connecting import connected

def interrupt():
    while len(psutil.Process().children()) < 3:  # the two workers, and what counts their semaphores
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    with connected(None, 2):
        print("connected")
except KeyboardInterrupt:
    print("interrupted", [child.name() for child in psutil.Process().children()][1:])
"""


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def workers(scheduler) -> Iterator[Workers]:
    with connected(scheduler.scheduler_address, None) as found:
        yield found


def refuse(number: int) -> int:
    raise UserError(f"{number} is refused.", "Give another.")


def out_of_memory() -> None:
    raise MemoryError


def said_of_versions() -> dict[str, str]:
    """Return what another machine says: a worker is another thread here."""
    here = threading.current_thread() is threading.main_thread()
    return {"numpy": "2.0" if here else "1.0"}


def test_what_is_made_comes_back_in_order_and_is_added_up(workers):
    assert len(workers.places) == 2
    made = [workers.submit(at, pow, at, 2) for at in range(20)]
    done: list[int] = []
    workers.finish(made, done.append)
    assert sorted(done) == list(range(20))
    workers.spread(made)
    assert workers.results(made) == [at**2 for at in range(20)]
    assert workers.results([summed(workers, made)]) == [sum(at**2 for at in range(20))]


def test_a_worker_that_dies_while_copies_are_made_ends_nothing(workers, monkeypatch):
    tried: list[list[str]] = []
    replicate = Workers._replicate

    def dying(self, keys):
        tried.append(keys)
        if len(tried) < 3:
            raise AssertionError  # as the scheduler does of a key that nobody holds
        replicate(self, keys)

    monkeypatch.setattr(Workers, "_replicate", dying)
    made = [workers.submit(at, pow, at, 2) for at in range(2)]
    workers.spread(made)
    assert tried == [[future.key for future in made]] * 3
    held = workers.client.who_has(made)
    assert [len(held[future.key]) for future in made] == [2, 2]
    monkeypatch.setattr(Workers, "_replicate", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        workers.spread(made)


def test_copies_that_tasks_are_about_to_take_are_left_to_them():
    """Of three copies, one more than are wanted, Dask's own `replicate` deletes one."""
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        connected(cluster.scheduler_address, None) as found,
    ):
        for made in (found.submit(0, pow, 2, power) for power in range(5)):
            found.results([made])
            RELEASED.clear()
            working = [found.submit(at, until_released) for at in range(3)]
            then = [found.submit(at, abs, made) for at in range(3)]
            while len(found.client.who_has([made])[made.key]) < 3:
                assert all(each.status == "pending" for each in then)
            found.spread([made])
            assert len(found.client.who_has([made])[made.key]) == 3
            RELEASED.set()
            assert found.results(then) == found.results([made]) * 3
            found.results(working)


RELEASED = threading.Event()


def until_released() -> None:
    RELEASED.wait(60)


def test_what_a_task_refuses_is_said_as_it_is(workers):
    with pytest.raises(UserError, match=r"^3 is refused") as told:
        workers.results([workers.submit(0, pow, 1, 1), workers.submit(1, refuse, 3)])
    assert told.value.hint == "Give another."


def test_too_little_memory_is_a_sentence(workers):
    with pytest.raises(UserError, match="not enough memory for its partition"):
        workers.results([workers.submit(0, out_of_memory)])


def test_a_worker_of_another_version_is_refused(scheduler, monkeypatch):
    monkeypatch.setattr(connecting, "versions", said_of_versions)
    message = r"The worker at inproc://\S+ has other versions than this machine: numpy 1.0 \(here"
    with (
        pytest.raises(UserError, match=message),
        connected(scheduler.scheduler_address, None),
    ):
        pass


def test_a_scheduler_without_workers_is_a_sentence(monkeypatch):
    monkeypatch.setattr(connecting, "SECONDS_TO_CONNECT", 1)
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, dashboard_address="127.0.0.1:0"
        ) as empty,
        pytest.raises(UserError, match="has no workers"),
        connected(empty.scheduler_address, None),
    ):
        pass


def test_workers_that_all_went_away_are_waited_for_a_while(monkeypatch):
    monkeypatch.setattr(workers_module, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(workers_module, "SECONDS_WITHOUT_WORKERS", 0.5)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        connected(cluster.scheduler_address, None) as found,
    ):
        cluster.scale(0)
        while found.client.scheduler_info(n_workers=-1)["workers"]:
            time.sleep(0.01)
        with pytest.raises(UserError, match="has no worker left"):
            found.results([found.submit(0, pow, 2, 2)])


def test_an_interrupt_while_workers_begin_ends_them_without_a_traceback():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "interrupted []"
    assert done.stderr == ""


def test_dask_that_is_not_installed_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(UserError, match="which is not installed") as told,
        connected("tcp://127.0.0.1:1", None),
    ):
        pass
    assert "pip install 'dataflix[dask]'" in told.value.hint


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(init="nndsvd"), "init=nndsvd needs the whole matrix"),
        (Settings(transition_rank=3), "transition_rank=3 is fitted in one process only"),
    ],
)
def test_settings_of_which_partitions_make_another_model_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        require_supported(settings)
    with pytest.raises(UserError, match=f"of what is live: {words}") as told:
        require_supported(settings, "what is live")
    assert "--no-evaluate" in told.value.hint


def test_the_password_is_not_in_what_is_sent():
    credentials = Credentials("clickhouse", host="example.com", password="very-secret")
    sent = pickle.dumps(Source.of(DbtProject(Path(), "server", credentials, {}, {})))
    assert b"example.com" in sent
    assert b"very-secret" not in sent


def test_all_other_settings_are_let_through():
    require_supported(
        Settings(
            alpha=0.1,
            watched_weight=2.0,
            score_power=0.5,
            recency=1.0,
            user_scaling=0.5,
            ensemble_ranks=(2, 3),
            diversity=0.5,
            new_share=0.1,
        )
    )


def test_an_embedded_database_is_refused():
    require_server(embedded=False)
    with pytest.raises(UserError, match="needs a ClickHouse server"):
        require_server(embedded=True)


def test_without_the_engine_nothing_of_dask_is_imported():
    modules = "python_jobs.commands.train, python_jobs.jobs.train"
    code = f"import sys, {modules}; print([m for m in sys.modules if m.split('.')[0] in "
    code += "('dask', 'distributed') or m.startswith('python_jobs.distributed')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_client_that_gave_up_its_scheduler_says_so_whatever_it_is_asked(scheduler):
    with connected(scheduler.scheduler_address, None) as found:
        made = [found.submit(0, pow, 2, 2)]
        assert found.results(made) == [4]
        # As Dask itself does, ten seconds after the scheduler has gone.
        found.client.close()
        for ask in (
            lambda: found.submit(0, pow, 2, 2),
            lambda: found.results(made),
            lambda: found.on_all(said_of_versions),
            lambda: found.spread(made),
        ):
            with pytest.raises(UserError, match="does not answer any more"):
                ask()


def test_an_error_of_a_task_is_its_own(workers):
    def fail() -> None:
        raise RuntimeError("of the task")

    with pytest.raises(RuntimeError, match="of the task"):
        workers.results([workers.submit(0, fail)])
