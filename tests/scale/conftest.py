"""What the other tests have too, and a server with the sample for all of these."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.python_jobs.conftest import Project, empty_project
from tests.python_jobs.documented_server import Own

__all__ = ["empty_project"]


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Own]:
    server = Own(directory=tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def served(server, empty_project: Project, tmp_path_factory) -> Project:
    """The sample on the server, and everything built; nothing trained."""
    project = empty_project.copy(tmp_path_factory.mktemp("served"))
    seed = ["dbt", "seed", "--vars", "load_sample: true"]
    commands = [(seed, server.variables("loader")), (["dbt", "run"], server.variables("dbt"))]
    for done in project.many(commands):
        assert done.returncode == 0, done.stdout
    return project
