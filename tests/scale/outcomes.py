"""What the tests do and look at alike."""

from __future__ import annotations

import subprocess
from pathlib import Path

from python_jobs.tracking.record import ModelRecord, load_record

PASSWORD = "DBT_ENV_SECRET_CLICKHOUSE_PASSWORD"
RUNS = "select run_uuid, status, artifact_uri from runs order by start_time"
TRAIN = ["train", "--max-iter", "15"]


def record_of(uri: str) -> ModelRecord:
    return load_record(Path(uri.removeprefix("file://")))


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """Return stderr of a command that failed as a user should see it fail."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr
