"""An address that cannot be shown ends `make dashboards` with a sentence, before Superset."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.dashboards.conftest import SUPERSET
from tests.python_jobs.conftest import REPOSITORY

NO_ADDRESS = "is no address of a ClickHouse"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense-with-secret99", NO_ADDRESS),
        ("clickhousedb://x:secret99@127.0.0.1:http/analytics", NO_ADDRESS),
        ("postgresql://x:secret99@127.0.0.1/analytics", NO_ADDRESS),
        (
            "clickhousedb://x:secret99@127.0.0.1:1/analytics",
            "do not answer at clickhousedb://x:***@127.0.0.1:1/analytics",
        ),
    ],
)
def test_what_cannot_be_shown_is_said_at_once(address: str, said: str, tmp_path: Path) -> None:
    home = tmp_path / "superset"
    done = subprocess.run(
        [str(SUPERSET), "dashboards/serve.py", "--port", "0"],
        cwd=REPOSITORY,
        env={**os.environ, "DATAFLIX_DASHBOARDS_URI": address, "SUPERSET_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "secret99" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "superset.db").exists()
