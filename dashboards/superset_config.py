"""Superset as `make dashboards` runs it: one process on this machine, and readers need no login.

Superset reads the names in capitals. ``DATAFLIX_DASHBOARDS_URI`` says where ClickHouse is, and what
the bundle says is a placeholder; :mod:`serve` sets the variables.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import clickhouse_connect.common
from clickhouse_connect import dbapi
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, make_url
from superset import config as defaults

HOME = Path(os.environ["SUPERSET_HOME"])
SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME}/superset.db?check_same_thread=false"
LOG_LEVEL = logging.ERROR
RATELIMIT_STORAGE_URI = "memory://"

APP_NAME = "Dataflix"
AUTH_ROLE_PUBLIC = "Public"
PUBLIC_ROLE_LIKE = "Public"

# Superset's own policy without any other host. It is also what stops Superset's tracking pixel,
# which no setting does.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}

CLICKHOUSE = make_url(os.environ["DATAFLIX_DASHBOARDS_URI"])
SECONDS_FOR_A_REFRESH = 30

# With a session of its own a connection takes one query at a time: "Session is locked".
clickhouse_connect.common.set_setting("autogenerate_session_id", False)


def connect_embedded(uri: URL) -> Any:
    """Open the marts' copy that is current, for one query.

    A process can have one embedded database open. After a refresh the queries that still run have
    the copy before, and a new one waits until they are done.
    """
    options: dict[str, Any] = dict(uri.query)
    link = Path(options.pop("path"))
    deadline = time.monotonic() + SECONDS_FOR_A_REFRESH
    while True:
        try:
            return dbapi.connect(database=uri.database, path=str(link.resolve()), **options)
        except Exception as error:  # chDB raises bare RuntimeErrors
            if "EmbeddedServer" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def DB_CONNECTION_MUTATOR(  # noqa: N802
    uri: URL, params: dict[str, Any], *_: object
) -> tuple[URL, dict[str, Any]]:
    """Put the ClickHouse of the environment in the place of the bundle's placeholder."""
    if not uri.drivername.startswith("clickhousedb"):
        return uri, params
    if CLICKHOUSE.query.get("interface") == "chdb":
        params["creator"] = lambda: connect_embedded(CLICKHOUSE)
    return CLICKHOUSE, params


@event.listens_for(Engine, "connect")
def _let_readers_read_while_one_writes(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma journal_mode = wal")


EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "dataflix",
        "label": "Dataflix",
        "description": "",
        "isDefault": True,
        "colors": [
            *("#E50914", "#3C4B64", "#F5A623", "#2E9E8F", "#7A5CC2", "#6FA8DC"),
            *("#8C564B", "#94B447", "#E377C2", "#17BECF", "#BFA14A", "#9E9E9E"),
        ],
    },
    {
        "id": "dataflix_calm",
        "label": "Dataflix, calm",
        "description": "",
        "colors": ["#BFD3E6", "#A9C4DE", "#C9DCEB", "#9DB9D6", "#D6E4F0", "#B4CCE2"],
    },
]
LOGO = (
    "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 132 30'>"
    "<path d='M3 4 l22 11 -22 11z' fill='%23E50914'/><text x='32' y='22' font-size='20' "
    "font-family='Inter,Helvetica,Arial,sans-serif' font-weight='700' fill='%233C4B64'>Dataflix"
    "</text></svg>"
)
THEME_DEFAULT = {
    "algorithm": "default",
    # A theme replaces Superset's own tokens, so they are merged in.
    "token": {
        **defaults.THEME_DEFAULT["token"],
        "brandAppName": APP_NAME,
        "brandLogoAlt": APP_NAME,
        "brandLogoUrl": LOGO,
        "brandLogoHref": "/superset/dashboard/recommendations/",
        "colorPrimary": "#C2070F",
        "colorLink": "#B20710",
    },
}
THEME_DARK = None
