"""The documents say what is: links lead somewhere, and what is shown as output is what comes out.

In docs/collaborative_filtering.md a block marked `pycon` is a session, one marked `console` a
command of python_jobs and its output, and one marked `python` a program, its output following.
"""

from __future__ import annotations

import doctest
import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest
from PIL import Image

from python_jobs.cli import COMMANDS, cli
from python_jobs.evaluation.assessment import evaluate_factors
from python_jobs.evaluation.holdout import hold_out
from python_jobs.evaluation.reconstruction import reconstruction_metrics
from python_jobs.interactions.mart import read_interactions
from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "collaborative_filtering.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
PICTURE = ROOT / "docs" / "images" / "ml_architecture.png"
PRECISION = 0.02
"""Share by which another machine's rounding may move a printed figure."""


def blocks(language: str) -> list[str]:
    """Return the guide's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / "docs" / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def words_differ(shown: str, printed: str) -> list[tuple[str, str]]:
    """Return the words in which two outputs differ; spaces and rounding do not count."""
    left, right = shown.split(), printed.split()
    assert len(left) == len(right), printed
    return [pair for pair in zip(left, right, strict=True) if not same(*pair)]


def same(shown: str, printed: str) -> bool:
    try:
        return float(printed) == pytest.approx(float(shown), rel=PRECISION, abs=0.005)
    except ValueError:
        return shown == printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert not broken


LONG = [page for page in PAGES if page.parent.name == "docs" and page.name != "commands.md"]
"""commands.md is generated, and its first page lists the commands."""


@pytest.mark.parametrize("page", LONG, ids=lambda page: page.name)
def test_a_page_begins_with_its_contents(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    listed = text.partition("## Contents\n\n")[2].partition("\n\n")[0]
    assert re.findall(r"^- \[(.+)\]\(#", listed, re.MULTILINE) == headings[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_marks_of_a_merge(page):
    assert not re.search(r"^(<{7}|>{7}) ", page.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_help_pages_are_up_to_date():
    script = load_script("generate_commands.py")
    page = script.PAGE.read_text()
    assert script.with_help_pages(page) == page, "run python docs/generate_commands.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_that_it_understands(name):
    context = click.Context(cli, info_name="python_jobs")
    command = cli.get_command(context, name)
    assert command is not None
    assert command.help is not None
    examples = re.findall(rf"^\s+python_jobs {name}\b(.*)$", command.help, re.MULTILINE)
    assert examples
    for example in examples:
        command.make_context(name, shlex.split(example, comments=True), parent=context)


def test_the_picture_was_drawn_from_its_source():
    source = load_script("images/ml_architecture.py")
    with Image.open(PICTURE) as picture:
        assert picture.info[source.SOURCE_HASH] == source.source_hash(), f"run {source.__file__}"


def test_the_worked_example_comes_out():
    session = doctest.DocTestParser().get_doctest(
        "\n".join(blocks("pycon")), {}, GUIDE.name, str(GUIDE), 0
    )
    printed: list[str] = []
    failed, attempted = doctest.DocTestRunner(verbose=False).run(session, out=printed.append)
    assert attempted > 20
    assert not failed, "".join(printed)


def test_the_commands_print_what_is_shown(project):
    sessions = [block.partition("\n") for block in blocks("console")]
    typed = [shlex.split(command.removeprefix("$ ")) for command, _, _ in sessions]
    assert {words[0] for words in typed} == {"python_jobs"}
    outcomes = project.many([words[1:] for words in typed])
    for (_, _, shown), done in zip(sessions, outcomes, strict=True):
        assert done.returncode == 0, done.stderr
        assert not words_differ(shown, done.stdout)


def test_the_model_can_be_used_elsewhere_as_shown(trained_project):
    (program,) = blocks("python")
    shown = re.search(r"^```text\n(.*?)^```", GUIDE.read_text().partition(program)[2], re.M | re.S)
    assert shown is not None
    done = trained_project.run("python", "-c", program)
    assert done.returncode == 0, done.stderr
    assert not words_differ(shown[1], done.stdout)


def test_rmse_and_ranking_disagree_as_shown(warehouse):
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", GUIDE.read_text(), re.MULTILINE)
    assert len(rows) >= 3
    interactions = read_interactions(warehouse)
    holdout = hold_out(interactions.matrix, interactions.last_interacted_at)
    for k, rmse, ndcg in rows:
        fitted = factorize(holdout.train, Settings(max_components=int(k)))
        fit = reconstruction_metrics(holdout.train, fitted.W, fitted.H)
        lists = evaluate_factors(fitted.W, fitted.H, holdout).metrics
        assert fit["rmse"] == pytest.approx(float(rmse), rel=PRECISION)
        assert lists["ndcg_at_10"] == pytest.approx(float(ndcg), rel=PRECISION)
