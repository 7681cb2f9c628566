"""What dbt knows: where ClickHouse is, and which relation has which name.

dbt's profile is the one place that says where ClickHouse is, and its manifest the one place that
says what a model is called there. Both are asked through dbt itself, so that targets, prefixes,
vars and environment variables mean here what they mean to ``dbt run``.
"""

from __future__ import annotations

from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from python_jobs.errors import UserError

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


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
        named = {
            "--project-dir": self.project_dir,
            "--profiles-dir": self.profiles_dir,
            "--target": self.target,
        }
        return [word for flag, value in named.items() if value for word in (flag, str(value))]


@dataclass(frozen=True)
class DbtProject:
    """A parsed project: its directory, the target's credentials and the manifest."""

    directory: Path
    """Directory of ``dbt_project.yml``, absolute."""
    target: str
    """Name of the target in use."""
    credentials: Any
    """The adapter's credentials object of that target."""
    manifest: Manifest

    def model(self, name: str) -> str:
        """Return a model's relation as ``database.table``.

        Raises
        ------
        UserError
            If the project has no enabled model of that name.
        """
        return self._relation(name, self.manifest.ref_lookup.find(name, None, None, self.manifest))

    def source(self, source: str, table: str) -> str:
        """Return a source table's relation as ``database.table``.

        Raises
        ------
        UserError
            If the project has no enabled source of that name.
        """
        key = f"{source}.{table}"
        return self._relation(key, self.manifest.source_lookup.find(key, None, self.manifest))

    def _relation(self, name: str, node: Any) -> str:
        if node is None:
            raise UserError(
                f"The dbt project in {self.directory} has no enabled node called {name}.",
                "Run `dbt ls` to see what it has; python_jobs needs the models as shipped.",
            )
        return f"{quoted(node.schema)}.{quoted(node.identifier)}"


def quoted(identifier: str) -> str:
    """Return an identifier in ClickHouse's backquotes where it is not a plain word."""
    plain = identifier.isidentifier() and identifier.isascii()
    return identifier if plain else "`" + identifier.replace("`", "\\`") + "`"


def load_project(options: DbtOptions) -> DbtProject:
    """Parse the dbt project as ``dbt parse`` does (from its cache where nothing changed).

    Raises
    ------
    UserError
        If dbt finds no project, no profile, no such target, or an error in any of them.
    """
    from dbt.cli.main import dbtRunner
    from dbt.config.runtime import load_profile
    from dbt.flags import get_flags

    quiet = ["--log-level", "none", "--log-level-file", "none", "--no-send-anonymous-usage-stats"]
    # dbt changes into the project's directory, and stays there.
    with chdir(Path.cwd()):
        result = dbtRunner().invoke(["parse", "--no-write-json", *quiet, *options.arguments()])
    if not result.success:
        raise UserError(f"dbt cannot read the project: {result.exception}", _parse_hint(options))
    flags = get_flags()
    profile = load_profile(flags.PROJECT_DIR, flags.VARS, flags.PROFILE, flags.TARGET)
    return DbtProject(
        directory=Path(flags.PROJECT_DIR).resolve(),
        target=profile.target_name,
        credentials=profile.credentials,
        manifest=result.result,
    )


def _parse_hint(options: DbtOptions) -> str:
    project = options.project_dir or Path()
    if not (project / "dbt_project.yml").is_file():
        return "Run from the project's directory, or name it with --project-dir."
    return (
        "Run `dbt debug` with the same options to see what dbt sees. A missing profile: "
        "`cp profiles.yml.example profiles.yml`."
    )
