"""What `make dashboards` looks at before it begins: a free port, and marts that answer."""

from __future__ import annotations

import logging
import socket
import sys

SLUGS = ("recommendations", "recommender-health")
EXAMPLE = "clickhousedb://dashboards:PASSWORD@clickhouse.example.com:8443/analytics?secure=true"


def refuse_a_taken_port(port: int) -> None:
    """End with a sentence where something listens already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(
                f"Something listens on port {port} already, perhaps these dashboards:\n"
                f"{address(port, SLUGS[0])}\n"
                "Stop it with Ctrl-C where it runs, or choose another: make dashboards PORT=8089"
            )


def refuse_marts_that_do_not_answer(uri: str) -> None:
    """End with a sentence where every chart would be an error: no server, no grant, no marts."""
    # A second, which a start on the copy of the marts does not need.
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError

    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    try:
        where = make_url(uri)
        if where.get_backend_name() != "clickhousedb":
            raise ArgumentError
    except (ArgumentError, ValueError):
        # What it is stays unsaid: a password may be in it.
        sys.exit(f"DATAFLIX_DASHBOARDS_URI is no address of a ClickHouse.\nIt looks like {EXAMPLE}")
    try:
        with create_engine(where).connect() as connection:
            connection.execute(text("select 1 from mart_training_runs limit 1"))
    except DBAPIError as error:
        sys.exit(
            f"The marts do not answer at {where.render_as_string(hide_password=True)}:\n"
            f"{str(error.orig)[:500]}\n"
            "docs/dashboards.md says what DATAFLIX_DASHBOARDS_URI is; `dbt build` makes the marts."
        )


def address(port: int, slug: str) -> str:
    """Return where a dashboard is."""
    return f"http://127.0.0.1:{port}/superset/dashboard/{slug}/"
