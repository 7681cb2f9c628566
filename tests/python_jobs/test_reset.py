"""What `python_jobs reset` asks, what it removes, and what it leaves."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest

from python_jobs.commands.reset import require_consent
from python_jobs.errors import UserError
from python_jobs.jobs.live import find_live
from python_jobs.jobs.reset import belongings, reset
from python_jobs.publishing.history import current_run
from python_jobs.publishing.removal import FOLLOWED
from python_jobs.publishing.retention import PUBLISHED_TABLES
from python_jobs.tracking.registry import CHALLENGER, CHAMPION, aliased, set_alias
from tests.python_jobs.conftest import SCRIPTS
from tests.python_jobs.publishing_data import all_tables, publish, run_of

MODEL = "dataflix-nmf"
OTHERS = """
select database, table, sum(rows) from system.parts
where active and database in ('raw', 'analytics') group by all order by all
"""


@pytest.fixture
def published(warehouse, store):
    """Two runs are published; the second is the champion, another target's is the challenger."""
    for table in (*PUBLISHED_TABLES, "training_runs"):
        warehouse.client.command(f"truncate table {warehouse.published(table)}")
    store.client.create_registered_model(MODEL)
    for alias, target in ((CHAMPION, "embedded"), (CHALLENGER, "server")):
        run = store.client.create_run(store.experiment_id, tags={"dbt_target": target})
        version = store.client.create_model_version(MODEL, "file:///x", run_id=run.info.run_id)
        set_alias(store, MODEL, alias, str(version.version))
    for name in ("first", "second"):
        publish(warehouse, run_of(name), all_tables(3, 2), keep=5)
    yield
    store.client.delete_registered_model(MODEL)


def test_all_that_was_published_goes_and_nothing_else(warehouse, store, published):
    for table, column in zip(FOLLOWED, ("published_at", "published_at", "started_at"), strict=True):
        model = warehouse.project.model(table)
        warehouse.client.command(f"insert into {model} ({column}) select now()")
    others = warehouse.client.query(OTHERS).result_rows
    assert {database for database, _, _ in others} == {"raw", "analytics"}
    found = belongings(warehouse, store)
    # Other tests share the warehouse, and some are refused there.
    refused = warehouse.client.query("select count() from ml.refused_runs").result_rows[0][0]
    assert found.rows == {
        "ml.refused_runs": refused,
        "ml.training_runs": 2,
        "ml.recommendations": 12,
        "ml.similar_movies": 4,
        "ml.movie_factors": 2,
        "ml.dataset_samples": 0,
        "staging.int_followed_lists": 1,
        "staging.int_final_outcomes": 1,
        "staging.int_final_experiment_outcomes": 1,
    }
    assert found.aliases == [CHAMPION]
    assert reset(warehouse, store, found) == []
    assert not belongings(warehouse, store)
    assert current_run(warehouse) is None
    assert find_live(warehouse, store)[0].nothing == "nothing is live yet"
    assert aliased(store, MODEL, CHAMPION) is None
    assert aliased(store, MODEL, CHALLENGER) == "2"
    assert len(store.client.search_model_versions(f"name = '{MODEL}'")) == 2
    assert warehouse.client.query(OTHERS).result_rows == others
    # Its row follows nothing, as the first one's did, and is not taken for a repetition of it.
    publish(warehouse, run_of("first"), all_tables(3, 2), keep=5)
    live = current_run(warehouse)
    assert live is not None
    assert live.run_id == "first"


@pytest.mark.parametrize(
    ("embedded", "yes", "database", "refused"),
    [
        (True, False, None, "on a terminal.*Or give --yes"),
        (True, True, None, ""),
        (True, True, "other", "--database is 'other', and this target's is 'ml'"),
        (False, False, None, "Or give --yes --database ml"),
        (False, True, None, "Or give --yes --database ml"),
        (False, False, "ml", "Or give --yes --database ml"),
        (False, True, "raw", "--database is 'raw'"),
        (False, True, "ml", ""),
    ],
)
def test_nothing_goes_without_a_word(monkeypatch, embedded, yes, database, refused):
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115, PTH123
    if not refused:
        require_consent("ml", database, yes=yes, embedded=embedded)
        return
    with pytest.raises(UserError, match=f"(?s)Nothing was removed.*{refused}"):
        require_consent("ml", database, yes=yes, embedded=embedded)


@pytest.mark.parametrize(
    ("embedded", "answer", "agreed"),
    [
        (True, "y", True),
        (True, "", False),
        (True, "yes please", False),
        (False, "y", False),
        (False, "ml", True),
    ],
)
def test_a_person_is_asked_on_a_terminal(monkeypatch, embedded, answer: str, agreed):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []

    def ask(question: str, **_: object) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("click.prompt", ask)
    if agreed:
        require_consent("ml", None, yes=False, embedded=embedded)
    else:
        with pytest.raises(UserError, match="Nothing was removed"):
            require_consent("ml", None, yes=False, embedded=embedded)
    assert len(asked) == 1


def test_the_command_asks_names_what_goes_and_starts_clean(project):
    def typed(answer: bytes) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        os.write(ours, answer + b"\n")
        done = subprocess.run(
            [str(SCRIPTS / "python_jobs"), "reset"],
            cwd=project.directory,
            env=project.environment,
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
        )
        os.close(ours)
        os.close(theirs)
        return done.returncode, done.stdout + done.stderr

    code, said = typed(b"n")
    assert code == 1
    assert "6,000 rows of ml.recommendations" in said
    assert "the alias champion of dataflix-nmf" in said
    assert "Remove all of it? [y/N]" in said
    assert "Nothing was removed" in said
    assert project.query("select count() from ml.recommendations") == [[6000]]
    code, said = typed(b"y")
    assert code == 0, said
    runs, again, trained = project.many([(["runs"], {}), (["reset"], {}), (["train"], {})])
    assert "Nothing has been published yet" in runs.stdout
    assert "There is nothing to remove" in again.stdout
    assert trained.returncode == 0, trained.stderr
    assert "nothing is live yet" in trained.stdout
    assert project.query("select count() from ml.training_runs") == [[1]]
