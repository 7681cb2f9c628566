"""What `make clean` and `make purge` remove, where files stand for the real ones."""

import os
import pty
import shutil
import subprocess

import pytest

from tests.python_jobs.conftest import REPOSITORY

BUILT = (
    *("target/manifest.json", "logs/dbt.log", ".user.yml", ".venv/bin/python", "build/lib/x.py"),
    *("dataflix.egg-info/PKG-INFO", ".mypy_cache/x", ".pytest_cache/x", ".ruff_cache/x"),
    *(".venv-bench/bin/python", ".venv-superset/bin/python"),
    *(".hypothesis/x", "python_jobs/__pycache__/x.pyc"),
)
DATA = (
    ".chdb/store/x",
    ".dashboards/superset/superset.db",
    "mlflow.db",
    "mlflow.db-wal",
    "mlruns/1/x",
    "profiles.yml",
)
SOURCE = ("Makefile", "profiles.yml.example", "python_jobs/x.py", "models/x.sql")


@pytest.fixture
def directory(tmp_path):
    for name in (*BUILT, *DATA, *SOURCE[1:]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    return tmp_path


def _files(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def _make(directory, target, stdin=subprocess.DEVNULL):
    return subprocess.run(
        ["make", "--no-print-directory", target],
        cwd=directory,
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def _purge_on_a_terminal(directory, answer):
    person, terminal = pty.openpty()
    os.write(person, answer.encode())
    try:
        return _make(directory, "purge", terminal)
    finally:
        os.close(terminal)
        os.close(person)


def test_clean_removes_what_a_build_made_and_nothing_else(directory):
    done = _make(directory, "clean")
    assert done.returncode == 0, done.stderr
    assert _files(directory) == {*DATA, *SOURCE}


def test_purge_removes_the_data_when_a_person_says_so(directory):
    done = _purge_on_a_terminal(directory, "y\n")
    assert done.returncode == 0, done.stderr
    assert _files(directory) == {*BUILT, *SOURCE}
    for name in (".chdb", ".dashboards", "mlflow.db", "mlflow.db-wal", "mlruns", "profiles.yml"):
        assert name in done.stdout.split()
    again = _make(directory, "purge")
    assert (again.returncode, again.stdout) == (0, "There is nothing to remove.\n")


@pytest.mark.parametrize("answer", ["n\n", "\n", "yes\n"])
def test_purge_takes_nothing_else_for_a_yes(directory, answer):
    done = _purge_on_a_terminal(directory, answer)
    assert done.returncode != 0
    assert "Nothing was removed" in done.stderr
    assert _files(directory) == {*BUILT, *DATA, *SOURCE}


def test_superset_names_the_pythons_that_it_runs_on(directory, tmp_path_factory):
    nothing = str(tmp_path_factory.mktemp("nothing"))
    make = str(shutil.which("make"))
    done = subprocess.run(
        [make, ".venv-superset/bin/python", "SUPERSET_PYTHON=/usr/bin/false", f"PATH={nothing}"],
        cwd=_without(directory, ".venv-superset"),
        env={"PATH": nothing},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Superset 6.1 needs Python 3.11 or 3.12" in done.stderr
    assert "make dashboards SUPERSET_PYTHON=/path/to/python3.12" in done.stderr


def _without(directory, name):
    shutil.rmtree(directory / name)
    return directory


def test_purge_needs_a_terminal(directory):
    answers = directory.parent / "answers"
    answers.write_text("y\n")
    with answers.open() as stdin:
        done = _make(directory, "purge", stdin)
    assert done.returncode != 0
    assert "a person has to say y" in done.stderr
    assert _files(directory) == {*BUILT, *DATA, *SOURCE}
