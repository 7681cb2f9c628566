"""Rules of the dbt project that dbt itself cannot test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from python_jobs.dbt.project import DbtOptions
from python_jobs.dbt.question import Question
from python_jobs.dbt.relation import Relation
from tests.python_jobs.conftest import REPOSITORY, Project, rows_of

PERSONAL_TARGET = """
dataflix:
  target: dev
  outputs:
    dev: {type: clickhouse, driver: http, host: localhost, schema: ana}
    server: {type: clickhouse, driver: http, host: localhost, schema: analytics}
"""
HOLD = """
import sys, clickhouse_connect
client = clickhouse_connect.get_client(interface="chdb", path=sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def manifest_of(project: Project) -> dict[str, Any]:
    text = (project.directory / "target" / "manifest.json").read_text(encoding="utf-8")
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def ours(manifest: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    everything = [node for key in kinds for node in manifest[key].values()]
    return [node for node in everything if node["package_name"] == "dataflix"]


def databases(manifest: dict[str, Any]) -> set[str]:
    kinds = ("model", "seed", "source")
    nodes = ours(manifest, "nodes", "sources")
    return {node["schema"] for node in nodes if node["resource_type"] in kinds}


@pytest.fixture(scope="module")
def personal(empty_project: Project, tmp_path_factory: Any) -> list[dict[str, Any]]:
    """The manifests for a personal target, and for the shared one with a team's own tables."""
    project = empty_project.copy(tmp_path_factory.mktemp("personal"))
    (project.directory / "profiles.yml").write_text(PERSONAL_TARGET, encoding="utf-8")
    own = {"raw_database": "lake", "raw_ratings": "stars", "load_sample": True}
    shared = ["dbt", "parse", "--target", "server", "--vars", json.dumps(own)]
    look = ["read", "target/manifest.json"]
    parsed, mine, parsed_shared, team = project.many([["dbt", "parse"], look, shared, look])
    for done in (parsed, parsed_shared):
        assert done.returncode == 0, done.stdout
    return [json.loads(manifest.stdout) for manifest in (mine, team)]


def test_the_shared_targets_have_the_exact_databases(built_project: Project) -> None:
    assert databases(manifest_of(built_project)) == {"raw", "staging", "analytics", "ml"}


def test_a_personal_target_prefixes_every_database(personal: list[dict[str, Any]]) -> None:
    manifest, _ = personal
    assert databases(manifest) == {"ana_raw", "ana_staging", "ana_analytics", "ana_ml"}
    # Nobody's tables on a server are overwritten by a stray `dbt seed`.
    assert not [name for name in manifest["nodes"] if name.startswith("seed.")]


def test_a_teams_own_tables_are_taken_as_they_are_written(personal: list[dict[str, Any]]) -> None:
    _, manifest = personal
    ratings = manifest["sources"]["source.dataflix.dataflix.ratings"]
    assert (ratings["schema"], ratings["identifier"]) == ("lake", "stars")
    # Even then the sample goes into a database of its own.
    assert manifest["nodes"]["seed.dataflix.sample_ratings"]["schema"] == "raw"


def test_everything_is_described(built_project: Project) -> None:
    manifest = manifest_of(built_project)
    described = ours(manifest, "nodes", "sources", "macros", "exposures")
    described = [node for node in described if node["resource_type"] not in ("operation", "test")]
    assert not [node["unique_id"] for node in described if not node["description"].strip()]

    relations = {
        f"{node['schema']}.{node.get('identifier') or node['alias']}": node["columns"]
        for node in described
        if node["resource_type"] in ("model", "source")
        # A table that only some teams have, and the sample has not.
        and node["name"] != "impressions"
    }
    columns = built_project.query(
        "select database || '.' || table, groupArray(name) from system.columns "
        "where database in ('raw', 'staging', 'analytics', 'ml') group by 1"
    )
    assert {name: sorted(names) for name, names in columns} == {
        name: sorted(column for column in documented if documented[column]["description"].strip())
        for name, documented in relations.items()
    }


def seeded(results: subprocess.CompletedProcess[str]) -> list[str]:
    built = [one["unique_id"] for one in json.loads(results.stdout)["results"]]
    return [name for name in built if name.startswith("seed.")]


def test_a_build_leaves_the_samples_seeds_alone_and_builds_a_packages(
    built_project: Project, tmp_path: Path
) -> None:
    project = built_project.copy(tmp_path)
    package = tmp_path / "dbt_packages" / "calendar"
    (package / "seeds").mkdir(parents=True)
    (package / "dbt_project.yml").write_text("name: calendar\nversion: 1.0.0\n")
    (package / "seeds" / "holidays.csv").write_text("day,name\n2026-01-01,New Year\n")
    (tmp_path / "packages.yml").write_text("packages: [{local: dbt_packages/calendar}]\n")

    look = ["read", "target/run_results.json"]
    seeds, every_seed, calendar, its_own, done = project.many(
        [
            ["dbt", "build", "--resource-type", "seed"],
            look,
            ["dbt", "build", "--select", "package:calendar"],
            look,
            ["dbt", "build", "--exclude", "resource_type:model"],
        ]
    )
    for built in (seeds, calendar):
        assert built.returncode == 0, built.stdout
    assert seeded(every_seed) == seeded(its_own) == ["seed.calendar.holidays"]
    assert done.returncode != 0
    assert "--exclude package:dataflix,resource_type:seed" in done.stdout


def test_every_unit_test_of_the_models_passes(built_project: Project, tmp_path: Path) -> None:
    project = built_project.copy(tmp_path)
    every = {"DBT_EXCLUDE_RESOURCE_TYPES": ""}  # a variable that is empty excludes nothing
    # What a team's raw tables have is nothing that the tests' own rows must have.
    told = ("--vars", json.dumps({"raw_loaded_at": "_loaded_at"}))
    project.dbt("test", "--resource-type", "unit_test", *told, **every)
    results = json.loads((project.directory / "target/run_results.json").read_text())["results"]
    tested = {done["unique_id"]: done["status"] for done in results}
    unit_tests = manifest_of(project)["unit_tests"]
    assert len(unit_tests) > 50
    assert {name: tested.get(name) for name in unit_tests} == dict.fromkeys(unit_tests, "pass")


JOBS = ("training_job", "outcomes_screen")
"""Exposures that are python_jobs."""


def test_the_jobs_exposures_name_what_the_jobs_read(built_project: Project) -> None:
    files = (REPOSITORY / "python_jobs").rglob("*.py")
    code = " ".join(file.read_text(encoding="utf-8") for file in files)
    manifest = manifest_of(built_project)
    read = (manifest["exposures"][f"exposure.dataflix.{name}"] for name in JOBS)
    named = {
        manifest["nodes"][node]["name"]
        for exposure in read
        for node in exposure["depends_on"]["nodes"]
    }
    assert named == set(re.findall(r'\bmodel\("(\w+)"\)', code))


def test_a_second_version_of_a_mart_stands_beside_the_first(
    built_project: Project, tmp_path: Path
) -> None:
    """The steps of docs/model_versions.md."""
    project = built_project.copy(tmp_path)
    marts = tmp_path / "models" / "marts"
    page = (REPOSITORY / "docs" / "model_versions.md").read_text(encoding="utf-8")
    versions = textwrap.indent(
        textwrap.dedent(page.split("```yaml\n")[1].split("   ```")[0]), "    "
    )
    model = (marts / "mart_users.sql").read_text(encoding="utf-8")
    changed = model.replace("users.country as country,", "users.country as country_code,")
    (marts / "mart_users_v2.sql").write_text(changed, encoding="utf-8")
    properties = (marts / "_marts__models.yml").read_text(encoding="utf-8")
    first = next(part for part in properties.split("    versions:\n") if "in: mart_users\n" in part)
    first = first[: first.index("alias: mart_users\n")] + "alias: mart_users\n"
    properties = properties.replace("    versions:\n" + first, versions)
    (marts / "_marts__models.yml").write_text(properties, encoding="utf-8")

    countries = (
        "select table, name from system.columns where database = 'analytics' "
        "and startsWith(table, 'mart_users') and startsWith(name, 'country') order by table"
    )
    built, columns, listed = project.many(
        [
            ["dbt", "build", "--select", "mart_users"],
            ["query", countries],
            ["dbt", "list", "--select", "mart_users.v1+", "--resource-type", "exposure"],
        ]
    )
    assert built.returncode == 0, built.stdout
    assert rows_of(columns) == [["mart_users", "country"], ["mart_users_v2", "country_code"]]
    versions_built = {
        node["version"]: node["access"]
        for node in ours(manifest_of(project), "nodes")
        if node["name"] == "mart_users"
    }
    assert versions_built == {1: "public", 2: "public"}
    assert "recommendations_dashboard" in listed.stdout
    # The jobs follow `latest_version`.
    jobs = Question(DbtOptions(project.directory, project.directory)).answer()
    assert jobs.model("mart_users") == Relation("analytics", "mart_users")


LAKE = {"raw_database": "lake.raw", "raw_loaded_at": "_loaded_at"}
RAW_TABLES = ("users", "movies", "ratings", "watched_movies")
LAKE_VIEW = """
create view `lake.raw`.`{0}.v1` as
select *, toDateTime('2001-02-03 04:05:06', 'UTC') as _loaded_at
from raw.{0}
"""
UUID_VIEW = """
create view raw.ratings as
select * replace (reinterpretAsUUID(toUInt128(user_id)) as user_id) from raw.kept
"""
ODD = {"raw_users": "us\\ers", "raw_movies": "mo'vies", "raw_ratings": "rat`ings"}


@pytest.fixture(scope="module")
def odd_sources(
    built_project: Project, tmp_path_factory: Any
) -> dict[str, subprocess.CompletedProcess[str]]:
    """What dbt says of raw tables that are not as they should be, or not where they usually are."""
    project = built_project.copy(tmp_path_factory.mktemp("odd"))
    keys = ("stg_dataflix__watched_movies", "stg_dataflix__ratings", "--exclude", "test_type:unit")
    lake = json.dumps(LAKE | {f"raw_{table}": f"{table}.v1" for table in RAW_TABLES})
    odd = json.dumps(ODD | {"raw_database": 'la"ke'})
    commands = {
        "twice": ["execute", "insert into raw.watched_movies select * from raw.watched_movies"],
        "keys": ["dbt", "test", "--select", *keys],
        "away": ["execute", "rename table raw.ratings to raw.kept"],
        "missing": ["dbt", "run", "--select", "stg_dataflix__ratings"],
        "uuids": ["execute", UUID_VIEW],
        "no numbers": ["dbt", "run", "--select", "stg_dataflix__ratings"],
        "numbers again": ["execute", "drop view raw.ratings"],
        "back": ["execute", "rename table raw.kept to raw.ratings"],
        "lake": ["execute", "create database `lake.raw`"],
        **{f"{table}.v1": ["execute", LAKE_VIEW.format(table)] for table in RAW_TABLES},
        "freshness": ["dbt", "source", "freshness", "--vars", lake],
        "sources": ["read", "target/sources.json"],
        "odd names": ["dbt", "run", "--vars", odd],
    }
    return dict(zip(commands, project.many([*commands.values()]), strict=True))


def test_events_that_were_loaded_twice_are_warned_of(odd_sources: Any) -> None:
    keys = odd_sources["keys"]
    assert keys.returncode == 0, keys.stdout
    warned = [line.split("WARN")[1] for line in keys.stdout.splitlines() if " WARN " in line]
    # Of 300 users the test looks at a few, and at each of their events.
    [watched] = [line for line in warned if "watched_movies" in line]
    assert int(watched.split()[0]) > 20
    assert not [line for line in warned if "ratings" in line]


def test_a_run_without_raw_tables_says_what_to_do(odd_sources: Any) -> None:
    done = odd_sources["missing"]
    assert done.returncode != 0
    assert "There is no raw table raw.ratings on target embedded. Run `dbt seed`" in done.stdout


def test_ids_that_are_never_numbers_are_refused_before_anything_is_built(odd_sources: Any) -> None:
    done = odd_sources["no numbers"]
    assert done.returncode != 0
    assert "whole numbers above 0, and these are not: raw.ratings.user_id (" in done.stdout
    assert "UUID" in done.stdout
    assert "movie_id" not in done.stdout
    assert 'docs/your_data.md, "String ids"' in done.stdout
    assert "START sql view" not in done.stdout


def test_freshness_goes_by_the_teams_load_time_in_names_with_dots(odd_sources: Any) -> None:
    assert odd_sources["freshness"].returncode == 0, odd_sources["freshness"].stdout
    found = json.loads(odd_sources["sources"].stdout)
    loaded = {one["unique_id"].split(".")[-1]: one["max_loaded_at"] for one in found["results"]}
    for table in ("users", "ratings", "watched_movies"):
        assert loaded[table].startswith("2001-02-03T04:05:06")


def test_names_that_cannot_be_quoted_everywhere_are_refused(odd_sources: Any) -> None:
    done = odd_sources["odd names"]
    assert done.returncode != 0
    assert "are not supported: la\"ke, us\\ers, mo'vies, rat`ings." in done.stdout


def test_a_database_that_cannot_be_opened_is_explained(
    empty_project: Project, tmp_path: Path
) -> None:
    project = empty_project.copy(tmp_path / "project")
    held = str(tmp_path / "held")
    (tmp_path / "file").touch()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, held],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "open\n"
    file = str(tmp_path / "file" / "db")
    try:
        opened, made = project.many(
            [(["dbt", "debug"], {"DATAFLIX_CHDB_PATH": path}) for path in (held, file)]
        )
    finally:
        holder.communicate()
    assert f"{held} cannot be opened: another process has it open" in opened.stdout
    assert "cannot be made" in made.stdout
    for done in (opened, made):
        assert done.returncode != 0
        assert "Traceback" not in done.stdout + done.stderr


def test_the_mart_spills_in_place_of_growing(built_project: Project, warehouse: Any) -> None:
    ran = built_project.directory / "target/run/dataflix/models/marts/mart_user_movie_matrix.sql"
    assert "max_bytes_before_external_group_by=2000000000" in ran.read_text().replace(" ", "")
    rows = (
        "select count(), groupBitXor(cityHash64(tuple(*))) from staging.int_user_movie_interactions"
    )
    spilled = "select sum(value) from system.events where event = 'ExternalAggregationWritePart'"
    # The sample is too small for ClickHouse to think of it by itself.
    small = {"group_by_two_level_threshold": 1, "max_bytes_before_external_group_by": 1}
    in_memory, before = warehouse.client.query(rows).first_row, warehouse.client.command(spilled)
    assert warehouse.client.query(rows, settings=small).first_row == in_memory
    assert warehouse.client.command(spilled) > before
