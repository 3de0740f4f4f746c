"""Kept features: the same back, none that are damaged or of something else, and never half a file."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors import safe_open

from models.errors import Cancelled, ModelError
from models.features.cache import FeatureCache, cached_features
from models.features.devices import Device
from models.volumes import CtVolume

SETTINGS: dict[str, object] = {"encoder": "e", "windows_hu": [[-175.0, 250.0]], "grid_kji": [2, 2, 2]}
CPU = Device(torch.device("cpu"), "CPU")


class Counting:
    """An encoder that counts its work."""

    name = "counting"
    channels = 3
    cell_order = "canonical"

    def __init__(self, way: int = 1) -> None:
        self.settings: dict[str, object] = {"encoder": self.name, "way": way}
        self.calls = 0

    def estimate_s(self, shape_kji, device, *, affine_lps=None):
        return 0.0

    def encode(self, volume, grid_kji, *, device, progress=None, cancelled=None):
        self.calls += 1
        if cancelled is not None and cancelled():
            raise Cancelled
        return np.full((int(np.prod(grid_kji)), 3), self.calls, dtype=np.float32)


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "derived" / "features")


@pytest.fixture
def features():
    return np.random.default_rng(1).random((8, 5), dtype=np.float32)


@pytest.fixture
def volume():
    return CtVolume(np.zeros((9, 4, 4), dtype=np.int16) - 1000, np.eye(4), case="C1")


def test_features_come_back_bit_for_bit(cache, features):
    assert cache.get("d1", SETTINGS).features is None
    cache.put("d1", SETTINGS, features)
    found = cache.get("d1", dict(reversed(SETTINGS.items())))
    assert np.array_equal(found.features, features)
    assert found.features.dtype == np.float32
    assert found.note == ""


@pytest.mark.parametrize(("digest", "changed"), [("d2", {}), ("d1", {"windows_hu": [[-175.0, 251.0]]})])
def test_another_volume_or_setting_has_none(cache, features, digest, changed):
    cache.put("d1", SETTINGS, features)
    assert cache.get(digest, {**SETTINGS, **changed}) == type(cache.get("x", {}))(None, "")


def test_the_file_says_what_it_holds(cache, features):
    path = cache.put("d1", SETTINGS, features)
    with safe_open(path, framework="numpy") as file:
        said = file.metadata()
    assert said["volume_digest"] == "d1"
    assert json.loads(said["settings"]) == SETTINGS
    assert json.loads(said["versions"])["numpy"] == np.__version__
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["cut", "flipped bit", "pickle", "empty"])
def test_a_damaged_file_is_not_used_and_said(cache, features, kind):
    path = cache.put("d1", SETTINGS, features)
    whole = path.read_bytes()
    content = {
        "cut": whole[:-7],
        "flipped bit": whole[:-1] + bytes([whole[-1] ^ 1]),
        "pickle": pickle.dumps({"features": features}),
        "empty": b"",
    }[kind]
    path.write_bytes(content)
    found = cache.get("d1", SETTINGS)
    assert found.features is None
    assert found.note.startswith(f"{path}: ")
    assert "computed again" in found.note
    assert "\n" not in found.note


def test_features_of_another_volume_under_this_name_are_not_used(cache, features):
    other = cache.put("d2", SETTINGS, features)
    other.rename(cache.path("d1", SETTINGS))
    found = cache.get("d1", SETTINGS)
    assert found.features is None
    assert "features of another volume or settings" in found.note


def test_an_encoder_works_once_for_each_volume_setting_and_grid(cache, volume):
    encoder = Counting()
    first = cached_features(cache, encoder, volume, (2, 2, 2), device=CPU)
    again = cached_features(cache, encoder, volume, (2, 2, 2), device=CPU)
    assert encoder.calls == 1
    assert np.array_equal(first.features, again.features)
    cached_features(cache, encoder, volume, (4, 2, 2), device=CPU)
    assert encoder.calls == 2
    other = Counting(way=2)
    cached_features(cache, other, volume, (2, 2, 2), device=CPU)
    assert other.calls == 1


def test_damaged_features_are_computed_again_and_kept_whole(cache, volume):
    encoder = Counting()
    cached_features(cache, encoder, volume, (2, 2, 2), device=CPU)
    path = next(cache.folder.iterdir())
    path.write_bytes(b"x")
    again = cached_features(cache, encoder, volume, (2, 2, 2), device=CPU)
    assert encoder.calls == 2
    assert "damaged, computed again" in again.note
    assert cached_features(cache, encoder, volume, (2, 2, 2), device=CPU).note == ""


def test_what_was_cancelled_is_not_kept(cache, volume):
    with pytest.raises(Cancelled):
        cached_features(cache, Counting(), volume, (2, 2, 2), device=CPU, cancelled=lambda: True)
    assert not cache.folder.exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path, features):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="features cannot be kept here: Not a directory"):
        FeatureCache(tmp_path / "file" / "features").put("d1", SETTINGS, features)


def test_features_that_cannot_be_kept_are_given_with_the_reason(tmp_path, volume):
    (tmp_path / "file").write_text("")
    found = cached_features(FeatureCache(tmp_path / "file"), Counting(), volume, (2, 2, 2), device=CPU)
    assert found.features is not None
    assert found.note.startswith(f"{tmp_path / 'file'}: features cannot be kept here: ")


def test_a_write_that_fails_leaves_no_file(cache, features, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ModelError, match="No space left on device"):
        cache.put("d1", SETTINGS, features)
    assert list(cache.folder.iterdir()) == []
