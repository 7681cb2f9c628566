"""Every command that the README shows is run, in the order in which it shows them.

Those of the pipeline have been run when a test gets the trained project, and are not run again.
"""

import re
import shlex
from itertools import groupby

from python_jobs.commands.steps import REFRESH
from tests.python_jobs.conftest import REPOSITORY

BLOCKS = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(), flags=re.DOTALL)
NOT_HERE = {
    "make": "what runs these tests, and the demo that the commands below it take apart",
    "source": "the tests run in the environment already",
    "export": "an address that is not there; test_server.py runs these with one that is",
}


IN_THE_FIXTURES = [
    ["dbt", "seed"],
    *([step.program, *step.arguments] for step in REFRESH),
]


def _commands():
    for block in BLOCKS:
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] not in NOT_HERE and "server" not in words:
                yield words


def _run_together(project, commands):
    """Run commands of one program; those of python_jobs in one process, to import once."""
    if commands[0][0] == "python_jobs":
        return project.many([(words[1:], {}) for words in commands])
    return [project.run(*words) for words in commands]


def test_every_command_of_the_readme_runs(trained_project, tmp_path):
    newcomer = trained_project.copy(tmp_path / "newcomer")
    shown = list(_commands())
    assert shown[: len(IN_THE_FIXTURES)] == IN_THE_FIXTURES
    ran = []
    for _, group in groupby(shown[len(IN_THE_FIXTURES) :], key=lambda words: words[0]):
        commands = list(group)
        if ["python_jobs", "rollback", "RUN_ID"] in commands:
            (run_id,) = newcomer.query("select min(run_id) from ml.training_runs")[0]
            commands = [[run_id if word == "RUN_ID" else word for word in c] for c in commands]
        for words, done in zip(commands, _run_together(newcomer, commands), strict=True):
            assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}{done.stderr}"
            # The sample is healthy, its age and its broken rows included.
            assert "WARN" not in done.stdout.replace("WARN=0", ""), done.stdout
            ran.append(words[0])
    assert ran.count("dbt") >= 3
    assert ran.count("python_jobs") >= 6
