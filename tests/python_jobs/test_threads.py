"""How many threads there are, by Linux, a container or a user, and what is done on which."""

import os
import subprocess
import sys
import threading

import pytest

from python_jobs.threads import NICENESS, ahead, beside, giving_way, thread_count

CORES = 8
V2, V1 = "0::{}\n", "5:memory:/elsewhere\n4:cpu,cpuacct:{}\n0::/\n"


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(CORES)))
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)


def _machine(directory, cgroup, **quotas):
    """Lay the files as Linux does; of each quota the place under /sys/fs/cgroup and its text."""
    (directory / "proc/self").mkdir(parents=True)
    (directory / "proc/self/cgroup").write_text(cgroup)
    for place, text in quotas.items():
        file = directory / "sys/fs/cgroup" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return directory


@pytest.mark.parametrize(
    ("text", "threads"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("100000 100000", 1),
        ("10000 100000", 1),
        ("max 100000", CORES),
        ("6400000 100000", CORES),
    ],
)
def test_a_quota_of_version_2_is_honoured(tmp_path, text, threads):
    machine = _machine(tmp_path, V2.format("/"), **{"cpu.max": text})
    assert thread_count(machine) == threads


@pytest.mark.parametrize(("quota", "threads"), [("250000", 3), ("1000", 1), ("-1", CORES)])
def test_a_quota_of_version_1_is_honoured(tmp_path, quota, threads):
    group = "cpu,cpuacct/docker/1"
    quotas = {f"{group}/cpu.cfs_quota_us": quota, f"{group}/cpu.cfs_period_us": "100000"}
    assert thread_count(_machine(tmp_path, V1.format("/docker/1"), **quotas)) == threads


def test_a_container_that_sees_its_group_as_the_root(tmp_path):
    quotas = {"cpu,cpuacct/cpu.cfs_quota_us": "300000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}
    assert thread_count(_machine(tmp_path, V1.format("/docker/1"), **quotas)) == 3


def test_the_smallest_quota_of_all_parents_counts(tmp_path):
    quotas = {
        "jobs.slice/cpu.max": "200000 100000",
        "jobs.slice/train.service/cpu.max": "400000 100000",
    }
    machine = _machine(tmp_path, V2.format("/jobs.slice/train.service"), **quotas)
    assert thread_count(machine) == 2


def test_the_group_of_another_process_does_not_count(tmp_path):
    machine = _machine(tmp_path, V2.format("/mine"), **{"others/cpu.max": "100000 100000"})
    assert thread_count(machine) == CORES


def test_fewer_cores_than_the_quota_count(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert thread_count(_machine(tmp_path, V2.format("/"), **{"cpu.max": "400000 100000"})) == 1


def test_a_machine_without_control_groups(tmp_path):
    assert thread_count(tmp_path) == CORES


def test_what_a_user_says_counts_most(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "5")
    assert thread_count(_machine(tmp_path, V2.format("/"), **{"cpu.max": "100000 100000"})) == 5


def _own_niceness():
    """Of this thread where threads have one, as on Linux, and else of the process."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def test_what_gives_way_does_so_alone():
    usual = _own_niceness()
    less_urgent = min(usual + NICENESS, 19) if sys.platform == "linux" else usual
    assert giving_way(_own_niceness) == less_urgent
    assert _own_niceness() == usual


def test_what_gives_way_fails_as_it_would_have():
    with pytest.raises(ZeroDivisionError):
        giving_way(lambda: 1 / 0)


def test_an_interrupt_does_not_wait_for_what_gives_way():
    """A SIGTERM while libraries load, which takes seconds."""
    program = (
        "import os, signal, threading, time\n"
        "from python_jobs.threads import giving_way\n"
        "signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))\n"
        "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "giving_way(lambda: time.sleep(60))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=30, capture_output=True)
    assert ended.returncode
    assert b"KeyboardInterrupt" in ended.stderr


def test_what_is_made_ahead_is_made_while_the_one_before_is_used():
    """And no further, so that no more than two are held."""
    begun = [threading.Event() for _ in range(3)]

    def items():
        for number, event in enumerate(begun):
            event.set()
            yield number

    used = []
    for item in ahead(items()):
        used.append(item)
        if item < 2:
            assert begun[item + 1].wait(10)
        assert not any(event.is_set() for event in begun[item + 2 :])
    assert used == [0, 1, 2]


def test_what_cannot_be_made_fails_where_it_is_used():
    def items():
        yield 1
        raise ZeroDivisionError

    used = ahead(items())
    assert next(used) == 1
    with pytest.raises(ZeroDivisionError):
        next(used)


def test_work_beside_is_done_when_asked_for():
    done = beside(threading.get_ident)
    assert done.result() != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        beside(lambda: 1 / 0).result()
