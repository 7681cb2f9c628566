"""docs/extending.md, walked from top to bottom: what it shows is built, drawn and linted."""

from __future__ import annotations

import re
import shlex
import shutil

import pytest
import yaml

from tests.python_jobs.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/extending.md").read_text()
MODEL, HAVING = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
CONTRACT, UNIT_TEST, VAR, OVERRIDE, EXPOSURE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
PRINT, BUILD, CHART, STYLE = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
WRITTEN = "models/marts/_mine.yml"
FILE = "models/marts/mart_genre_activity.sql"
COUNTED = """
    select movies.primary_genre, count()
    from analytics.mart_user_movie_matrix as interactions
    inner join analytics.mart_movies as movies on interactions.movie_id = movies.movie_id
    where movies.primary_genre != ''
    group by 1
    having count() >= 100
    order by 1
"""


def words(command):
    return shlex.split(command, comments=True)


@pytest.fixture(scope="module")
def walked(built_project, tmp_path_factory):
    """The project after all steps of the page, and what the commands on the way said."""
    project = built_project.copy(tmp_path_factory.mktemp("extended"))
    said = {}
    (project.directory / FILE).write_text(MODEL)
    said["without yml"] = project.run(*words(BUILD))

    command, _, file = PRINT.strip().partition(" > ")
    assert file == WRITTEN
    printed = project.run(*words(command))
    said["printed"] = yaml.safe_load(printed.stdout)
    (project.directory / WRITTEN).write_text(re.sub(" +data_type: .*\n", "", printed.stdout))
    said["without types"] = project.run(*words(BUILD))

    settings = project.directory / "dbt_project.yml"
    settings.write_text(settings.read_text().replace("vars:\n", f"vars:\n{VAR}", 1))
    group_by = "    group by movies.primary_genre\n"
    assert MODEL.count(group_by) == 1
    (project.directory / FILE).write_text(MODEL.replace(group_by, group_by + HAVING))
    unit_test = yaml.safe_load(UNIT_TEST)
    unit_test["unit_tests"][0] |= yaml.safe_load(OVERRIDE)
    ours = yaml.safe_load(CONTRACT) | unit_test | yaml.safe_load(EXPOSURE)
    (project.directory / WRITTEN).write_text(yaml.safe_dump(ours, sort_keys=False))
    said["built"] = project.dbt(*words(BUILD)[1:], DBT_EXCLUDE_RESOURCE_TYPES="")
    said["chart"] = project.python_jobs(*words(CHART)[1:])
    return project, said


@pytest.mark.parametrize("state", ["without yml", "without types"])
def test_a_build_without_its_columns_says_which_command_prints_them(walked, state):
    _, said = walked
    assert said[state].returncode != 0
    told = " ".join(said[state].stdout.split())
    assert "in the yml of mart_genre_activity" in told
    assert "dbt run-operation print_yml --args 'model: mart_genre_activity'" in told
    assert "Unhandled error" not in told


def test_the_printed_yml_is_the_pages_but_for_words_and_tests(walked):
    _, said = walked
    ((printed,), (shown,)) = said["printed"]["models"], yaml.safe_load(CONTRACT)["models"]
    columns = [(column["name"], column["data_type"]) for column in shown["columns"]]
    assert [(column["name"], column["data_type"]) for column in printed["columns"]] == columns
    for part in ("name", "config", "latest_version", "versions"):
        assert printed[part] == shown[part]


def test_the_mart_is_built_and_tested(walked):
    project, said = walked
    assert "a_movie_without_a_genre_is_not_counted" in said["built"].stdout
    assert "PASS in_range_mart_genre_activity" in said["built"].stdout
    built = "select genre, interaction_count from analytics.mart_genre_activity order by 1"
    assert len(project.query(COUNTED)) > 5
    assert project.query(built) == project.query(COUNTED)


def test_the_chart_is_drawn(walked):
    _, said = walked
    assert said["chart"].returncode == 0, said["chart"].stderr
    assert "████" in said["chart"].stdout
    assert "Crime" in said["chart"].stdout


def test_what_the_page_adds_passes_the_linters(walked):
    project, _ = walked
    assert [line.split()[:2] for line in STYLE.strip().splitlines()] == [
        ["make", "format"],
        ["make", "lint"],
    ]
    for name in ("dbt-bouncer.yml", ".sqlfluff"):
        shutil.copy(REPOSITORY / name, project.directory)
    held = project.run("dbt-bouncer", "--show-all-failures")
    assert held.returncode == 0, held.stdout[-3000:] + held.stderr[-2000:]
    assert "All checks passed" in held.stdout + held.stderr
    linted = project.run("sqlfluff", "lint", "--disable-progress-bar", FILE)
    assert linted.returncode == 0, linted.stdout
    shouted = (project.directory / FILE).read_text().replace("select", "SELECT")
    (project.directory / FILE).write_text(shouted)
    mended = project.run("sqlfluff", "fix", "--disable-progress-bar", FILE)
    assert mended.returncode == 0, mended.stdout
    assert "SELECT" not in (project.directory / FILE).read_text()
