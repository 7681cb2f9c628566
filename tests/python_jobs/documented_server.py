"""A server with the users of docs/server.md: of the tests' own, or one that runs already."""

from __future__ import annotations

import os
import re
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from tests.python_jobs.clickhouse_server import Handlers
from tests.python_jobs.conftest import REPOSITORY

GRANT = re.compile(r"grant (?P<what>[^;]+? on \S+) to (?P<roles>[^;]+);", re.IGNORECASE)
USER = re.compile(
    r"create user if not exists (\w+) identified by '\S+' default role (\w+)( settings readonly)?"
)
CREATED = re.compile(r"^create (?:database|role|user) if not exists \w+")
DAY_AND_MORE = 25 * 3600
DATABASES = ("raw", "staging", "analytics", "ml")
SETUP, SAMPLE, CLUSTER, _ = re.findall(
    r"```sql\n(.*?)```", (REPOSITORY / "docs/server.md").read_text(), re.DOTALL
)
"""The statements of docs/server.md that make users, that let one load the sample, and that a
cluster wants besides."""
VARIABLE = "DATAFLIX_TEST_CLICKHOUSE_"


def variable(name: str, default: str = "") -> str:
    """Return one of the variables that say which server there is to test on."""
    return os.environ.get(VARIABLE + name, default)


def documented_users() -> dict[str, dict[str, Any]]:
    """Return the users of docs/server.md with passwords of their own, and one that loads raw."""
    grants: dict[str, list[str]] = {}
    for found in GRANT.finditer(without_comments(SETUP)):
        for role in found["roles"].split(", "):
            grants.setdefault(role, []).append(f"grant {found['what']}")
    found_users = USER.findall(without_comments(SETUP))
    users = {user: (grants[role], bool(readonly)) for user, role, readonly in found_users}
    assert set(users) == {"dbt", "python_jobs", "dashboards"}
    load = [f"grant {found['what']}" for found in GRANT.finditer(without_comments(SAMPLE))]
    users["loader"] = users["dbt"][0] + load, False
    return {
        user: {"password": f"{secrets.token_hex(8)}-ä", "grants": grants, "readonly": readonly}
        for user, (grants, readonly) in users.items()
    }


def without_comments(sql: str) -> str:
    return " ".join(re.sub("--.*", "", sql).split())


def on_cluster(statement: str, cluster: str) -> str:
    """Return a statement of docs/server.md as it says that a cluster wants it."""
    if not cluster:
        return statement
    clause = f"on cluster {cluster}"
    if statement.startswith("grant "):
        return statement.replace("grant ", f"grant {clause} ", 1)
    return CREATED.sub(rf"\g<0> {clause}", statement)


@dataclass
class Server:
    """Where a server is, and clients of it."""

    host: str = "127.0.0.1"
    port: int = 0
    secure: bool = False
    cluster: str = ""
    users: dict[str, dict[str, Any]] = field(default_factory=documented_users)

    def variables(self, user: str) -> dict[str, str]:
        """Return the environment that docs/server.md asks for."""
        return {
            "CLICKHOUSE_HOST": self.host,
            "CLICKHOUSE_PORT": str(self.port),
            "CLICKHOUSE_SECURE": str(self.secure).lower(),
            "CLICKHOUSE_USER": user,
            "CLICKHOUSE_CLUSTER": self.cluster,
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
class Own(Server):
    """ClickHouse's own handlers, in a process that can be killed and started again."""

    directory: Path = Path()

    def __post_init__(self) -> None:
        """Choose a port that nobody listens on."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.handlers = Handlers(self.directory, self.port, self.users)

    def start(self) -> None:
        self.handlers.start()

    def stop(self) -> None:
        self.handlers.stop()

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
            variable("HOST"),
            int(variable("PORT", "8123")),
            variable("SECURE") == "true",
            variable("CLUSTER"),
            admin=variable("USER", "default"),
            admin_password=variable("PASSWORD"),
        )

    def start(self) -> None:
        with self.client(self.admin, self.admin_password) as client:
            found = client.query("show databases").result_columns
            there = sorted({*DATABASES} & {*(found[0] if found else [])})
            assert not there, f"{', '.join(there)} exist on {self.host}: the tests want it empty"
            for statement in self.statements():
                client.command(on_cluster(statement, self.cluster))

    def statements(self) -> list[str]:
        """Return docs/server.md's statements with the users' own passwords, and the loader's."""
        setup = without_comments(SETUP + (CLUSTER if self.cluster else ""))
        for user, its in self.users.items():
            setup = re.sub(
                rf"(user if not exists {user} identified by) '\S+'",
                rf"\1 '{its['password']}'",
                setup,
            )
        loader = self.users["loader"]
        return [
            *(statement.strip() for statement in setup.split(";") if statement.strip()),
            f"create user if not exists loader identified by '{loader['password']}' "
            "default role dataflix_dbt",
            "grant dataflix_dbt to loader",
            *(f"{grant} to loader" for grant in loader["grants"]),
        ]

    def stop(self) -> None:
        clause = f"on cluster {self.cluster}" if self.cluster else ""
        with self.client(self.admin, self.admin_password) as client:
            for database in DATABASES:
                client.command(f"drop database if exists {database} {clause} sync")
            client.command(f"drop user if exists {', '.join(self.users)} {clause}")
            roles = {role for _, role, _ in USER.findall(without_comments(SETUP))}
            client.command(f"drop role if exists {', '.join(sorted(roles))} {clause}")
