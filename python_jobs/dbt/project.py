"""What dbt knows: where ClickHouse is, and which relation has which name.

dbt's profile is the one place that says where ClickHouse is, and its manifest the one place that
says what a model is called there. Both are asked through dbt itself, so that targets, prefixes,
vars and environment variables mean here what they mean to ``dbt run``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError


@dataclass(frozen=True)
class DbtOptions:
    """dbt's own options; None leaves it to dbt's environment variable or default."""

    project_dir: Path | None = None
    """Directory of ``dbt_project.yml``; the working directory by default."""
    profiles_dir: Path | None = None
    """Directory of ``profiles.yml``; dbt looks in the project and then in ``~/.dbt`` by default."""
    target: str | None = None
    """Target of the profile; the profile's own default by default."""

    def arguments(self) -> list[str]:
        """Return the options as dbt's command line spells them."""
        profiles_dir = self.profiles_dir
        # dbt itself looks in the working directory, which may be another.
        if not profiles_dir and self.project_dir and (self.project_dir / "profiles.yml").is_file():
            profiles_dir = self.project_dir
        named = {
            "--project-dir": self.project_dir,
            "--profiles-dir": profiles_dir,
            "--target": self.target,
        }
        return [word for flag, value in named.items() if value for word in (flag, str(value))]

    def log_file(self) -> Path:
        """Return where dbt writes its log."""
        project = self.project_dir or Path(os.environ.get("DBT_PROJECT_DIR", ""))
        return Path(os.environ.get("DBT_LOG_PATH", project / "logs")).resolve() / "dbt.log"

    def require_writable(self) -> None:
        """Refuse where dbt could write neither its log nor what it has parsed, which it must.

        Raises
        ------
        UserError
            If one of the two directories, or the nearest one above it, cannot be written.
        """
        project = self.project_dir or Path(os.environ.get("DBT_PROJECT_DIR", ""))
        if not (project / "dbt_project.yml").is_file():
            return  # the wrong directory, of which dbt speaks
        for variable, usual in (("DBT_LOG_PATH", "logs"), ("DBT_TARGET_PATH", "target")):
            wanted = (project / os.environ.get(variable, usual)).resolve()
            there = next(place for place in (wanted, *wanted.parents) if place.exists())
            if not os.access(there, os.W_OK):
                raise UserError(
                    f"dbt cannot write in {wanted}: the disk is read-only, or {there} is another "
                    "user's.",
                    f"Make it writable, or name another directory with {variable}.",
                )

    def require_profile(self) -> None:
        """Refuse where there is no ``profiles.yml``, of which dbt says only where it looked last.

        Raises
        ------
        UserError
            If none was named, and there is none in any place where dbt looks by itself.
        """
        if self.profiles_dir or os.environ.get("DBT_PROFILES_DIR"):
            return
        project, home = self.project_dir or Path(), Path.home() / ".dbt"
        if not (project / "dbt_project.yml").is_file():
            return  # the wrong directory, of which dbt speaks
        if not any((place / "profiles.yml").is_file() for place in (project, Path(), home)):
            raise UserError(
                f"There is no profiles.yml in {project.resolve()} or in {home}.",
                "Run `cp profiles.yml.example profiles.yml` in the project, or name its directory "
                "with --profiles-dir.",
            )


@dataclass(frozen=True)
class Credentials:
    """What a connection needs of the profile's target; each under dbt's own name for it."""

    type: str
    """``chdb`` or ``clickhouse``."""
    chdb_path: str = ""
    """Directory of an embedded database; a relative one is relative to the project."""
    host: str = ""
    port: int | None = None
    cluster: str | None = None
    """Name of the cluster on which dbt makes what it makes; empty or None on a single server."""
    user: str | None = None
    password: str = field(default="", repr=False)
    secure: bool = False
    verify: bool = True
    client_cert: str | None = None
    client_cert_key: str | None = None
    server_host_name: str | None = None
    connect_timeout: int = 10
    send_receive_timeout: int = 300
    compression: str = ""
    custom_settings: dict[str, Any] | None = None


@dataclass(frozen=True)
class DbtProject:
    """A parsed project: its directory, the target's credentials and the names of its relations."""

    directory: Path
    """Directory of ``dbt_project.yml``, absolute."""
    target: str
    """Name of the target in use."""
    credentials: Credentials
    """Where that target's ClickHouse is."""
    models: dict[str, Relation]
    """Where each enabled model is, by name."""
    sources: dict[str, Relation]
    """Where each enabled source table is, by ``source.table``."""
    failures: dict[str, Relation] = field(default_factory=dict)
    """Where each data test that keeps the rows that fail it keeps them, by its name."""

    def model(self, name: str) -> Relation:
        """Return where a model is.

        Raises
        ------
        UserError
            If the project has no enabled model of that name.
        """
        return self._relation(name, self.models)

    def source(self, source: str, table: str) -> Relation:
        """Return where a source table is.

        Raises
        ------
        UserError
            If the project has no enabled source of that name.
        """
        return self._relation(f"{source}.{table}", self.sources)

    def _relation(self, name: str, known: dict[str, Relation]) -> Relation:
        if name not in known:
            raise UserError(
                f"The dbt project in {self.directory} has no enabled node called {name}.",
                "Run `dbt ls` to see what it has; python_jobs needs the models as shipped.",
            )
        return known[name]
