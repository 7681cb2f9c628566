"""The test of keys finds each repeated key once, nulls among them, whichever form it takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.python_jobs.conftest import Project

ROWS = [(1, 1), (1, 2), (1, 2), (1, 2), (2, 1), (2, 2), (3, None), (3, None), (3, 4), (4, None)]
MODEL = "select * from values('a UInt64, b Nullable(UInt64)', {rows})"
YAML = """
models:
  - name: keyed
    config: {access: public}
    data_tests:
      - unique_combination:
          arguments: {columns: [a, b]}
          config: {store_failures: true, alias: of_two}
      - unique_combination:
          arguments: {columns: [a, b, c]}
          config: {store_failures: true, alias: of_three}
"""


@pytest.mark.parametrize("table", ["of_two", "of_three"])
def test_each_repeated_key_is_found_once(keyed: Project, table: str) -> None:
    found = keyed.query(f"select a, b from staging.{table} order by a")
    assert found == [[1, 2], [3, None]]


@pytest.fixture(scope="module")
def keyed(empty_project: Project, tmp_path_factory: Any) -> Project:
    """A model with repeated keys, and what the tests of them kept."""
    project = empty_project.copy(tmp_path_factory.mktemp("keyed"))
    rows = ", ".join(f"({a}, {'null' if b is None else b})" for a, b in ROWS)
    models = project.directory / "models/intermediate"
    (models / "keyed.sql").write_text(f"select *, 0 as c from ({MODEL.format(rows=rows)})")
    (models / "_keyed.yml").write_text(YAML)
    built = project.run("dbt", "build", "--select", "keyed")
    assert "ERROR=2" in built.stdout, built.stdout
    return project
