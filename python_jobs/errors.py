"""What a user can cause, and what to do next."""

from __future__ import annotations

REFUSED = 3
"""Exit code of a run that the gate did not let go live."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell has it, and after SIGTERM."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, by which a scheduler ends a command: what follows is what follows Ctrl-C."""


class UserError(Exception):
    """A failure that the reader of the message can mend.

    The command line prints it on stderr, without a traceback, and exits with :attr:`exit_code`.

    Parameters
    ----------
    message
        What happened, and where.
    hint
        What to do next.
    """

    exit_code = 1
    word = "Error"
    """What the message begins with."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class InterruptedWithNewsError(UserError):
    """Ctrl-C where there is more to say than that it came; the interrupt is its cause."""

    exit_code = INTERRUPTED
    word = "Interrupted"
