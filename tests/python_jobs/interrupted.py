"""Runs python_jobs and presses Ctrl-C as a function begins: ``interrupted.py MODULE:NAME ARGS``."""

from __future__ import annotations

import os
import signal
import sys
import time
from importlib import import_module


def main() -> None:
    place, *arguments = sys.argv[1:]
    module_name, name = place.split(":")
    module = import_module(module_name)
    original = getattr(module, name)

    def interrupted(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)  # a signal is delivered between two steps of the interpreter
        return original(*args, **kwargs)

    setattr(module, name, interrupted)
    sys.argv = ["python_jobs", *arguments]
    from python_jobs.__main__ import main as python_jobs

    python_jobs()


if __name__ == "__main__":
    main()
