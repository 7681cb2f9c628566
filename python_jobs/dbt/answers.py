"""What dbt says of a project, as JSON on stdout: run by :mod:`python_jobs.dbt.project`.

    python -m python_jobs.dbt.answers --target server

In a process of its own, so that dbt's thousand modules load while the asking process loads others,
and leave its memory when they have answered. The answer may hold a password: it goes through a
pipe, and nowhere else.
"""

from __future__ import annotations

import gc
import json
import sys
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from python_jobs.dbt.project import Credentials

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

QUIET = ("--log-level", "none", "--log-level-file", "none", "--no-send-anonymous-usage-stats")


def answer(arguments: list[str]) -> dict[str, Any]:
    """Parse the project as ``dbt parse`` does (from its cache where nothing changed).

    Parameters
    ----------
    arguments
        dbt's own options.

    Returns
    -------
    dict
        ``error``, or the fields of :class:`python_jobs.dbt.project.DbtProject`.
    """
    from dbt.cli.main import dbtRunner
    from dbt.config.runtime import load_profile
    from dbt.flags import get_flags

    result = dbtRunner().invoke(["parse", "--no-write-json", *QUIET, *arguments])
    if not result.success:
        return {"error": str(result.exception)}
    flags = get_flags()
    profile = load_profile(flags.PROJECT_DIR, flags.VARS, flags.PROFILE, flags.TARGET)
    said = profile.credentials
    return {
        "directory": str(Path(flags.PROJECT_DIR).resolve()),
        "target": profile.target_name,
        "credentials": {
            field.name: getattr(said, field.name)
            for field in fields(Credentials)
            if hasattr(said, field.name)
        },
        "models": models(result.result),
        "sources": sources(result.result),
        "failures": failures(result.result),
    }


def models(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Return schema and identifier of each enabled model, in its latest version, by name."""
    nodes = [
        node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.version == node.latest_version
    ]
    return {node.name: (node.schema, node.identifier) for node in nodes}


def sources(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Return the schema and the identifier of each enabled source table, by ``source.table``."""
    nodes = manifest.sources.values()
    return {f"{node.source_name}.{node.name}": (node.schema, node.identifier) for node in nodes}


def failures(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Return where each data test keeps the rows that fail it, of those that do, by its name."""
    nodes = [node for node in manifest.nodes.values() if node.resource_type == "test"]
    return {
        node.name: (node.schema, node.identifier) for node in nodes if node.config.store_failures
    }


if __name__ == "__main__":
    # Nothing but modules and the project is made in its second of life.
    gc.disable()
    # What dbt or a plugin prints must not get into the answer.
    with redirect_stdout(sys.stderr):
        found = answer(sys.argv[1:])
    json.dump(found, sys.stdout)
    gc.freeze()
