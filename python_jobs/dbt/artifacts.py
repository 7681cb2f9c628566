"""The files that dbt leaves in ``target/`` after a command, for `dbt retry` and other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.contracts.graph.manifest import Manifest


def write_artifacts(manifest: Manifest, result: RunExecutionResult) -> None:
    """Write ``manifest.json``, ``semantic_manifest.json`` and ``run_results.json``, as dbt does.

    Parameters
    ----------
    manifest
        What dbt knows of the project.
    result
        Of the command that is over.
    """
    from dbt.config.runtime import load_profile, load_project
    from dbt.constants import RUN_RESULTS_FILE_NAME
    from dbt.flags import get_flags
    from dbt.parser.manifest import write_manifest

    flags = get_flags()
    profile = load_profile(flags.PROJECT_DIR, flags.VARS, flags.PROFILE, flags.TARGET)
    project = load_project(flags.PROJECT_DIR, flags.VERSION_CHECK, profile, flags.VARS)
    target = Path(project.project_target_path)
    write_manifest(manifest, str(target))
    result.write(str(target / RUN_RESULTS_FILE_NAME))
