"""The program: runs a command, and turns what a user can cause into a message and an exit code."""

from __future__ import annotations

import sys

import click

from python_jobs.cli import cli
from python_jobs.errors import UserError

INTERRUPTED = 130


def main() -> None:
    """Run ``python_jobs``: exit 0, 1 after an error, 2 for bad usage, 130 after Ctrl-C."""
    try:
        # Without standalone mode click would turn Ctrl-C into exit code 1.
        sys.exit(cli.main(prog_name="python_jobs", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted. What was published before is still current.", err=True)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
