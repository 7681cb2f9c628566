"""What ClickHouse's errors, and those of what stands before it, are turned into."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from python_jobs.dbt.project import Credentials, DbtProject
from python_jobs.errors import UserError
from python_jobs.warehouse.connection import new_client
from python_jobs.warehouse.explained_errors import explained_errors

PROXY = "<html><body><h1>Error code: 60</h1>by the proxy</body></html>"
CLICKHOUSE = {
    60: (404, "Code: 60. DB::Exception: Unknown table expression identifier 'ml.runs'. "),
    497: (403, "Code: 497. DB::Exception: ana: Not enough privileges. (ACCESS_DENIED)"),
    241: (500, "Code: 241. DB::Exception: exit code 60. (MEMORY_LIMIT_EXCEEDED)"),
}


class Answers(BaseHTTPRequestHandler):
    """A server that a client can connect to, and that answers its next request as it is told."""

    protocol_version = "HTTP/1.1"
    next_answer: "tuple[int, str, str] | None" = None

    def do_POST(self) -> None:
        query = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.next_answer:
            status, code, body = self.next_answer
        else:
            # What the client asks for as it connects: the version, and settings, of which none.
            status, code, body = 200, "", "26.9.1\tUTC\n" if b"version()" in query else ""
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def project():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever).start()
        credentials = Credentials("clickhouse", host="127.0.0.1", port=server.server_port)
        yield DbtProject(Path(), "server", credentials, {}, {})
        server.shutdown()


def _explained(project, monkeypatch, answer):
    monkeypatch.setattr(Answers, "next_answer", None)
    client = new_client(project)
    monkeypatch.setattr(Answers, "next_answer", answer)
    with pytest.raises(UserError) as explained, explained_errors(project):
        client.command("select 1")
    client.close()
    return explained.value


@pytest.mark.parametrize("status", [503, 502, 404])
def test_a_status_of_http_is_no_code_of_clickhouse(project, monkeypatch, status):
    said = _explained(project, monkeypatch, (status, "", PROXY))
    assert said.message.startswith("The connection to ClickHouse was lost")
    assert f"HTTP status {status}" in said.message
    assert "python_jobs runs" in said.hint


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        (60, "A table is missing", "Run `dbt run` first"),
        (497, "ClickHouse refused a statement", "docs/server.md"),
        (241, "ClickHouse refused a statement", ""),
    ],
)
def test_a_code_of_clickhouse_is(project, monkeypatch, code, message, hint):
    status, body = CLICKHOUSE[code]
    said = _explained(project, monkeypatch, (status, str(code), body))
    assert said.message.startswith(message)
    assert body.strip() in said.message
    assert said.hint.startswith(hint)
    assert bool(said.hint) == bool(hint)


def test_a_code_of_the_embedded_engine_is(warehouse):
    with (
        pytest.raises(UserError, match=r"A table is missing: .*nowhere"),
        explained_errors(warehouse.project),
    ):
        warehouse.client.command("select * from ml.nowhere")
