"""The command line: which commands there are. Each lives in a module of its name."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = (
    "train",
    "evaluate",
    "tune",
    "score",
    "recommend",
    "runs",
    "promote",
    "rollback",
    "reset",
    "forget",
    "load-movielens",
    "sql",
    "snapshot",
    "pipeline",
    "demo",
)


class LazyGroup(click.Group):
    """Imports a command's module when the command is asked for, so that help stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order in which a new user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command ``python_jobs.commands.<name>.command``."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"python_jobs.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "max_content_width": 100,
    },
)
@click.version_option(package_name="dataflix")
def cli() -> None:
    """Train, publish and look at movie recommendations in your ClickHouse.

    \b
    dbt builds the training mart; then
        python_jobs train
        python_jobs recommend --user 42
    """
