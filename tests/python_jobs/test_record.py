"""The model on disk, as this release and the first one wrote it."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from python_jobs.errors import UserError
from python_jobs.model.settings import Settings
from python_jobs.tracking.record import ModelRecord, Summary, Users, load_record, save_record

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
    save_record(RECORD.parts(), {"run_id": "a"}, tmp_path)
    _same(load_record(tmp_path))
    # The jobs read no id from it; readers who have MLflow alone do.
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert metadata["run_id"] == "a"
    assert metadata["movie_ids"] == [1, 5, 2**40]
    (tmp_path / "metadata.json").unlink()
    _same(load_record(tmp_path))


def in_parts(record, bounds):
    """Return a record as it is saved of users on several machines."""

    def users():
        for first, last in pairwise([0, *bounds, record.user_ids.size]):
            part = slice(first, last)
            yield Users(record.W[part], record.user_ids[part], record.fingerprints[part])

    return replace(record.parts(), users=users)


def test_users_in_parts_are_files_of_their_own_and_loaded_as_one_model(tmp_path):
    save_record(in_parts(RECORD, [1]), {}, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("user_ids*")) == [
        "user_ids_00000.npy",
        "user_ids_00001.npy",
    ]
    said = json.loads((tmp_path / "model.json").read_text())
    assert (said["format"], said["user_parts"]) == (4, 2)
    assert json.loads((tmp_path / "metadata.json").read_text())["user_ids"] == [7, 2**63]
    _same(load_record(tmp_path))


def test_one_part_is_what_earlier_releases_read(tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    for folder, model in ((whole, RECORD.parts()), (part, in_parts(RECORD, []))):
        folder.mkdir()
        save_record(model, {}, folder)
    files = sorted(path.name for path in whole.iterdir())
    assert "user_ids.npy" in files
    assert json.loads((whole / "model.json").read_text())["format"] == 3
    assert [(part / name).read_bytes() for name in files] == [
        (whole / name).read_bytes() for name in files
    ]


@pytest.mark.parametrize("bounds", [[], [1]])
def test_the_mappings_of_many_users_are_named_and_not_held(tmp_path, monkeypatch, bounds):
    monkeypatch.setattr("python_jobs.tracking.record.LARGEST_MAPPING", 1)
    save_record(in_parts(RECORD, bounds), {}, tmp_path)
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert "user_ids" not in metadata
    ids = [np.load(tmp_path / name) for name in metadata["user_id_files"]]
    assert np.concatenate(ids).tolist() == [7, 2**63]
    assert metadata["movie_ids"] == [1, 5, 2**40]
    _same(load_record(tmp_path))


def test_transitions_are_saved_and_loaded(tmp_path):
    settings = Settings(3, transition_rank=2)
    P = np.arange(6, dtype=np.float32).reshape(3, 2)
    summary = replace(RECORD.summary, settings=settings)
    save_record(replace(RECORD, P=P, summary=summary).parts(), {}, tmp_path)
    read = load_record(tmp_path)
    assert read.P is not None
    assert read.P.tobytes() == P.tobytes()
    assert read.summary.settings == settings


def test_a_model_of_before_transitions_is_loaded(tmp_path):
    save_record(RECORD.parts(), {}, tmp_path)
    path = tmp_path / "model.json"
    found = json.loads(path.read_text())
    known = {name: v for name, v in found["settings"].items() if "transition" not in name}
    assert len(known) < len(found["settings"])
    path.write_text(json.dumps({**found, "format": 2, "settings": known}))
    _same(load_record(tmp_path))


def _first_release(folder, settings):
    save_record(RECORD.parts(), {}, folder)
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
