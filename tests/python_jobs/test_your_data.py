"""The example of docs/your_data.md, run as it is printed."""

from __future__ import annotations

import re

import pytest

from tests.python_jobs.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/your_data.md").read_text()
TABLES, VIEWS, MAPPING, NEW_IDS, MAPPED_VIEW = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
(FROM_FILE,) = re.findall(r"`(insert into shop.stars [^`]*)`", PAGE)
(SAVED_VIEWS,) = re.findall(r"run them with `(.*?)`", PAGE)
VARS, _LOAD_TIME = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHOP = """
insert into shop.customers values
    (1, 'Ann@Example.com', 'FR', '2024-05-01'), (2, null, 'DE', '2024-05-02');
insert into shop.films values
    (10, 'Whale Song', ['Documentary', 'Musical'], 1985, 5430), (11, 'The Ferry', [], null, 0);
insert into shop.plays values
    (1, 10, '2024-06-01 09:00:00.5', true), (1, 10, '2024-06-02 09:00:00', true),
    (2, 10, '2024-06-03 09:00:00', false), (1, 11, '2024-06-04 09:00:00', true);
"""
STARS = """customer_no,film_no,stars,given_at
1,10,9,2024-06-01 12:00:00
2,11,4,2024-06-05 12:00:00
2,10,7,
"""
CODED = """
create table shop.coded_films (
    film_code String, name String, categories Array(String), made_in Nullable(Int16), seconds UInt32
) engine = MergeTree order by film_code;
insert into shop.coded_films values ('tt2', 'B', [], 1999, 60), ('tt3', 'C', ['Drama'], 2000, 60);
"""
ONE_MORE = "insert into shop.coded_films values ('tt1', 'A', [], 2001, 60);"


def run_sql(project, *scripts: str) -> None:
    """Run statements in the project's embedded ClickHouse, as the page says."""
    done = project.python_jobs("sql", "--write", ";\n".join(scripts))
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def shop(empty_project, tmp_path_factory):
    """A project whose raw tables are the shop's, as the page says."""
    project = empty_project.copy(tmp_path_factory.mktemp("shop"))
    stars = project.directory / "stars.csv"
    stars.write_text(STARS)
    run_sql(project, TABLES, SHOP, FROM_FILE.replace("/home/you/stars.csv", str(stars)))
    (project.directory / "shop.sql").write_text(VIEWS)
    done = project.python_jobs(*SAVED_VIEWS.split()[1:])
    assert done.returncode == 0, done.stderr
    settings = project.directory / "dbt_project.yml"
    default = "  raw_database: null\n"
    assert default in settings.read_text()
    settings.write_text(settings.read_text().replace(default, VARS))
    project.dbt("run", "--select", "+mart_user_movie_matrix", "mart_movies", "mart_users")
    return project


def test_the_mart_is_built_from_tables_with_other_names_and_types(shop):
    columns = "user_id, movie_id, interaction_score, rating, watch_count"
    found = shop.query(
        f"select {columns} from analytics.mart_user_movie_matrix order by user_id, movie_id"
    )
    # Stars are halved, a second watch counts once, and what was not finished or has no time not
    # at all.
    assert found == [[1, 10, 5.5, 4.5, 2], [1, 11, 1.0, None, 1], [2, 11, 2.0, 2.0, 0]]
    columns = "movie_id, title, genres, release_year, duration_minutes"
    assert shop.query(f"select {columns} from staging.stg_dataflix__movies order by movie_id") == [
        [10, "Whale Song", ["Documentary", "Musical"], 1985, 90],
        [11, "The Ferry", [], 0, 0],
    ]
    assert shop.query("select user_id, country from staging.stg_dataflix__users order by 1") == [
        [1, "FR"],
        [2, "DE"],
    ]


def test_string_ids_get_numbers_that_stay(shop):
    titles = "select movie_id, title from shop_for_dataflix.movies order by movie_id"
    run_sql(shop, CODED, MAPPING, NEW_IDS, MAPPED_VIEW)
    assert shop.query(titles) == [[1, "B"], [2, "C"]]
    run_sql(shop, ONE_MORE, NEW_IDS, NEW_IDS)
    assert shop.query(titles) == [[1, "B"], [2, "C"], [3, "A"]]


def test_the_chance_that_two_hashes_meet_is_as_the_page_says():
    strings = 10_000_000
    stated = re.search(r"once in ([\d,]+) such catalogues", PAGE)
    assert stated
    assert int(stated[1].replace(",", "")) == pytest.approx(2 * 2**64 / strings**2, rel=0.01)


def test_a_load_does_not_replace_the_shops_views(shop, tmp_path):
    from tests.python_jobs.movielens_files import write_csv

    write_csv(tmp_path)
    done = shop.python_jobs("load-movielens", str(tmp_path))
    assert done.returncode == 1
    assert "shop_for_dataflix.users is not a table as `dbt seed` or this loader makes it" in (
        done.stderr
    )
