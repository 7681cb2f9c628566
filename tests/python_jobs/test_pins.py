"""The locks pin what pyproject.toml asks for, once, with hashes, and say nothing of where from."""

import re
import tomllib
from collections import Counter

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.python_jobs.conftest import REPOSITORY

LOCKS = ("requirements.lock", "requirements-dev.lock")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
PIN = re.compile(
    r"^(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[^ ]+)(?: ; (?P<marker>.+?))? \\$"
)
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def pins(lock):
    """Return a lock's versions and markers by name."""
    found = [PIN.match(line) for line in (REPOSITORY / lock).read_text().splitlines()]
    return {pin["name"]: (pin["version"], pin["marker"]) for pin in found if pin}


def asked_for(lock):
    """Return the requirements that a lock is made from."""
    if lock == "requirements.lock":
        return PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    return [
        line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_what_is_asked_for_on_every_python(lock):
    pinned = pins("requirements.lock") | pins(lock)
    for line in asked_for(lock):
        wanted = Requirement(line)
        version, marker = pinned[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), line
        assert marker is None, line


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_a_pin_or_a_hash(lock):
    lines = (REPOSITORY / lock).read_text().splitlines()
    assert [line for line in lines if not PIN.match(line) and not HASH.match(line)] == []
    hashed = [i for i, line in enumerate(lines) if PIN.match(line) and HASH.match(lines[i + 1])]
    assert len(hashed) == len(pins(lock))


def test_nothing_is_pinned_twice():
    count = Counter(name for lock in LOCKS for name in pins(lock))
    assert [name for name, times in count.items() if times > 1] == []


def test_what_the_audit_passes_over_has_a_reason():
    lines = (REPOSITORY / "audit-excused.txt").read_text().splitlines()
    excused = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in excused if not re.match(r"[A-Z][A-Za-z0-9-]+ \w.{20,}", line)] == []
