"""The program: runs a command, and turns what a user can cause into a message and an exit code."""

from __future__ import annotations

import errno
import gc
import math
import signal
import sys
import tempfile
import time

import click

from python_jobs.cli import cli
from python_jobs.errors import INTERRUPTED, Terminated, UserError
from python_jobs.garbage import collect_rarely

WORDS = "Interrupted. `python_jobs runs` shows what is current; half of a run never is."
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
DISK_WORDS = (
    "Error: A file cannot be written: {}. Temporary files go to {} (TMPDIR names another place).\n"
    "Make room and run the command again; `python_jobs runs` shows which run is current."
)
SAME_SECONDS = 5
"""For how long after a signal a SIGTERM is the same end of the same command."""


def main() -> None:
    """Run ``python_jobs``: exit 0, 1 after an error, 2 for bad usage, 130 where interrupted."""
    collect_rarely()
    _end_once()
    try:
        # Without standalone mode click would turn Ctrl-C into exit code 1.
        sys.exit(cli.main(prog_name="python_jobs", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        click.echo(f"{error.word}: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in DISK:
            raise
        click.echo(DISK_WORDS.format(error.strerror, tempfile.gettempdir()), err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        # What was interrupted after a run became current says so itself, as a UserError.
        click.echo(WORDS, err=True)
        sys.exit(INTERRUPTED)
    finally:
        # What is left is the system's to take back; looking through it took half a second.
        gc.freeze()


def _end_once() -> None:
    """Have SIGTERM do what Ctrl-C does, and nothing right after either.

    Where a whole group of processes gets a signal, a pipeline passes another on to its job, which
    must not cut short what the first has begun. A second Ctrl-C does.
    """
    ended_at = -math.inf

    def end(number: int, _: object) -> None:
        nonlocal ended_at
        now = time.monotonic()
        if number == signal.SIGTERM and now - ended_at < SAME_SECONDS:
            return
        ended_at = now
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    # A shell has what it puts into the background ignore it.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)


if __name__ == "__main__":
    main()
