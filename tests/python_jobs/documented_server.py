"""A server with the users of docs/server.md: of the tests' own, or one that runs already."""

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
from clickhouse_connect.driver.client import Client

from tests.python_jobs.conftest import REPOSITORY

GRANT = re.compile(r"grant (?P<what>[^;]+? on \S+) to (?P<roles>[^;]+);", re.IGNORECASE)
USER = re.compile(r"create user if not exists (\w+) identified by '\S+' default role (\w+)")
DAY_AND_MORE = 25 * 3600
DATABASES = ("raw", "staging", "analytics", "ml")
SETUP, SAMPLE, _ = re.findall(
    r"```sql\n(.*?)```", (REPOSITORY / "docs/server.md").read_text(), re.DOTALL
)
"""The statements of docs/server.md that make users, and those that let one load the sample."""


def documented_users() -> dict[str, dict[str, Any]]:
    """Return the users of docs/server.md with passwords of their own, and one that loads raw."""
    grants: dict[str, list[str]] = {}
    for found in GRANT.finditer(without_comments(SETUP)):
        for role in found["roles"].split(", "):
            grants.setdefault(role, []).append(f"grant {found['what']}")
    users = {user: grants[role] for user, role in USER.findall(SETUP)}
    assert set(users) == {"dbt", "python_jobs", "dashboards"}
    load = [f"grant {found['what']}" for found in GRANT.finditer(without_comments(SAMPLE))]
    users["loader"] = users["dbt"] + load
    return {
        user: {"password": f"{secrets.token_hex(8)}-ä", "grants": grants}
        for user, grants in users.items()
    }


def without_comments(sql: str) -> str:
    return " ".join(re.sub("--.*", "", sql).split())


@dataclass
class Server:
    """Where a server is, and clients of it."""

    host: str = "127.0.0.1"
    port: int = 0
    secure: bool = False
    users: dict[str, dict[str, Any]] = field(default_factory=documented_users)

    def variables(self, user: str) -> dict[str, str]:
        """Return the environment that docs/server.md asks for."""
        return {
            "CLICKHOUSE_HOST": self.host,
            "CLICKHOUSE_PORT": str(self.port),
            "CLICKHOUSE_SECURE": str(self.secure).lower(),
            "CLICKHOUSE_USER": user,
            "DBT_ENV_SECRET_CLICKHOUSE_PASSWORD": self.users[user]["password"],
            "DATAFLIX_TARGET": "server",
            # dbt parses anew when the user changes; this way each has its own parse.
            "DBT_TARGET_PATH": f"target/{user}",
        }

    def query(self, user: str, sql: str) -> list[tuple[Any, ...]]:
        with self.client(user, self.users[user]["password"]) as client:
            return [tuple(row) for row in client.query(sql).result_rows]

    def client(self, user: str, password: str) -> Client:
        return clickhouse_connect.get_client(
            host=self.host,
            port=self.port,
            secure=self.secure,
            username=user,
            password=password,
            autogenerate_session_id=False,
        )

    def runs(self) -> list[str]:
        """Return the published runs, the current one first."""
        sql = "select run_id from ml.training_runs order by published_at desc"
        return [run for (run,) in self.query("python_jobs", sql)]


@dataclass
class StandIn(Server):
    """The front of the embedded engine, in a process of its own."""

    directory: Path = Path()

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

    def age_files(self) -> None:
        """Make everything on disk a day older, while the server is down."""
        for path in (self.directory / "database").rglob("*"):
            then = path.lstat().st_mtime - DAY_AND_MORE
            os.utime(path, (then, then), follow_symlinks=False)


@dataclass
class Running(Server):
    """A ClickHouse that runs already and is empty, and is left empty again."""

    admin: str = "default"
    admin_password: str = ""

    @classmethod
    def of_environment(cls) -> Running:
        """Return the server of the variables that docs/server.md names; the user administers it."""
        return cls(
            os.environ["CLICKHOUSE_HOST"],
            int(os.environ.get("CLICKHOUSE_PORT", "8123")),
            os.environ.get("CLICKHOUSE_SECURE") == "true",
            admin=os.environ.get("CLICKHOUSE_USER", "default"),
            admin_password=os.environ.get("DBT_ENV_SECRET_CLICKHOUSE_PASSWORD", ""),
        )

    def start(self) -> None:
        with self.client(self.admin, self.admin_password) as client:
            found = client.query("show databases").result_columns
            there = sorted({*DATABASES} & {*(found[0] if found else [])})
            assert not there, f"{', '.join(there)} exist on {self.host}: the tests want it empty"
            for statement in self.statements():
                client.command(statement)

    def statements(self) -> list[str]:
        """Return docs/server.md's statements with the users' own passwords, and the loader's."""
        setup = without_comments(SETUP)
        for user, its in self.users.items():
            setup = re.sub(
                rf"(user if not exists {user} identified by) '\S+'",
                rf"\1 '{its['password']}'",
                setup,
            )
        loader = self.users["loader"]
        return [
            *filter(None, setup.split("; ")),
            f"create user loader identified by '{loader['password']}'",
            *(f"{grant} to loader" for grant in loader["grants"]),
        ]

    def stop(self) -> None:
        with self.client(self.admin, self.admin_password) as client:
            for database in DATABASES:
                client.command(f"drop database if exists {database} sync")
            client.command(f"drop user if exists {', '.join(self.users)}")
            roles = ", ".join(sorted({role for _, role in USER.findall(SETUP)}))
            client.command(f"drop role if exists {roles}")
