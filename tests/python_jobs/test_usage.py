"""Bad usage is found before anything is read: no dbt, no ClickHouse, no MLflow."""

import click
import pytest
from click.core import ParameterSource

from python_jobs.cli import COMMANDS, cli

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
    "workers of nobody": (
        ["train", "--engine", "dask"],
        "--engine dask goes with one of --scheduler and --workers",
    ),
    "workers of two kinds": (
        ["train", "--engine", "dask", "--scheduler", "tcp://a:1", "--workers", "2"],
        "--engine dask goes with one of --scheduler and --workers",
    ),
    "a scheduler that is not asked": (
        ["train", "--scheduler", "tcp://a:1"],
        "--scheduler goes with --engine dask",
    ),
    "a run that one process cannot go on with": (
        ["train", "--resume", "0" * 32],
        "--resume goes with --engine dask",
    ),
    "no workers": (["train", "--engine", "dask", "--workers", "0"], "0 is not in the range x>=1"),
    "another engine": (["train", "--engine", "spark"], "'spark' is not one of 'process', 'dask'"),
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
    context = click.Context(cli, **cli.context_settings)
    command = cli.get_command(context, "recommend")
    assert command is not None
    taken = command.make_context("recommend", arguments, parent=context).params
    assert (taken["user"], taken["top"]) == (2**64 - 1, 2**16 - 1)


CONSENT = {("reset", "--yes"), ("forget", "--yes"), ("sql", "--write")}
"""What answers a question is no setting, and a variable that lies about must not answer it."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_setting_can_be_given_as_an_environment_variable(name, monkeypatch):
    # The settings of the group, since a command keeps the help option that it is first asked for.
    context = click.Context(cli, **cli.context_settings)
    command = cli.get_command(context, name)
    assert command is not None
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert len(options) >= 3
    for option in options:
        flag = option.opts[0]
        if (name, flag) in CONSENT:
            assert option.envvar is None
            continue
        assert option.envvar, f"{name} {flag} reads no variable"
        assert option.show_envvar, f"{name} {flag} does not show its variable"
        # It is read, and not only named.
        given = {
            "FLOAT RANGE": "0.5",
            "ID": "7",
            "INTEGER": "7",
            "NUMBER": "0.5",
            "NAME=VALUE": "recency=0.5",
        }
        text = given.get(str(option.metavar or option.type.name).upper(), "3")
        if isinstance(option.type, click.Choice):
            text = str(option.type.choices[-1])
        if option.is_flag:
            text = "true"
        if option.metavar == "FILE":
            continue  # read by the settings' own test
        variable = option.envvar if isinstance(option.envvar, str) else option.envvar[0]
        monkeypatch.setenv(variable, text)
        required = {"rollback": ["RUN"], "load-movielens": ["PATH"], "forget": ["1"]}.get(name, [])
        if name == "recommend" and flag != "--user":
            required = ["--user", "1"]
        parsed = command.make_context(name, required, parent=context)
        assert parsed.get_parameter_source(option.name) is ParameterSource.ENVIRONMENT, flag
        monkeypatch.delenv(variable)
