"""How gunicorn serves the dashboards: gunicorn reads the names below."""

from __future__ import annotations

import os
from typing import Any

# One process, since an embedded database belongs to one, and threads for the charts of a page.
workers = 1
worker_class = "gthread"
threads = 8
timeout = 120
graceful_timeout = 5
loglevel = "warning"


def worker_int(_worker: Any) -> None:
    """End at once after Ctrl-C: the engine's own threads would keep the process for seconds."""
    os._exit(0)


def post_worker_init(_worker: Any) -> None:
    """Print the addresses when the application has loaded."""
    print(os.environ.pop("DATAFLIX_DASHBOARDS_PROMPT", ""), flush=True)
