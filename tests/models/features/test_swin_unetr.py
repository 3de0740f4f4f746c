"""Swin UNETR as an encoder: places come back where they were, the published way as published."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
import torch
from monai.networks.nets import SwinUNETR

from models.errors import Cancelled, ModelError
from models.features.devices import Device
from models.features.encoders import encoders
from models.features.swin_unetr import SwinUnetr, SwinUnetrSettings
from models.volumes import CanonicalFrame, CtVolume

CPU = Device(torch.device("cpu"), "CPU")
LOW, HIGH = -175.0, 250.0
SMALL = 12
TRAINED = np.diag([1.5, 1.5, -2.0, 1.0])
"""Canonical axes as they are stored, at the spacing of the training: nothing is resampled."""


@pytest.fixture(scope="module")
def network() -> SwinUNETR:
    torch.manual_seed(3)
    return SwinUNETR(in_channels=1, out_channels=14, feature_size=SMALL).eval()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "model.pt"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def means_of_voxels(monkeypatch):
    """In place of the network: the mean of the voxels of each cell that are not padding."""

    def run(self, windows, device):
        blocks = windows.reshape(len(windows), 3, 32, 3, 32, 3, 32).astype(np.float64)
        voxels = np.maximum((blocks > 0).sum(axis=(2, 4, 6)), 1)
        return (blocks.sum(axis=(2, 4, 6)) / voxels).astype(np.float32)[:, None]

    monkeypatch.setattr(SwinUnetr, "_run", run)


def ramp(shape_kji, axis) -> np.ndarray:
    """HU that rise from 0.1 to 1 of the window along canonical k, j or i."""
    share = (np.arange(shape_kji[axis]) + 0.5) / shape_kji[axis]
    hu = LOW + (0.1 + 0.9 * share) * (HIGH - LOW)
    return np.broadcast_to(hu.reshape([-1 if n == axis else 1 for n in range(3)]), shape_kji).astype(np.float32)


def shares(features: np.ndarray) -> np.ndarray:
    """Back from the ramp."""
    return (features - 0.1) / 0.9


def encoder(weights, **settings) -> SwinUnetr:
    return SwinUnetr(
        SwinUnetrSettings(weights=weights, feature_size=SMALL, windows_hu=((LOW, HIGH),)).model_copy(update=settings)
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_places_come_back_exactly_where_cells_and_lattice_meet(weights, means_of_voxels, axis):
    shape, grid = (96, 128, 160), (3, 4, 5)
    found = encoder(weights).encode(CtVolume(ramp(shape, axis), TRAINED), grid, device=CPU)
    assert found.shape == (3 * 4 * 5, 1)
    centres = [(np.arange(cells) + 0.5) / cells for cells in grid]
    wanted = np.broadcast_to(centres[axis].reshape([-1 if n == axis else 1 for n in range(3)]), grid)
    np.testing.assert_allclose(shares(found[:, 0]).reshape(grid), wanted, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("stored", ["canonical", "from the feet", "coronal", "finer"])
def test_places_come_back_within_half_a_cell_of_the_lattice_at_any_size_and_orientation(
    weights, means_of_voxels, axis, stored
):
    shape, grid, affine = (101, 90, 141), (4, 3, 5), TRAINED.copy()
    hu = ramp(shape, axis)
    if stored == "from the feet":
        hu, affine[2, 2] = hu[::-1], 2.0
    elif stored == "coronal":
        hu, affine = hu.transpose(1, 0, 2), TRAINED[:, [0, 2, 1, 3]]
    elif stored == "finer":
        hu, affine = hu[::2].repeat(2, axis=2), np.diag([0.75, 1.5, -4.0, 1.0])
    volume = CtVolume(hu, affine)
    found = shares(encoder(weights).encode(volume, grid, device=CPU)).reshape(grid)
    centres = ((np.arange(grid[axis]) + 0.5) / grid[axis]).reshape([-1 if n == axis else 1 for n in range(3)])
    assert np.abs(found - centres).max() * shape[axis] < 16
    assert abs(float((found - centres).mean())) * shape[axis] < 3


def test_hu_windows_are_averaged_or_stand_side_by_side(weights, means_of_voxels):
    volume = CtVolume(np.full((96, 96, 96), -100, dtype=np.int16), TRAINED)
    both = ((LOW, HIGH), (-1100.0, 0.0))
    trained, lung = 75 / 425, 1000 / 1100
    mean = encoder(weights, windows_hu=both).encode(volume, (2, 2, 2), device=CPU)
    np.testing.assert_allclose(mean, [[(trained + lung) / 2]] * 8, atol=1e-6)
    beside = encoder(weights, windows_hu=both, combine="concatenate").encode(volume, (2, 2, 2), device=CPU)
    np.testing.assert_allclose(beside, [[trained, lung]] * 8, atol=1e-6)


def test_the_network_sees_axes_to_the_right_the_front_and_the_head(weights, monkeypatch):
    seen: list[np.ndarray] = []

    def run(self, windows, device):
        seen.append(windows)
        return np.zeros((1, 1, 3, 3, 3), dtype=np.float32)

    monkeypatch.setattr(SwinUnetr, "_run", run)
    volume = CtVolume(np.random.default_rng(1).integers(-200, 300, (96, 96, 96)).astype(np.int16), TRAINED)
    encoder(weights).encode(volume, (3, 3, 3), device=CPU)
    to_right_front_head = volume.hu_kji[::-1, ::-1, ::-1].transpose(2, 1, 0)
    np.testing.assert_allclose(seen[0][0], (to_right_front_head.clip(LOW, HIGH) - LOW) / (HIGH - LOW), atol=1e-6)


def test_features_are_the_bottleneck_of_monais_network(weights, network):
    windows = np.random.default_rng(1).random((2, 32, 64, 32), dtype=np.float32)
    found = encoder(weights)._run(windows, CPU)
    with torch.inference_mode():
        wanted = network.encoder10(network.swinViT(torch.from_numpy(windows)[:, None], True)[4])
    assert np.array_equal(found, wanted.numpy())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_published_way_takes_axes_as_they_are_stored(weights, means_of_voxels, axis):
    shape = (128, 256, 256)
    turned = CtVolume(ramp(shape, axis)[::-1], np.diag([-1.5, 1.5, 2.0, 1.0]))
    found = encoder(weights, published=True).encode(turned, (8, 8, 8), device=CPU)
    stored = shares(found[:, 0]).reshape(8, 8, 8)
    along = np.moveaxis(stored, 2 - axis, 0)[:, 4, 4]
    if axis == 0:
        # Four cells of the lattice, each taken twice; the second window starts at 32 and is not misplaced.
        np.testing.assert_allclose(along, 1 - np.repeat((np.arange(4) + 0.5) / 4, 2), atol=1e-5)
    else:
        np.testing.assert_allclose(along, (np.arange(8) + 0.5) / 8, atol=1e-5)


def test_the_published_last_window_lies_where_it_was_misplaced(weights, means_of_voxels):
    volume = CtVolume(ramp((138, 96, 96), 0), TRAINED)
    found = shares(encoder(weights, published=True).encode(volume, (8, 8, 8), device=CPU)).reshape(8, 8, 8)[0, 0]
    # Windows at 0 and 42, the second laid down at 32.
    middles = np.array([16, 32 + 16 + 5, 64 + 16 + 5, 96 + 16 + 10]) / 138
    np.testing.assert_allclose(found, middles.repeat(2), atol=1e-5)


def test_published_features_have_the_published_grid_only(weights):
    volume = CtVolume(np.full((9, 9, 9), -100, dtype=np.int16), TRAINED)
    with pytest.raises(ModelError, match="published features are for 8 x 8 x 8 cells"):
        encoder(weights, published=True).encode(volume, (16, 8, 8), device=CPU)


@pytest.mark.parametrize(
    ("published", "affine", "windows"),
    [
        (True, None, 6 * 6 * 4),
        (True, np.diag([0.7, 0.7, -1.0, 1]), 6 * 6 * 4),
        # 239 x 239 x 171 voxels of 1.5 x 1.5 x 2 mm, in two HU windows
        (False, np.diag([0.7, 0.7, -1.0, 1]), 2 * 4 * 4 * 3),
    ],
)
def test_the_estimate_is_the_windows_times_one_timed_window(weights, monkeypatch, published, affine, windows):
    runs = []
    monkeypatch.setattr(SwinUnetr, "_run", lambda self, windows, device: runs.append(windows.shape))
    ticks = count(10.0, 2.5)
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    both = ((LOW, HIGH), (-1150.0, 350.0))
    timed = encoder(weights, published=published, windows_hu=both)
    assert timed.estimate_s((342, 512, 512), CPU, affine_lps=affine) == 2.5 * windows
    assert timed.estimate_s((96, 96, 96), CPU) == 2.5 * (1 if published else 2)
    assert runs == [(1, 96, 96, 96)]


def test_progress_counts_the_windows_of_all_hu_windows(weights, means_of_voxels):
    said: list[tuple[int, int]] = []
    volume = CtVolume(np.full((60, 96, 100), -100, dtype=np.int16), TRAINED)
    twice = encoder(weights, windows_hu=((LOW, HIGH), (-1100.0, 0.0)))
    twice.encode(volume, (2, 2, 2), device=CPU, progress=lambda done, total: said.append((done, total)))
    assert said == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with pytest.raises(Cancelled):
        twice.encode(volume, (2, 2, 2), device=CPU, progress=lambda *_: said.append(_), cancelled=lambda: len(said) > 6)
    assert len(said) == 7


def test_settings_name_the_weights_and_only_what_is_used(weights):
    right, published = encoder(weights).settings, encoder(weights, published=True).settings
    assert len(str(right.pop("weights_sha256"))) == 64
    assert right == {
        "encoder": "swin_unetr",
        "computation": 1,
        "feature_size": 12,
        "stride_voxels": 64,
        "windows_hu": [[LOW, HIGH]],
        "combine": "mean",
    }
    assert set(published) == {"encoder", "computation", "feature_size", "weights_sha256"}


def test_missing_weights_are_said_before_any_work(tmp_path):
    absent = encoder(tmp_path / "model.pt")
    volume = CtVolume(np.full((9, 9, 9), -100, dtype=np.int16), TRAINED)
    for use in (
        lambda: absent.settings,
        lambda: absent.estimate_s((96, 96, 96), CPU),
        lambda: absent.encode(volume, (8, 8, 8), device=CPU),
    ):
        with pytest.raises(ModelError, match=r"model.pt: the Swin UNETR weights are not there"):
            use()


def test_too_little_memory_on_a_gpu_is_one_line(weights, monkeypatch):
    def full(self, windows):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    monkeypatch.setattr("models.features.swin_unetr_weights.Bottleneck.forward", full)
    volume = CtVolume(np.full((9, 9, 9), -100, dtype=np.int16), TRAINED)
    with pytest.raises(ModelError) as caught:
        encoder(weights).encode(volume, (2, 2, 2), device=CPU)
    assert str(caught.value) == (
        "CPU has too little memory for Swin UNETR's windows of 96 x 96 x 96 voxels (take the device cpu)"
    )


def test_encoders_are_listed_by_name_with_their_channels():
    def listed(**settings) -> dict[str, tuple[int, str]]:
        found = encoders(SwinUnetrSettings(**settings))
        return {name: (each.channels, each.cell_order) for name, each in found.items()}

    assert listed() == {"swin_unetr": (768, "canonical"), "swin_unetr_published": (768, "published")}
    assert listed(combine="concatenate")["swin_unetr"] == (1536, "canonical")
    assert listed(combine="concatenate")["swin_unetr_published"] == (768, "published")


def test_the_spacing_of_the_training_is_met_within_a_voxel():
    from models.features.swin_unetr import _trained_shape

    frame = CanonicalFrame.of((342, 512, 512), np.diag([0.7, 0.7, -1.0, 1]))
    assert _trained_shape(frame) == (171, 239, 239)
