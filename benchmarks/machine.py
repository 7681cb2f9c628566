"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_info

PACKAGES = (
    "chdb-core",
    "dbt-core",
    "dbt-clickhouse",
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "pandas",
    "mlflow",
    "implicit",
)


def machine() -> dict[str, str]:
    """Describe the machine and the versions."""
    import numpy as np  # noqa: F401  # loads the BLAS that is asked about

    blas = threadpool_info()[0]
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "blas": f"{blas['internal_api']} {blas['version']}, kernels for {blas['architecture']}",
        "versions": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
