"""How often Python looks for garbage."""

from __future__ import annotations

import gc

COLLECT_AFTER = 1_000_000
"""Objects after whose making it looks. Its own 700 would have it look hundreds of times while
thousands of modules load, which are none, or while dbt makes what it keeps to the end. A night of
dbt makes half a million that are garbage, 40 MiB; looking for them took it half a second."""


def collect_rarely() -> None:
    """Look for garbage less often than Python does by itself."""
    gc.set_threshold(COLLECT_AFTER)
