"""The engine behind ``clickhouse_server.py``: the embedded ClickHouse, with users and sessions."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from xml.sax.saxutils import escape

import chdb

TRANSPORT = frozenset(
    [
        *("user", "password", "query", "query_id", "quota_key", "database", "default_format"),
        *("session_id", "session_timeout", "session_check", "client_protocol_version"),
        *("wait_end_of_query", "buffer_size", "compress", "decompress"),
    ]
)
"""URL parameters that are not settings."""
INSERT = re.compile(
    rb"\s*(insert\s+into\s+[^\s(]+\s*(?:\([^)]*\))?)([^()]*?)(\bformat\s+(?!values)\w+)[ ;]*\n?",
    re.IGNORECASE,
)
"""An INSERT with its data behind it: target, settings, format."""
CONFIG = """
<clickhouse>
  <user_directories><users_xml><path>{path}</path></users_xml></user_directories>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password><networks><ip>::/0</ip></networks>
      <profile>default</profile><quota>default</quota><grants>{members}</grants>
    </default>
  </users>
  <roles>{roles}</roles>
</clickhouse>
"""
"""The engine's one user has every user's role, and nothing but the role that is set."""


class ServerError(Exception):
    """An exception as ClickHouse words it; its text begins with the code."""


class Session:
    """A handle of the engine in the role of one user."""

    def __init__(self, engine: Engine, user: str) -> None:
        self.engine = engine
        self.handle = chdb.connect(engine.connection)
        self.handle.query(f"set role {user}")
        self.lock = threading.Lock()
        self.applied: list[str] = []
        self.kept: list[str] = []
        """What the client itself has SET: unlike a request's settings, it outlives the request."""

    def run(self, query: bytes, url: dict[str, str]) -> bytes:
        """Run one statement with the settings, parameters and database of its request."""
        parameters = {k.removeprefix("param_"): v for k, v in url.items() if k.startswith("param_")}
        form = url.get("default_format", "TabSeparated")
        try:
            for name in settings_of(url):
                self.handle.query(f"set {name} = {literal(url[name])}")
                self.applied.append(name)
            if url.get("database"):
                self.handle.query(f"use `{url['database']}`")
            with inline_data_in_a_file(query, self.engine.directory) as statement:
                result = self.handle.query(statement, form, params=parameters).bytes()
            if query[:4].lower() == b"set ":
                self.kept.append(query.decode())
        except RuntimeError as error:
            raise ServerError(str(error)) from error
        return bytes(result)

    def forget(self) -> None:
        """End the settings of a request."""
        for statement in [f"set {name} = default" for name in self.applied] + self.kept:
            self.handle.query(statement)
        self.applied.clear()


@contextmanager
def inline_data_in_a_file(query: bytes, directory: Path) -> Iterator[bytes]:
    """Yield an INSERT that reads from a file: the engine ends inline data at an empty line."""
    insert = INSERT.match(query)
    if not insert:
        yield query
        return
    with NamedTemporaryFile(dir=directory) as file:
        file.write(query[insert.end() :])
        file.flush()
        into, settings, form = insert.groups()
        yield b"%s from infile '%s' %s %s" % (into, file.name.encode(), settings, form)


def settings_of(url: dict[str, str]) -> list[str]:
    return [name for name in url if name not in TRANSPORT and not name.startswith("param_")]


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Engine:
    """The embedded database, its users and the sessions of its clients."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.users = json.loads((directory / "users.json").read_text())
        config = directory / "config.xml"
        roles = "".join(
            f"<{user}><grants>{queries(its['grants'])}</grants></{user}>"
            for user, its in self.users.items()
        )
        members = queries([f"grant {user}" for user in self.users])
        config.write_text(CONFIG.format(path=config, roles=roles, members=members))
        self.connection = f"{directory / 'database'}?config-file={config}"
        # Held open, so that the engine outlives the handles of single requests.
        self.handle = chdb.connect(self.connection)
        self.lock = threading.Lock()
        self.sessions: dict[tuple[str, str], Session] = {}

    def run(self, user: str, query: bytes, url: dict[str, str]) -> bytes:
        """Run one statement for a user, in the session that the request names."""
        trap = self.directory / "trap"
        if trap.exists() and trap.read_text().encode() in query:
            trap.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if "session_id" not in url:
            session = Session(self, user)
            try:
                return session.run(query, url)
            finally:
                session.handle.close()
        key = (user, url["session_id"])
        with self.lock:
            session = self.sessions.get(key) or Session(self, user)
            self.sessions[key] = session
        if not session.lock.acquire(blocking=False):
            raise ServerError("Code: 373. DB::Exception: Session is locked. (SESSION_IS_LOCKED)")
        try:
            return session.run(query, url)
        finally:
            session.forget()
            session.lock.release()


def queries(grants: list[str]) -> str:
    return "".join(f"<query>{escape(grant)}</query>" for grant in grants)
