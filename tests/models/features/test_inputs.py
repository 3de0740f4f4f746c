"""The small encoder's input: the same for every orientation, exact averages, one line for what is no CT."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from models.ct_searcher.settings import SearcherSettings
from models.errors import Cancelled, ModelError
from models.features import resampling
from models.features.inputs import check_volume, network_input
from models.volumes import CtVolume

LUNG = (-1000.0, 0.0)
AXIAL = np.array([[0.7, 0, 0, -90], [0, 0.7, 0, -80], [0, 0, -2.5, 400], [0, 0, 0, 1]], dtype=float)
"""Columns to the left, rows to the back, slices from the head to the feet: canonical as it is stored."""


def settings(shape_kji: tuple[int, int, int], *windows: tuple[float, float]) -> SearcherSettings:
    """Only what the input depends on."""
    return SearcherSettings(grid_kji=(1, 1, 1), input_shape_kji=shape_kji, windows_hu=windows or (LUNG,))


def random_volume(shape_kji: tuple[int, int, int] = (21, 40, 34)) -> CtVolume:
    hu = np.random.default_rng(5).integers(-1100, 900, shape_kji).astype(np.int16)
    return CtVolume(hu, AXIAL, case="C1")


def stored_otherwise(
    volume: CtVolume, order: tuple[int, int, int], against: tuple[bool, bool, bool], *, in_memory_anew: bool = True
) -> CtVolume:
    """The same anatomy with axes k, j, i in another order, and some running the other way."""
    hu = volume.hu_kji.transpose(order)
    columns = [volume.affine_lps[:3, 2 - axis] for axis in order]
    origin = volume.affine_lps[:3, 3].copy()
    for place, turned in enumerate(against):
        if turned:
            origin += columns[place] * (hu.shape[place] - 1)
            columns[place] = -columns[place]
            hu = np.flip(hu, place)
    affine = np.eye(4)
    affine[:3, :3] = np.stack(columns[::-1], axis=1)
    affine[:3, 3] = origin
    return CtVolume(np.ascontiguousarray(hu) if in_memory_anew else hu, affine, case="C1")


@pytest.mark.parametrize(
    ("order", "against"),
    [
        ((0, 1, 2), (True, False, False)),
        ((0, 1, 2), (False, True, True)),
        ((1, 0, 2), (False, True, False)),
        ((2, 0, 1), (True, False, True)),
        ((2, 1, 0), (True, True, True)),
    ],
    ids=["stack from the feet", "seen from behind", "coronal", "sagittal", "all turned"],
)
@pytest.mark.parametrize("in_memory_anew", [True, False], ids=["copy", "view"])
def test_the_same_anatomy_gives_the_same_array_however_it_is_stored(order, against, in_memory_anew, monkeypatch):
    monkeypatch.setattr(resampling, "SLAB_VOXELS", 4 * 40 * 34)
    volume = random_volume()
    wanted = network_input(volume, settings((6, 8, 10), LUNG, (-160, 240)))
    other = stored_otherwise(volume, order, against, in_memory_anew=in_memory_anew)
    assert np.array_equal(network_input(other, settings((6, 8, 10), LUNG, (-160, 240))), wanted)


def test_it_is_the_mean_of_the_clipped_and_scaled_voxels_of_each_cell():
    volume = random_volume((16, 24, 20))
    found = network_input(volume, settings((4, 6, 5), LUNG, (-160, 240)))
    assert found.shape == (2, 4, 6, 5)
    assert found.dtype == np.float32
    for window, (low, high) in enumerate((LUNG, (-160, 240))):
        scaled = (np.clip(volume.hu_kji.astype(float), low, high) - low) / (high - low)
        means = scaled.reshape(4, 4, 6, 4, 5, 4).mean(axis=(1, 3, 5))
        np.testing.assert_allclose(found[window], means, atol=1e-6)


@pytest.mark.parametrize("shape_kji", [(7, 9, 11), (21, 13, 34), (30, 50, 40)])
def test_the_mean_survives_shapes_that_do_not_divide(shape_kji, monkeypatch):
    monkeypatch.setattr(resampling, "SLAB_VOXELS", 5 * 40 * 34)
    volume = random_volume()
    scaled = np.clip((volume.hu_kji + 1000.0) / 1000.0, 0, 1)
    found = network_input(volume, settings(shape_kji))
    assert float(found.mean(dtype=np.float64)) == pytest.approx(scaled.mean(), abs=1e-6)


def test_a_bright_voxel_lands_in_its_cell_with_the_share_that_lies_there():
    hu = np.full((10, 12, 9), -1000, dtype=np.int16)
    hu[4, 7, 8] = 0
    found = network_input(CtVolume(hu, AXIAL), settings((4, 3, 3)))[0]
    wanted = np.zeros((4, 3, 3))
    # Slices 2.5 to 5 and rows 4 to 8 make its cell: it is one of 2.5 x 4 x 3 voxels.
    wanted[1, 1, 2] = 1 / (2.5 * 4 * 3)
    np.testing.assert_allclose(found, wanted, atol=1e-7)


def test_a_voxel_on_the_edge_of_two_cells_counts_in_both():
    hu = np.full((10, 4, 4), -1000, dtype=np.int16)
    hu[2] = 0
    found = network_input(CtVolume(hu, AXIAL), settings((4, 2, 2)))[0, :, 0, 0]
    np.testing.assert_allclose(found, [0.5 / 2.5, 0.5 / 2.5, 0, 0], atol=1e-7)


def test_clipping_comes_before_averaging():
    hu = np.full((8, 8, 8), -1000, dtype=np.int16)
    hu[:, :, ::2] = 3000
    assert network_input(CtVolume(hu, AXIAL), settings((2, 2, 2)))[0] == pytest.approx(0.5)


def test_more_cells_than_voxels_repeat_the_voxels():
    volume = random_volume((8, 4, 4))
    found = network_input(volume, settings((16, 8, 4)))[0]
    once = np.clip((volume.hu_kji + 1000.0) / 1000.0, 0, 1)
    np.testing.assert_allclose(found, once.repeat(2, axis=0).repeat(2, axis=1), atol=1e-6)


def test_memory_stays_near_one_slab():
    hu = np.zeros((64, 512, 512), dtype=np.int16) - 1000
    volume = CtVolume(hu, AXIAL)
    tracemalloc.start()
    network_input(volume, settings((32, 64, 64), LUNG, (-160, 240)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    result = 2 * 32 * 64 * 64 * 4
    assert peak - result < 1.5 * resampling.SLAB_VOXELS * 4


def test_progress_ends_with_all_slices_and_cancel_stops_before_the_next_slab(monkeypatch):
    monkeypatch.setattr(resampling, "SLAB_VOXELS", 10 * 40 * 34)
    said: list[tuple[int, int]] = []
    network_input(random_volume(), settings((4, 4, 4)), progress=lambda done, total: said.append((done, total)))
    assert said == [(10, 21), (20, 21), (21, 21)]
    said.clear()
    with pytest.raises(Cancelled):
        network_input(
            random_volume(),
            settings((4, 4, 4)),
            progress=lambda done, total: said.append((done, total)),
            cancelled=lambda: bool(said),
        )
    assert said == [(10, 21)]


def test_one_slice_is_no_volume():
    volume = CtVolume(np.zeros((1, 64, 64), dtype=np.int16) - 900, AXIAL, case="C7")
    with pytest.raises(ModelError) as caught:
        network_input(volume, settings((4, 4, 4)))
    assert str(caught.value) == (
        "C7: slices x rows x columns are 1 x 64 x 64; a volume has at least 8 slices (give the whole series)"
    )


def test_slices_are_counted_along_the_body_not_along_the_stored_axis():
    flat = stored_otherwise(random_volume((2, 30, 30)), (1, 0, 2), (False, False, False))
    with pytest.raises(ModelError, match="are 2 x 30 x 30; a volume"):
        check_volume(flat)


def test_rescaled_values_are_refused():
    volume = CtVolume(np.random.default_rng(1).random((9, 8, 8), dtype=np.float32), AXIAL, case="C7")
    with pytest.raises(ModelError, match=r"^C7: its values run from 0\.\d+ to \S+: rescaled, not Hounsfield units"):
        network_input(volume, settings((4, 4, 4)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused_with_their_slice(value):
    hu = np.full((9, 8, 8), -1000, dtype=np.float32)
    hu[6, 1, 2] = value
    with pytest.raises(ModelError) as caught:
        network_input(CtVolume(hu, AXIAL, case="C7"), settings((4, 4, 4)))
    assert str(caught.value) == ("C7, slice 6: holds values that are no numbers (give what was not measured -1024 HU)")
