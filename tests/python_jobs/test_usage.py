"""Bad usage is found before anything is read: no dbt, no ClickHouse, no MLflow."""

import click
import pytest

from python_jobs.cli import cli

BAD_USAGE = 2
WRONG = {
    "an empty list": (["train", "--top", "0"], "0 is not in the range 1<=x<=65535"),
    "a list that no rank can count": (["train", "--top", "65536"], "65536 is not in the range"),
    "fresh lists of nothing": (["score", "--top", "0"], "0 is not in the range"),
    "an empty list for a user": (["recommend", "--user", "1", "--top", "0"], "0 is not in the"),
    "a user that is no number": (["recommend", "--user", "abc"], "'abc' is not a user id"),
    "a negative user": (["recommend", "--user", "-1"], "'-1' is not a user id"),
    "a user beyond UInt64": (["recommend", "--user", str(2**64)], "is not a user id"),
    "a user in another script": (["recommend", "--user", "٤٢"], "is not a user id"),
    "a tolerance that nothing exceeds": (
        ["train", "--tolerance", "nan"],
        "nan is not in the range",
    ),
    "a drop that is no number": (["train", "--max-drop", "NaN"], "NaN is not in the range 0<=x<=1"),
    "a loss that is no number": (["score", "--max-shrink", "nan"], "nan is not in the range"),
    "a search without an end": (["tune", "--minutes", "nan"], "nan is not in the range x>=0"),
    "a demo for no user": (["demo", "--user", "abc"], "'abc' is not a user id"),
}


@pytest.fixture
def nothing_runs(monkeypatch):
    def started(*arguments, **_):
        raise AssertionError(f"a process was started: {arguments}")

    monkeypatch.setattr("subprocess.Popen.__init__", started)


@pytest.mark.parametrize("name", WRONG)
def test_it_is_named_with_its_exit_code(nothing_runs, name):
    arguments, words = WRONG[name]
    with pytest.raises(click.UsageError, match=words) as refused:
        cli.main(arguments, standalone_mode=False)
    assert refused.value.exit_code == BAD_USAGE


def test_a_variable_is_held_to_the_same(nothing_runs, monkeypatch):
    monkeypatch.setenv("DATAFLIX_TOP", "0")
    with pytest.raises(click.UsageError, match="0 is not in the range") as refused:
        cli.main(["train"], standalone_mode=False)
    assert refused.value.exit_code == BAD_USAGE


def test_the_largest_id_and_list_are_taken():
    arguments = ["--user", str(2**64 - 1), "--top", str(2**16 - 1)]
    command = cli.get_command(click.Context(cli), "recommend")
    assert command is not None
    taken = command.make_context("recommend", arguments).params
    assert (taken["user"], taken["top"]) == (2**64 - 1, 2**16 - 1)
