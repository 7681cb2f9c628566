"""A server in a process of its own, with the users that docs/server.md sets up."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clickhouse_connect

from tests.python_jobs.conftest import REPOSITORY

GRANT = re.compile(r"grant (?P<what>[^;]+? on \S+) to (?P<roles>[^;]+);", re.IGNORECASE)
USER = re.compile(r"create user if not exists (\w+) identified by '\S+' default role (\w+)")
DAY_AND_MORE = 25 * 3600


def documented_users() -> dict[str, dict[str, Any]]:
    """Return the users of docs/server.md with passwords of their own, and one that loads raw."""
    setup, sample, _ = re.findall(
        r"```sql\n(.*?)```", (REPOSITORY / "docs/server.md").read_text(), re.DOTALL
    )
    grants: dict[str, list[str]] = {}
    for found in GRANT.finditer(" ".join(re.sub("--.*", "", setup).split())):
        for role in found["roles"].split(", "):
            grants.setdefault(role, []).append(f"grant {found['what']}")
    users = {user: grants[role] for user, role in USER.findall(setup)}
    assert set(users) == {"dbt", "python_jobs", "dashboards"}
    load = [f"grant {found['what']}" for found in GRANT.finditer(" ".join(sample.split()))]
    users["loader"] = users["dbt"] + load
    return {
        user: {"password": f"{secrets.token_hex(8)}-ä", "grants": grants}
        for user, grants in users.items()
    }


@dataclass
class Server:
    """The front in a process of its own, and clients of it."""

    directory: Path
    users: dict[str, dict[str, Any]] = field(default_factory=documented_users)
    port: int = 0

    def start(self) -> None:
        (self.directory / "users.json").write_text(json.dumps(self.users))
        program = [sys.executable, "-m", "tests.python_jobs.clickhouse_server"]
        self.process = subprocess.Popen(
            [*program, str(self.directory), str(self.port)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def variables(self, user: str) -> dict[str, str]:
        """Return the environment that docs/server.md asks for."""
        return {
            "CLICKHOUSE_HOST": "127.0.0.1",
            "CLICKHOUSE_PORT": str(self.port),
            "CLICKHOUSE_USER": user,
            "DBT_ENV_SECRET_CLICKHOUSE_PASSWORD": self.users[user]["password"],
            "DATAFLIX_TARGET": "server",
            # dbt parses anew when the user changes; this way each has its own parse.
            "DBT_TARGET_PATH": f"target/{user}",
        }

    def query(self, user: str, sql: str) -> list[tuple[Any, ...]]:
        client = clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.port,
            username=user,
            password=self.users[user]["password"],
            autogenerate_session_id=False,
        )
        with client:
            return [tuple(row) for row in client.query(sql).result_rows]

    def runs(self) -> list[str]:
        """Return the published runs, the current one first."""
        sql = "select run_id from ml.training_runs order by published_at desc"
        return [run for (run,) in self.query("python_jobs", sql)]

    def age_files(self) -> None:
        """Make everything on disk a day older, while the server is down."""
        for path in (self.directory / "database").rglob("*"):
            then = path.lstat().st_mtime - DAY_AND_MORE
            os.utime(path, (then, then), follow_symlinks=False)
