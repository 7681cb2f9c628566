"""What `make dashboards` runs in Superset's environment: set up what is new, then serve.

    python dashboards/serve.py --port 8088

Everything that it keeps is in ``.dashboards``: Superset's metadata and key, and the copy of the
marts that ``python_jobs snapshot`` makes. ``DATAFLIX_DASHBOARDS_URI`` reads a
ClickHouse server instead.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from checks import SLUGS, address, refuse_a_taken_port, refuse_marts_that_do_not_answer

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent / ".dashboards"
SNAPSHOT = KEPT / "marts" / "current"
PASSWORD = "password:"
"""What set_up.py's last line begins with, so that a word of Superset's is not taken for one."""
PROMPT = """
Recommendations:     {addresses[0]}
Recommender health:  {addresses[1]}
{password}Ctrl-C ends it."""
NEW_PASSWORD = """
To change them, log in as {editor} with the password {password}
It is shown this once; make dashboards NEW_PASSWORD=1 makes another.
"""


def main() -> None:
    """Set up and serve; end with a sentence where something is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, default=8088)
    port = parser.parse_args().port
    server = os.environ.get("DATAFLIX_DASHBOARDS_URI")
    prepare_environment()
    refuse_a_taken_port(port)
    if server:
        refuse_marts_that_do_not_answer(server)
    show_when_it_answers(port, set_up_what_is_new())
    os.execv(
        sys.executable,
        [
            *(sys.executable, "-m", "gunicorn", "--config", str(HERE / "gunicorn_config.py")),
            *("--bind", f"127.0.0.1:{port}", "superset.app:create_app()"),
        ],
    )


def prepare_environment() -> None:
    """Say where everything is, and make Superset's key where there is none."""
    home = Path(os.environ.setdefault("SUPERSET_HOME", str(KEPT / "superset")))
    home.mkdir(parents=True, exist_ok=True)
    key = home / "secret_key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(secrets.token_urlsafe(42))
    os.environ["SUPERSET_SECRET_KEY"] = key.read_text()
    os.environ["SUPERSET_CONFIG_PATH"] = str(HERE / "superset_config.py")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    os.environ["FLASK_APP"] = "superset"
    # What Superset warns of while it starts is for those who run it for others.
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if not os.environ.get("DATAFLIX_DASHBOARDS_URI"):
        if not SNAPSHOT.exists():
            sys.exit(
                f"There is no copy of the marts at {SNAPSHOT}.\n"
                "Run `python_jobs snapshot`, or set DATAFLIX_DASHBOARDS_URI to a ClickHouse server."
            )
        os.environ["DATAFLIX_DASHBOARDS_URI"] = (
            f"clickhousedb://embedded/analytics?interface=chdb&path={SNAPSHOT}&readonly=1"
        )


def set_up_what_is_new() -> str:
    """Set up unless this very bundle is in place; return a new password, or nothing."""
    done = Path(os.environ["SUPERSET_HOME"]) / "set_up"
    wanted = fingerprint()
    new_password = os.environ.get("NEW_PASSWORD")
    if done.exists() and done.read_text() == wanted and not new_password:
        return ""
    print("Setting Superset up: half a minute, once.", flush=True)
    # In a process of its own, which leaves its half a gigabyte when it is done.
    program, log = [sys.executable, str(HERE / "set_up.py")], done.with_suffix(".log")
    with log.open("w") as said:
        ran = subprocess.run(program, stdout=subprocess.PIPE, stderr=said, text=True, check=False)
    if ran.returncode:
        last = "\n".join(log.read_text().splitlines()[-5:])
        sys.exit(f"{last}\nSuperset could not be set up; {log} has all that it said.")
    done.write_text(wanted)
    return ran.stdout.splitlines()[-1].removeprefix(PASSWORD)


def fingerprint() -> str:
    """Return what tells this bundle, these scripts, this Superset and this database from others."""
    files = [*sorted((HERE / "bundle").rglob("*.yaml")), HERE / "set_up.py"]
    digest = hashlib.sha256(version("apache-superset").encode())
    for file in files:
        digest.update(file.read_bytes())
    # A password in it is not kept: the digest has it with all the rest.
    digest.update(os.environ["DATAFLIX_DASHBOARDS_URI"].encode())
    return digest.hexdigest()


def show_when_it_answers(port: int, password: str) -> None:
    """Leave for gunicorn's hook what is to be printed when the application has loaded."""
    shown = NEW_PASSWORD.format(editor="editor", password=password) if password else ""
    os.environ["DATAFLIX_DASHBOARDS_PROMPT"] = PROMPT.format(
        addresses=[address(port, slug) for slug in SLUGS], password=shown
    )


if __name__ == "__main__":
    main()
