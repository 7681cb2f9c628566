"""ClickHouse's HTTP interface over the embedded engine, for tests of the ``server`` target.

The engine is the real one (chDB), and so are its checks of privileges; the wire is ours, and covers
what clickhouse-connect and dbt-clickhouse send. Run as a program it prints its port (of its own
choice where PORT is 0) and serves until it is killed::

    python -m tests.python_jobs.clickhouse_server DIRECTORY PORT

DIRECTORY has ``users.json``: for each user a ``password`` and a list of ``grants``, each a GRANT
statement without its "to". The database goes there too. If a file ``trap`` appears in it, the first
statement that contains the file's text kills the process with SIGKILL before it runs.

Not covered: TLS, clusters, SQL statements that manage users, response compression, multipart
forms, and results larger than memory.
"""

from __future__ import annotations

import gzip
import re
import sys
from base64 import b64decode
from collections.abc import Callable
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import lz4.frame  # type: ignore[import-untyped]

from tests.python_jobs.clickhouse_engine import Engine, ServerError

STATUS = {516: 403, 60: 404, 81: 404}
"""HTTP status for AUTHENTICATION_FAILED, UNKNOWN_TABLE and UNKNOWN_DATABASE; 500 for the rest."""
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    # A frame for each block: `decompress` would stop after the first.
    "lz4": lambda packed: lz4.frame.open(BytesIO(packed)).read(),
}
RETURNS_ROWS = re.compile(rb"\s*(select|with|show|describe|desc|exists|explain)\b", re.IGNORECASE)


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    engine: Engine

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        url = dict(parse_qsl(address.query, keep_blank_values=True))
        body = self._body()
        if address.path == "/ping" or not (url or body):
            return self._answer(200, b"Ok.\n")
        try:
            user = self._user(url)
            packing = self.headers.get("Content-Encoding", "identity")
            if packing not in UNPACK:
                raise ServerError(f"Code: 48. DB::Exception: Encoding {packing}. (NOT_IMPLEMENTED)")
            # As in ClickHouse, the body continues the statement of the URL.
            parts = (url.get("query", "").encode(), UNPACK[packing](body) if body else b"")
            query = b"\n".join(part for part in parts if part).lstrip()
            result = self.engine.run(user, query, url)
        except ServerError as error:
            code = int(re.findall(r"Code: (\d+)", str(error))[0])
            headers = {"X-ClickHouse-Exception-Code": str(code)}
            return self._answer(STATUS.get(code, 500), f"{error}\n".encode(), headers)
        headers = {"X-ClickHouse-Timezone": "UTC", "X-ClickHouse-Summary": "{}"}
        if RETURNS_ROWS.match(query):
            headers["X-ClickHouse-Format"] = url.get("default_format", "TabSeparated")
        return self._answer(200, result, headers)

    do_POST = do_GET  # noqa: N815

    def _user(self, url: dict[str, str]) -> str:
        """Return the user that the request is from, if the password is the user's."""
        user = self.headers.get("X-ClickHouse-User", url.get("user", "default"))
        password = self.headers.get("X-ClickHouse-Key", url.get("password", ""))
        kind, _, basic = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            user, _, password = b64decode(basic).decode().partition(":")
        known = self.engine.users.get(user)
        if known is None or not compare_digest(password.encode(), known["password"].encode()):
            raise ServerError(
                f"Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, "
                "or there is no user with such name. (AUTHENTICATION_FAILED)"
            )
        return user

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests read what the client says."""


if __name__ == "__main__":
    Handler.engine = Engine(Path(sys.argv[1]))
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
