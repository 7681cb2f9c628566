"""dbt, kept for several commands: what it shows, writes and ends with."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest

from python_jobs.commands.dbt_step import run_dbt
from python_jobs.dbt.answers import teller
from python_jobs.dbt.kept import Event, KeptDbt
from python_jobs.dbt.project import DbtOptions
from python_jobs.dbt.question import ASKED, Question
from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError

EVENTS = [
    ("info", "LogStartLine", "1 of 2 START sql table model", 2),
    ("info", "LogModelResult", "1 of 2 OK created", 2),
    ("warn", "LogTestResult", "2 of 2 WARN 3 keys", 2),
    ("info", "Formatting", "", 0),
    ("info", "PrintEvent", "8 of 33,914 stay out.", 0),
    ("error", "RunResultError", "Failure in test keys\n  Got 3 results", 0),
    ("info", "StatsLine", "Done. PASS=1 WARN=1 ERROR=1", 0),
]
SHOWN = """2 of 2 WARN 3 keys
8 of 33,914 stay out.
Failure in test keys
  Got 3 results
Done. PASS=1 WARN=1 ERROR=1
"""


class Says(KeptDbt):
    """A dbt that says the events and fails."""

    def run(self, _, on_event):
        for event in EVENTS:
            on_event(dict(zip(("level", "name", "msg", "total"), event, strict=True)))
        return 2


def test_of_dbt_only_warnings_failures_and_the_end_are_shown(capsys):
    assert run_dbt(Says(DbtOptions(), {}), ["build"]) == 2
    assert capsys.readouterr() == (SHOWN, "")


def test_dbt_reads_the_project_once_for_all_its_commands_and_for_the_jobs(
    empty_project, tmp_path, monkeypatch
):
    project = empty_project.copy(tmp_path)
    options = DbtOptions(tmp_path, tmp_path)
    said: list[Event] = []
    with KeptDbt(options, project.environment) as kept:
        asked = kept.project()
        assert asked.model("mart_movies") == Relation("analytics", "mart_movies")
        for file in (tmp_path / "models").rglob("*.yml"):
            file.write_text("- [", encoding="utf-8")
        words = ["compile", "--select", "mart_movies", "--no-introspect", *options.arguments()]
        assert kept.run(words, said.append) == 0
        assert any("with" in event["msg"] for event in said)
        assert kept.run(["compile", "--selector", "x", *options.arguments()], said.append) == 2
        assert "Could not find selector named x" in said[-1]["msg"]
        assert [event["level"] for event in said].count("error") == 1
        # A job asks nobody.
        monkeypatch.setenv("DATAFLIX_DBT_ANSWER", "on stdin")
        monkeypatch.setattr("sys.stdin", StringIO(kept.answer()))
        assert Question(options).answer() == asked
        # One that was killed says so by its exit code, as any process does.
        assert kept._process is not None
        kept._process.kill()
        assert kept.run(words, said.append) == -9


def test_the_files_of_dbt_are_of_the_last_command_and_of_one_that_failed(empty_project, tmp_path):
    project = empty_project.copy(tmp_path)
    options = DbtOptions(tmp_path, tmp_path)
    manifest, results = (tmp_path / f"target/{name}.json" for name in ("manifest", "run_results"))

    def ran() -> dict[str, str]:
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
        done = json.loads(results.read_text(encoding="utf-8"))["results"]
        of_nodes = [each for each in done if not each["unique_id"].startswith("operation.")]
        return {nodes[each["unique_id"]]["name"]: each["status"] for each in of_nodes}

    def words(model: str) -> list[str]:
        return ["compile", "--select", model, "--no-introspect", *options.arguments()]

    said: list[Event] = []
    with KeptDbt(options, project.environment) as kept:
        for file in (manifest, results):
            file.unlink(missing_ok=True)
        assert kept.run(words("mart_movies"), said.append) == 0
        # Nobody asked for what another command would write over.
        assert not results.exists()
        assert not manifest.exists()
        # `dbt retry` goes by what failed, here for want of raw tables.
        assert kept.run(["run", "--select", "mart_movies", *options.arguments()], said.append) != 0
        assert ran() == {"mart_movies": "error"}
        assert kept.run(words("mart_users"), said.append) == 0
        assert ran() == {"mart_movies": "error"}
    assert ran()["mart_users"] == "success"


def test_what_several_threads_of_dbt_have_to_say_comes_in_whole_lines():
    class Slow(StringIO):
        def write(self, text):
            time.sleep(0.001)  # another thread's turn, between a line and its end
            return super().write(text)

    lines = Slow()
    tell = teller(lines)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: tell({"event": number}), range(40)))
    told = [json.loads(line)["event"] for line in lines.getvalue().splitlines()]
    assert sorted(told) == list(range(40))


def test_dbt_ends_where_the_pipeline_it_works_for_was_killed(empty_project, tmp_path):
    project = empty_project.copy(tmp_path)
    dbt = subprocess.Popen(
        [*ASKED, "--project-dir", tmp_path, "--profiles-dir", tmp_path],
        env=project.environment,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert dbt.stdin
    assert dbt.stdout
    assert dbt.stderr
    assert any('"answer"' in line for line in iter(dbt.stdout.readline, ""))
    print(json.dumps(["seed"]), file=dbt.stdin, flush=True)
    assert any("START seed" in line for line in iter(dbt.stdout.readline, ""))
    # What the end of a process that is killed does.
    dbt.stdout.close()
    dbt.stdin.close()
    try:
        assert dbt.wait(60) == 130
    finally:
        dbt.kill()
    assert "Traceback" not in dbt.stderr.read()


def test_a_project_that_dbt_cannot_read_is_said_once(empty_project, tmp_path):
    project = empty_project.copy(tmp_path)
    (tmp_path / "models/broken.yml").write_text("- [", encoding="utf-8")
    said: list[Event] = []
    with (
        KeptDbt(DbtOptions(tmp_path, tmp_path), project.environment) as kept,
        pytest.raises(UserError, match=r"dbt cannot read the project: [^?]*broken\.yml"),
    ):
        kept.run(["build"], said.append)
    assert not [event for event in said if event["level"] == "error"]
