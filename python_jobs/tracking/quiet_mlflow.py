"""MLflow, imported with this project's defaults: no telemetry, no bars, no minutes of retries."""

from __future__ import annotations

import logging
import os

DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's own defaults retry for minutes before they say that nobody is there.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)

import mlflow  # noqa: E402  # it reads them when it is imported
from mlflow.utils import environment  # noqa: E402

for _logger in ("mlflow", "alembic"):
    logging.getLogger(_logger).setLevel(logging.WARNING)
# It warns at every run that NMF has no `predict`; `transform` is what is used of it.
logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)

# It prints the traceback of an error that it raises too, and that is told in words.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

# It would list the files of every installed package, for a second, to compare what is installed
# with requirements of a model that were read off it a moment before.
environment.warn_dependency_requirement_mismatches = lambda _: None

__all__ = ["mlflow"]
