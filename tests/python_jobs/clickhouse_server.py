"""A ClickHouse server of the tests' own: ClickHouse's handlers, out of chDB's library.

``system start listen http`` starts them in any process of the engine: interface, passwords, grants,
sessions, compression and errors are ClickHouse's own. Run as a program, with the server's directory
as the working directory, which has ``config.xml`` and ``users.xml``, it serves until it is killed::

    python -m tests.python_jobs.clickhouse_server

What the library has not: users made by SQL (they come from ``users.xml``), TLS, clusters.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen
from xml.sax.saxutils import escape

REPOSITORY = Path(__file__).parents[2]
CONFIG = """
<clickhouse>
  <logger><level>none</level></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{port}</http_port>
  <user_directories><users_xml><path>users.xml</path></users_xml></user_directories>
</clickhouse>
"""
USER = """
  <{name}>
    <password>{password}</password><networks><ip>127.0.0.1</ip></networks>
    <profile>{profile}</profile><quota>default</quota><grants>{grants}</grants>
  </{name}>
"""
USERS = """
<clickhouse>
  <profiles><default/><readers><readonly>2</readonly></readers></profiles>
  <quotas><default/></quotas>
  <users>{users}</users>
</clickhouse>
"""
OWN = {"password": "", "grants": ["grant system on *.*", "grant select on system.numbers"]}
"""What the library's user ``default`` may do, who is the one that starts the handlers."""
UNTIL_KILLED = """
system start listen http;
select sleepEachRow(3) from numbers(1000000000)
settings function_sleep_max_microseconds_per_block = 0, max_block_size = 1
format Null
"""


@dataclass
class Handlers:
    """ClickHouse's HTTP interface over a database in a directory, in a process of its own."""

    directory: Path
    port: int
    users: dict[str, dict[str, Any]]
    """For each user a ``password`` and ``grants``, each a GRANT statement without its "to", and
    whether it only reads (``readonly``)."""
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start, and return when it answers."""
        (self.directory / "config.xml").write_text(CONFIG.format(port=self.port))
        users = "".join(map(_user, ["default", *self.users], [OWN, *self.users.values()]))
        (self.directory / "users.xml").write_text(USERS.format(users=users))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.python_jobs.clickhouse_server"],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        while not self._answers():
            assert self.process.poll() is None, "The server has ended."
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/ping") as answer:
                return bool(answer.read() == b"Ok.\n")
        except (URLError, ConnectionError):
            return False

    def stop(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()


def _user(name: str, its: dict[str, Any]) -> str:
    return USER.format(
        name=name,
        password=escape(its["password"]),
        profile="readers" if its.get("readonly") else "default",
        grants="".join(f"<query>{escape(grant)}</query>" for grant in its["grants"]),
    )


def main() -> None:
    """Serve, in the working directory."""
    from chdb import _chdb

    serve: Any = _chdb.query  # type: ignore[attr-defined]  # compiled, without types
    error = serve(UNTIL_KILLED, "TabSeparated", path="database").error_message()
    sys.exit(f"The server has ended: {error}")


if __name__ == "__main__":
    main()
