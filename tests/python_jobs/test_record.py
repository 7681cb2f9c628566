"""The model on disk, as this release and the first one wrote it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from python_jobs.errors import UserError
from python_jobs.model.settings import Settings
from python_jobs.tracking.record import ModelRecord, Summary, load_record, save_record

RECORD = ModelRecord(
    W=np.ones((2, 1), np.float32),
    H=np.ones((1, 3), np.float32),
    user_ids=np.array([7, 2**63], np.uint64),
    movie_ids=np.array([1, 5, 2**40], np.uint64),
    fingerprints=np.array([3, 4], np.uint64),
    summary=Summary(Settings(3, ensemble_ranks=(2, 1)), {"top": "20"}, {"ndcg_at_10": 0.5}),
)
ARRAYS = ("W", "H", "user_ids", "movie_ids", "fingerprints")


def _same(read):
    assert read.summary == RECORD.summary
    assert read.P is None
    for name in ARRAYS:
        expected, found = getattr(RECORD, name), getattr(read, name)
        assert expected.dtype == found.dtype
        assert expected.tolist() == found.tolist()


def test_what_is_saved_is_loaded(tmp_path):
    save_record(RECORD, {"run_id": "a"}, tmp_path)
    _same(load_record(tmp_path))
    # The jobs read no id from it; readers who have MLflow alone do.
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert metadata["run_id"] == "a"
    assert metadata["movie_ids"] == [1, 5, 2**40]
    (tmp_path / "metadata.json").unlink()
    _same(load_record(tmp_path))


def test_transitions_are_saved_and_loaded(tmp_path):
    settings = Settings(3, transition_rank=2)
    P = np.arange(6, dtype=np.float32).reshape(3, 2)
    summary = replace(RECORD.summary, settings=settings)
    save_record(replace(RECORD, P=P, summary=summary), {}, tmp_path)
    read = load_record(tmp_path)
    assert read.P is not None
    assert read.P.tobytes() == P.tobytes()
    assert read.summary.settings == settings


def test_a_model_of_before_transitions_is_loaded(tmp_path):
    save_record(RECORD, {}, tmp_path)
    path = tmp_path / "model.json"
    found = json.loads(path.read_text())
    known = {name: v for name, v in found["settings"].items() if "transition" not in name}
    assert len(known) < len(found["settings"])
    path.write_text(json.dumps({**found, "format": 2, "settings": known}))
    _same(load_record(tmp_path))


def _first_release(folder, settings):
    save_record(RECORD, {}, folder)
    for name in ("model.json", "user_ids.npy", "movie_ids.npy"):
        (folder / name).unlink()
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps({**metadata, "settings": metadata["settings"] | settings}))


def test_a_model_of_the_first_release_is_loaded(tmp_path):
    _first_release(tmp_path, {})
    _same(load_record(tmp_path))


def test_settings_of_another_release_are_a_sentence(tmp_path):
    _first_release(tmp_path, {"depth": 3})
    with pytest.raises(UserError, match="settings that this release does not know: depth"):
        load_record(tmp_path)
