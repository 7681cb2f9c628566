"""What operators meet: disks that are full or read-only, a store that cannot be written."""

import errno
import sqlite3

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from python_jobs import __main__ as program
from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import UserError
from python_jobs.warehouse.explained_errors import explained_errors

RUNS = "select run_id from ml.training_runs order by published_at"


@pytest.fixture(scope="module")
def unwritable(trained_project, tmp_path_factory):
    """A training whose MLflow store is read-only, and what is current before and after it."""
    project = trained_project.copy(tmp_path_factory.mktemp("unwritable"))
    store = project.directory / "mlflow.db"
    before = project.query(RUNS)
    # As on a disk that is mounted so; root writes into files without permission.
    uri = f"sqlite:///file:{store}?mode=ro&uri=true"
    (done,) = project.many([(["train"], {"MLFLOW_TRACKING_URI": uri})])
    with sqlite3.connect(store) as read:
        (versions,) = read.execute("select count(*) from model_versions").fetchone()
    return done, before, project.query(RUNS), versions


def test_a_store_that_cannot_be_written_is_said_in_words(unwritable):
    done, before, after, versions = unwritable
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "failed: attempt to write a readonly database" in done.stderr
    assert "MLFLOW_TRACKING_URI" in done.stderr
    assert (after, versions) == (before, 1)


@pytest.mark.parametrize("variable", ["DBT_LOG_PATH", "DBT_TARGET_PATH"])
def test_a_project_that_dbt_cannot_write_in_is_named(tmp_path, monkeypatch, variable):
    (tmp_path / "dbt_project.yml").touch()
    options = DbtOptions(tmp_path)
    options.require_writable()
    refused = tmp_path / "elsewhere" if variable == "DBT_LOG_PATH" else tmp_path
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("DBT_LOG_PATH", str(tmp_path / "elsewhere"))
    monkeypatch.setattr("os.access", lambda path, _: path != refused)
    with pytest.raises(UserError, match="the disk is read-only") as told:
        options.require_writable()
    assert variable in told.value.hint


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_is_full_or_read_only_is_said_in_words(monkeypatch, capsys, code):
    def fail(**_):
        raise OSError(code, "No room")

    monkeypatch.setattr("python_jobs.__main__.cli.main", fail)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("gc.set_threshold", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "Error: A file cannot be written: No room." in said
    assert "TMPDIR" in said


def test_clickhouses_own_full_disk_says_what_to_do(warehouse):
    full = DatabaseError("Code: 243. DB::Exception: Cannot reserve 1.00 MiB", code=243)
    with pytest.raises(UserError) as told, explained_errors(warehouse.project):
        raise full
    assert "Make room on its disk" in told.value.hint
