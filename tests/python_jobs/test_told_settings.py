"""Settings that are told: by options, by a file, by variables, and which of them counts."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import click
import pytest

from python_jobs.cli import cli
from python_jobs.commands.model_options import model_options
from python_jobs.commands.wanted_model import WantedModel
from python_jobs.errors import UserError
from python_jobs.evaluation.limits import Limits
from python_jobs.jobs.options import Origin, ScoreOptions, TrainOptions
from python_jobs.model.settings import Settings
from python_jobs.model.told_settings import as_pair, changed, read_file
from python_jobs.tracking.record import Summary
from python_jobs.tracking.registry import Version

NOT_DEFAULT = Settings(4, 50, 7, "nndsvd", 1e-07, 2.0, 0.5, 1.5, 1.0, (4, 8))


def _wanted(arguments: list[str], like: str = "defaults") -> WantedModel:
    """Return what a command with these arguments is asked for."""

    @click.command()
    @model_options(like)
    def command(wanted: WantedModel) -> WantedModel:
        return wanted

    found: WantedModel = command.main(arguments, standalone_mode=False)
    return found


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIKE", "SETTINGS", "SET", "MAX_COMPONENTS", "MAX_ITER", "SEED"):
        monkeypatch.delenv(f"DATAFLIX_{name}", raising=False)


@pytest.mark.parametrize("settings", [Settings(), NOT_DEFAULT])
def test_every_setting_can_be_told_and_is_read_as_it_was_written(settings: Settings) -> None:
    pairs = [as_pair(*item) for item in asdict(settings).items()]
    told = _wanted([word for pair in pairs for word in ("--set", pair)]).told
    assert told == asdict(settings)
    assert [type(value) for value in told.values()] == [
        type(value) for value in asdict(settings).values()
    ]


def test_a_file_has_them_all(tmp_path) -> None:
    file = tmp_path / "tuned.toml"
    file.write_text(
        "max_components = 4\nmax_iter = 50\nrandom_state = 7\ninit = 'nndsvd'\nalpha = 1e-07\n"
        "watched_weight = 2\nscore_power = 0.5\nrecency = 1.5\nuser_scaling = 1\n"
        "ensemble_ranks = [4, 8]\n"
    )
    assert Settings(**_wanted(["--settings", str(file)]).told) == NOT_DEFAULT
    file.write_text("watched_weight = 'none'")
    assert _wanted(["--settings", str(file)]).told == {"watched_weight": None}


FILE = "recency = 2.0\nalpha = 0.1\nmax_iter = 9"
ORDERS: dict[str, tuple[list[str], dict[str, str], str, dict[str, Any]]] = {
    "nothing": ([], {}, "defaults", {}),
    "a setting over a file over a version": (
        ["--set", "recency=1", "--settings", "FILE", "--like", "4", "--max-iter", "8"],
        {},
        "4",
        {"recency": 1.0, "alpha": 0.1, "max_iter": 8},
    ),
    "the same by variables": (
        [],
        {"SET": "recency=1 score_power=2", "SETTINGS": "FILE", "LIKE": "4", "MAX_ITER": "8"},
        "4",
        {"recency": 1.0, "alpha": 0.1, "max_iter": 8, "score_power": 2.0},
    ),
    "the last of two": (
        ["--set", "recency=1", "--set", "recency=3"],
        {},
        "defaults",
        {"recency": 3},
    ),
    "a typed option over its variable": (
        ["--set", "recency=1"],
        {"SET": "recency=2 alpha=0.5", "SEED": "3"},
        "defaults",
        {"recency": 1.0, "random_state": 3},
    ),
    "a typed file over a variable's setting": (
        ["--settings", "FILE"],
        {"SET": "recency=5", "SEED": "3"},
        "defaults",
        {"recency": 2.0, "alpha": 0.1, "max_iter": 9, "random_state": 3},
    ),
    "a typed setting over a variable's own option": (
        ["--set", "max_iter=5"],
        {"MAX_ITER": "8"},
        "defaults",
        {"max_iter": 5},
    ),
    "a typed version without what variables change": (
        ["--like", "challenger"],
        {"SET": "recency=1", "SETTINGS": "FILE", "MAX_COMPONENTS": "8", "LIKE": "4"},
        "challenger",
        {},
    ),
    "empty variables": ([], {"SET": "", "SETTINGS": "", "LIKE": "", "SEED": ""}, "defaults", {}),
}


@pytest.mark.parametrize("name", ORDERS)
def test_which_counts(name: str, tmp_path, monkeypatch) -> None:
    arguments, variables, like, told = ORDERS[name]
    (tmp_path / "FILE").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    for variable, value in variables.items():
        monkeypatch.setenv(f"DATAFLIX_{variable}", value)
    assert _wanted(arguments) == WantedModel(like, told)


BAD: dict[str, tuple[list[str], str]] = {
    "an unknown name": (["--set", "depth=3"], "There is no setting depth. There are max_comp"),
    "no pair": (["--set", "recency"], "'recency' is not NAME=VALUE"),
    "what is too small": (["--set", "recency=-1"], "recency cannot be -1.0. It is a number from 0"),
    "no number": (["--set", "alpha=much"], "alpha cannot be 'much'"),
    "no whole number": (["--set", "max_iter=1.5"], "max_iter cannot be '1.5'"),
    "no list": (["--set", "ensemble_ranks="], "ensemble_ranks cannot be ''"),
    "half a list": (["--set", "ensemble_ranks=4,x"], "ensemble_ranks cannot be '4,x'"),
    "a rank of nothing": (["--max-components", "0"], "max_components cannot be 0"),
    "a seed beyond NumPy's": (["--seed", str(2**32)], "random_state cannot be 4294967296"),
    "members' seeds beyond": (
        ["--seed", str(2**32 - 1), "--set", "ensemble_ranks=4,8"],
        "random_state cannot be 4294967295. It is at most 4294967294",
    ),
    "the same twice": (
        ["--max-components", "4", "--set", "max_components=4"],
        "max_components is given by --set and by its own option",
    ),
    "no file": (["--settings", "nowhere.toml"], "nowhere.toml cannot be read"),
    "no TOML": (["--settings", "no.toml"], "no.toml cannot be read as TOML"),
    "an unknown name in a file": (["--settings", "unknown.toml"], "There is no setting depth"),
    "what cannot be in a file": (["--settings", "wrong.toml"], "user_scaling cannot be 2"),
}


@pytest.mark.parametrize("command", ["train", "pipeline"])
@pytest.mark.parametrize("name", BAD)
def test_bad_usage_is_said_before_anything_runs(command, name, tmp_path, monkeypatch) -> None:
    def started(*arguments: object, **_: object) -> None:
        raise AssertionError(f"a process was started: {arguments}")

    monkeypatch.setattr("subprocess.Popen.__init__", started)
    (tmp_path / "no.toml").write_text("recency: 1")
    (tmp_path / "unknown.toml").write_text("depth = 1")
    (tmp_path / "wrong.toml").write_text("user_scaling = 2")
    monkeypatch.chdir(tmp_path)
    arguments, words = BAD[name]
    with pytest.raises(click.UsageError) as refused:
        cli.main([command, *arguments], standalone_mode=False)
    assert words in refused.value.format_message()
    assert refused.value.exit_code == 2


def test_a_whole_number_that_no_float_holds_is_refused(tmp_path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"transition_memory = 1{'0' * 400}")
    with pytest.raises(UserError, match="transition_memory cannot be 1000"):
        read_file(file)


def test_a_variable_is_held_to_the_same(monkeypatch) -> None:
    monkeypatch.setenv("DATAFLIX_SET", "recency=1 depth=3")
    with pytest.raises(click.UsageError, match="There is no setting depth"):
        _wanted([])


def test_a_rank_that_is_told_is_not_lost_in_an_ensemble() -> None:
    assert changed(NOT_DEFAULT, {"max_components": 20}).ranks == (20,)
    assert changed(NOT_DEFAULT, {"recency": 1.0}).ranks == (4, 8)
    assert changed(Settings(), {"max_components": 20, "ensemble_ranks": (3,)}).ranks == (3,)


def test_the_pipeline_tells_its_training_all_it_was_told(monkeypatch) -> None:
    assert _wanted([], "live").words() == ["--like", "live"]
    monkeypatch.setenv("DATAFLIX_SET", "recency=1.5 ensemble_ranks=4,8")
    monkeypatch.setenv("DATAFLIX_MAX_ITER", "9")
    words = _wanted([], "live").words()
    expected = ["recency=1.5", "ensemble_ranks=4,8", "max_iter=9"]
    assert words == ["--like", "live", *(word for pair in expected for word in ("--set", pair))]
    # In the training's process the variables are the same, and it comes to the same.
    assert _wanted(words) == _wanted([], "live")
    monkeypatch.setenv("DATAFLIX_LIKE", "defaults")
    assert _wanted([], "live").like == "defaults"


def _job(live: object) -> Any:
    return SimpleNamespace(
        tracking=None, live=SimpleNamespace(ours=live, nothing="nothing is live yet")
    )


@pytest.fixture
def store(monkeypatch) -> None:
    """A store with the versions 3 and 4; 4 was tuned."""
    versions = {"3": Settings(3), "4": NOT_DEFAULT}

    def summary(version: Version) -> Summary:
        return Summary(versions[version.number], {}, {})

    def version(_: object, reference: Any) -> Version:
        number = getattr(reference, "model_version", reference)
        return Version("dataflix-nmf", {"challenger": "3"}.get(number, number), "")

    monkeypatch.setattr("python_jobs.tracking.registry.load_summary", summary)
    monkeypatch.setattr("python_jobs.tracking.registry.require_version", version)
    monkeypatch.setattr("python_jobs.jobs.live.version_of", version)


@pytest.mark.parametrize(
    ("wanted", "live", "settings", "words"),
    [
        (WantedModel("live", {}), "4", NOT_DEFAULT, "those of version 4, which is live"),
        (WantedModel("live", {}), None, Settings(), "the defaults, as nothing is live yet"),
        (
            WantedModel("live", {"recency": 2.0}),
            None,
            Settings(recency=2.0),
            "the defaults, as nothing is live yet, with recency=2.0",
        ),
        (WantedModel("defaults", {}), "4", Settings(), ""),
        (
            WantedModel("defaults", {"alpha": 0.5}),
            "4",
            Settings(alpha=0.5),
            "the defaults, with alpha=0.5",
        ),
        (
            WantedModel("challenger", {"alpha": 0.5}),
            "4",
            Settings(3, alpha=0.5),
            "those of version 3, with alpha=0.5",
        ),
    ],
)
def test_whose_settings_they_are_is_said(store, capsys, wanted, live, settings, words) -> None:
    run = SimpleNamespace(model_version=live) if live else None
    found, origin = wanted.settings(_job(run))
    assert found == settings
    versions = {"live": live, "challenger": "3"}
    version = versions.get(wanted.like)
    assert origin == Origin(f"v{version}" if version else "", wanted.told)
    # Nothing is said where nobody told any.
    assert capsys.readouterr().err == (f"settings: {words}\n" if words else "")


def test_a_live_model_that_cannot_be_read_is_not_replaced_by_the_defaults(monkeypatch) -> None:
    def gone(*_: object) -> None:
        raise UserError("It is not in the store.")

    monkeypatch.setattr("python_jobs.jobs.live.version_of", gone)
    with pytest.raises(UserError, match="not in the store"):
        WantedModel("live", {}).settings(_job(SimpleNamespace()))


def test_options_have_the_defaults_of_what_they_set() -> None:
    def defaults(name: str) -> dict[str, Any]:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        return {option.name or "": option.default for option in command.params}

    options = TrainOptions(Settings())
    for name in ("top", "keep", "publish", "evaluate"):
        assert defaults("train")[name] == getattr(options, name)
    for limit, value in asdict(Limits()).items():
        assert defaults("train")[limit] == value
    for name, value in asdict(ScoreOptions()).items():
        if name == "arm":
            continue  # what `promote` says, and no option of `score`
        assert defaults("score")[name] == value
    assert _wanted([]).told == {}
