"""Every command that the README shows is run, in the order in which it shows them.

Those of the pipeline have been run when a test gets the trained project, and are not run again.
"""

import re
import shlex

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


def test_every_command_of_the_readme_runs(trained_project, tmp_path):
    newcomer = trained_project.copy(tmp_path / "newcomer")
    shown = list(_commands())
    assert shown[: len(IN_THE_FIXTURES)] == IN_THE_FIXTURES
    ((run_id,),) = newcomer.query("select run_id from ml.training_runs")
    typed = [
        [run_id if word == "RUN_ID" else word for word in words]
        for words in shown[len(IN_THE_FIXTURES) :]
    ]
    programs = [words[0] for words in typed]
    assert {*programs} == {"dbt", "python_jobs"}
    # In one process, to import once.
    commands = [words if words[0] == "dbt" else words[1:] for words in typed]
    for words, done in zip(typed, newcomer.many(commands), strict=True):
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}{done.stderr}"
        # The sample is healthy, its age and its broken rows included.
        assert "WARN" not in done.stdout.replace("WARN=0", ""), done.stdout
    assert ["python_jobs", "rollback", run_id] in typed
    assert programs.count("dbt") >= 3
    assert programs.count("python_jobs") >= 6
