"""Breaks the program on purpose, one thing at a time, and sees whether the tests notice.

``make mutants`` runs it. mutants.toml lists what is broken and which tests must fail then. It works
on a copy of what git has or would add, so that the working tree stays as it is. First those tests
have to pass on the copy unbroken; they also build the projects that all later runs share, since no
mutant changes what dbt builds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).parents[1]
MUTANTS = Path(__file__).with_suffix(".toml")
AT_A_TIME = 2
PASSED, FAILED = 0, 1
"""pytest's exit codes that say something of the tests; others are of pytest itself."""
NOTICED = re.compile(r"^FAILED ", re.M)
"""A test that ran and failed. What pytest calls an ERROR came before it: a project that cannot be
opened tells nothing of the test."""
NO_PROGRAM = re.compile(r"^E +(?:NameError|SyntaxError|ImportError|ModuleNotFoundError)", re.M)
"""What fails with one of these is not wrong, it is not a program."""


@dataclass(frozen=True)
class Mutant:
    """One thing that is broken."""

    breaks: str
    """What is wrong then, in words."""
    file: str
    """Below python_jobs: what dbt reads is built once for all mutants."""
    text: str
    """What is replaced; it must be there exactly once."""
    becomes: str
    killers: list[str]
    """Tests of which at least one must fail, below tests/python_jobs."""

    def apply(self, tree: Path) -> None:
        """Break the copy of the program in a directory."""
        path = tree / "python_jobs" / self.file
        source = path.read_text()
        if source.count(self.text) != 1:
            times = f"{source.count(self.text)} times"
            sys.exit(f"{self.breaks}: {self.file} has its text {times}, and not once:\n{self.text}")
        path.write_text(source.replace(self.text, self.becomes))


def copy_repository(tree: Path) -> None:
    """Copy what git has or would add, as it is now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, names.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, tree / name)


def environment(tree: Path) -> dict[str, str]:
    """Return variables under which a copy is what Python imports, in processes of tests as well."""
    shared = str(tree.parent / "projects")
    return {**os.environ, "PYTHONPATH": str(tree), "DATAFLIX_TEST_PROJECTS": shared}


def require_imported(tree: Path) -> None:
    """Stop where a process of another directory would import anything but the copy."""
    ask = [sys.executable, "-c", "import python_jobs; print(python_jobs.__file__)"]
    done = subprocess.run(
        ask, cwd=tree.parent, env=environment(tree), capture_output=True, text=True, check=True
    )
    if not Path(done.stdout.strip()).is_relative_to(tree):
        sys.exit(f"Python imports {done.stdout.strip()}, which is not in {tree}.")


def run_tests(tree: Path, tests: list[str]) -> tuple[int, str]:
    """Return pytest's exit code and its output."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
    command += ["--basetemp", f"{tree}.tmp", *(f"tests/python_jobs/{test}" for test in tests)]
    done = subprocess.run(
        command, cwd=tree, env=environment(tree), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def outcome(mutant: Mutant, unbroken: Path) -> str:
    """Return ``killed``, ``SURVIVED``, or what else became of the tests of a mutant."""
    with TemporaryDirectory(dir=unbroken.parent) as directory:
        tree = Path(f"{directory}.tree")
        # With what was compiled for the unbroken one.
        shutil.copytree(unbroken, tree)
        mutant.apply(tree)
        code, output = run_tests(tree, mutant.killers)
        shutil.rmtree(tree)
        shutil.rmtree(f"{tree}.tmp", ignore_errors=True)
    if code == FAILED and NOTICED.search(output) and not NO_PROGRAM.search(output):
        return "killed"
    return "SURVIVED" if code == PASSED else f"BROKEN\n{output[-3000:]}"


def main() -> None:
    """Try all mutants, or those whose descriptions hold the words of the command line."""
    words = " ".join(sys.argv[1:])
    listed = [Mutant(**mutant) for mutant in tomllib.loads(MUTANTS.read_text())["mutant"]]
    mutants = [mutant for mutant in listed if words in f"{mutant.file}: {mutant.breaks}"]
    start = time.monotonic()
    with TemporaryDirectory(prefix="mutants") as directory:
        unbroken = Path(directory).resolve() / "unbroken"
        copy_repository(unbroken)
        (unbroken.parent / "projects").mkdir()
        require_imported(unbroken)
        for mutant in mutants:
            with TemporaryDirectory() as scratch:
                shutil.copytree(unbroken / "python_jobs", Path(scratch) / "python_jobs")
                mutant.apply(Path(scratch))
        killers = sorted({test for mutant in mutants for test in mutant.killers})
        code, output = run_tests(unbroken, killers)
        if code != PASSED:
            sys.exit(f"{output}\nThese tests have to pass before anything is broken.")
        killed = 0
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            outcomes = pool.map(lambda mutant: outcome(mutant, unbroken), mutants)
            for mutant, became in zip(mutants, outcomes, strict=True):
                print(f"{became:8}  {mutant.file}: {mutant.breaks}", flush=True)
                killed += became == "killed"
    print(f"killed {killed} of {len(mutants)} in {time.monotonic() - start:.0f} s")
    sys.exit(killed < len(mutants))


if __name__ == "__main__":
    main()
