"""What the other tests have too."""

from __future__ import annotations

from tests.python_jobs.conftest import empty_project

__all__ = ["empty_project"]
