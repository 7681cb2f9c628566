import subprocess
import sys

from tests.python_jobs.conftest import REPOSITORY

PUBLISHER = [sys.executable, "-m", "tests.python_jobs.publisher"]


def test_memory_does_not_grow_with_the_lists(built_project, tmp_path):
    path = built_project.copy(tmp_path).directory / ".chdb"
    peaks = []
    for users in (200_000, 2_000_000):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.python_jobs.publisher",
                path,
                "-",
                f"run{users}",
                str(users),
            ],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    small, large = peaks
    # Held, the rows of the larger run take 200 MiB; what grows otherwise are ClickHouse's merges.
    assert large - small < 100, peaks
