"""The same anatomy gives the same input however it is stored; what is no chest in Hounsfield units is one line."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from models.ct_scroll.preprocessing import scroll_input
from models.ct_scroll.resampling import AxisGrid, resampled
from models.ct_scroll.settings import ScrollSettings
from models.errors import Cancelled, ModelError
from models.nifti import read_nifti_volume
from models.volumes import CtVolume
from tests.models.ct_scroll.made_chests import AXIAL, chest, chest_hu, stored_otherwise, tiny_settings

ORIENTATIONS = [
    pytest.param((0, 1, 2), (True, False, False), id="stack from the feet"),
    pytest.param((0, 1, 2), (False, True, True), id="seen from behind"),
    pytest.param((1, 0, 2), (False, True, False), id="coronal"),
    pytest.param((2, 0, 1), (True, False, True), id="sagittal"),
    pytest.param((2, 1, 0), (True, True, True), id="all turned"),
]


def hu_of(values: np.ndarray) -> np.ndarray:
    """Hounsfield units of an input."""
    return (values + 0.449) * 1200 - 1000


@pytest.mark.parametrize(("order", "against"), ORIENTATIONS)
def test_the_same_anatomy_gives_the_same_input_however_it_is_stored(order, against):
    wanted = scroll_input(chest(), tiny_settings()).values
    found = scroll_input(stored_otherwise(chest(), order, against), tiny_settings()).values
    np.testing.assert_allclose(found, wanted, atol=2e-6)


@pytest.mark.parametrize("codes", ["LPS", "RAS", "SLP"])
def test_nifti_of_three_orientations_gives_the_same_input(codes: str, tmp_path: Path):
    volume = chest()
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine_lps
    image = nibabel.Nifti1Image(volume.hu_kji.transpose(2, 1, 0), ras)
    start = nibabel.orientations.io_orientation(ras)
    turn = nibabel.orientations.ornt_transform(start, nibabel.orientations.axcodes2ornt(codes))
    turned = image.as_reoriented(turn)
    assert "".join(nibabel.aff2axcodes(turned.affine)) == codes
    nibabel.save(turned, tmp_path / "v.nii.gz")
    found = scroll_input(read_nifti_volume(tmp_path / "v.nii.gz"), tiny_settings()).values
    np.testing.assert_allclose(found, scroll_input(volume, tiny_settings()).values, atol=2e-6)


def test_axes_run_caudal_to_cranial_right_to_left_and_anterior_to_posterior():
    hu = chest_hu(noise=0)
    hu[25, 4:6, 20:24] = 150  # near the feet, in front
    hu[5, 30:33, 4:7] = 190  # near the head, at the back, on the right
    settings = ScrollSettings(**{**tiny_settings().model_dump(), "input_shape_slp": (30, 44, 40),
                                 "spacing_slp_mm": (6.0, 8.0, 8.0)})  # fmt: skip
    found = hu_of(scroll_input(CtVolume(hu, AXIAL), settings).values)
    np.testing.assert_allclose(found[4, 20:24, 4:6], 150, atol=0.01)
    np.testing.assert_allclose(found[24, 4:7, 30:33], 190, atol=0.01)


def test_the_right_side_is_the_patients_right_also_in_a_picture_that_is_mirrored():
    plain = chest(noise=0)
    mirrored = stored_otherwise(plain, (0, 1, 2), (False, False, True))
    for volume in (plain, mirrored):
        found = hu_of(scroll_input(volume, tiny_settings()).values)
        # The liver is below on the right, the heart on the left.
        assert found[1, :16].max() > 80
        assert found[1, 20:].max() < 80


def test_published_steps_in_the_published_order():
    volume = chest(noise=300)
    settings = ScrollSettings(**{**tiny_settings().model_dump(), "input_shape_slp": (30, 44, 40),
                                 "spacing_slp_mm": (6.0, 8.0, 8.0)})  # fmt: skip
    found = scroll_input(volume, settings).values
    slp = volume.hu_kji.transpose(0, 2, 1)[::-1].astype(np.float64)
    np.testing.assert_allclose(found, (np.clip(slp, -1000, 200) + 1000) / 1200 - 0.449, atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("before", "after", "kept", "padded_before"), [(100, 240, 100, 70), (301, 240, 240, 0), (51, 60, 51, 4)]
)
def test_crop_and_padding_are_centred_and_what_is_odd_is_at_the_end(before, after, kept, padded_before):
    grid = AxisGrid.of(before, 1.5, after, 1.5)
    assert (grid.kept, grid.padded_before, grid.after) == (kept, padded_before, after)
    assert grid.first == max((before - after) // 2, 0)
    np.testing.assert_array_equal(
        grid.places(np.arange(grid.inside.start, grid.inside.stop)), np.arange(grid.first, grid.first + kept)
    )


def test_padding_is_air():
    found = scroll_input(chest(), tiny_settings(input_shape_slp=(36, 64, 64))).values
    assert (found[[0, -1]] == np.float32(-0.449)).all()
    assert (found[:, :2] == np.float32(-0.449)).all()


@pytest.mark.parametrize(("before", "after"), [(60, 20), (60, 24), (30, 60), (45, 60)])
def test_resampling_is_linear_and_averages_where_it_shrinks(before: int, after: int):
    values = np.random.default_rng(2).normal(size=(before, 8, 9)).astype(np.float32)
    grids = (AxisGrid.of(before, 1.0, after, before / after), AxisGrid.of(8, 1, 8, 1), AxisGrid.of(9, 1, 9, 1))
    found = resampled(values, grids, padding=0.0)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(values).reshape(1, 1, before, 72), size=(after, 72), mode="bilinear", antialias=True
    )
    np.testing.assert_allclose(found.reshape(after, 72), wanted[0, 0], atol=1e-5)


def test_memory_beside_the_result_is_a_few_slices():
    rows = np.repeat(np.repeat(chest_hu((60, 32, 32)), 16, axis=1), 16, axis=2)
    volume = CtVolume(rows, np.diag([0.7, 0.7, -5.0, 1.0]))
    settings = tiny_settings(input_shape_slp=(60, 128, 128), spacing_slp_mm=(5.0, 2.8, 2.8))
    tracemalloc.start()
    scroll_input(volume, settings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - 60 * 128 * 128 * 4 < 0.25 * rows.size * 4


def test_progress_ends_with_all_slices_and_cancelling_stops():
    said: list[tuple[int, int]] = []
    scroll_input(chest(), tiny_settings(), progress=lambda done, total: said.append((done, total)))
    assert said[0] == (1, 30)
    assert said[-1] == (30, 30)
    with pytest.raises(Cancelled):
        scroll_input(chest(), tiny_settings(), cancelled=lambda: True)


def refused(volume: CtVolume) -> str:
    with pytest.raises(ModelError) as caught:
        scroll_input(volume, tiny_settings())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_that_are_rescaled_already_are_refused():
    scaled = (np.clip(chest_hu(), -1000, 200) + 1000) / 1200 - 0.449
    assert "rescaled, not Hounsfield units" in refused(CtVolume(scaled.astype(np.float32), AXIAL, "c9"))
    picture = ((np.clip(chest_hu(), -1000, 200) + 1000.0) * 255 / 1200).astype(np.int16)
    assert refused(CtVolume(picture, AXIAL, "c9")).startswith(
        "c9: its values run from 0 to 241, nothing is as light as air"
    )
    assert "stored values or a picture" in refused(CtVolume(chest_hu() + np.int16(1100), AXIAL))


def test_values_that_were_rescaled_twice_are_refused():
    said = refused(CtVolume(chest_hu() - np.int16(1024), AXIAL, "c9"))
    assert "rescaled twice" in said
    assert said.endswith("(apply the rescale slope and intercept once)")


def test_what_is_no_chest_is_refused():
    head = np.full((30, 40, 40), -1000, np.int16)
    j, i = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 40), indexing="ij")
    head[:, i**2 + j**2 < 0.6] = 40
    head[10:13, 18:22, 18:22] = -900
    said = refused(CtVolume(head, np.diag([5.0, 5.0, -5.0, 1.0]), "h1"))
    assert said == "h1: no chest: 0.2 % of the body is as light as lung, not 4 % or more (give a CT of the chest)"
    wall = np.full((9, 40, 20), -1000, np.int16)
    wall[..., 0] = 0
    assert "no body is seen" in refused(CtVolume(wall, np.diag([9.0, 9.0, -9.0, 1.0])))


@pytest.mark.parametrize(
    ("step_mm", "said"),
    [
        ((0.05, 0.05, 0.05), "its voxels are 0.05 x 0.05 x 0.05 mm apart"),
        ((8.0, 8.0, 40.0), "its voxels are 8 x 8 x 40 mm apart"),
        ((1.0, 1.0, 1.0), "it is 44 x 40 x 30 mm large"),
    ],
)
def test_a_spacing_that_no_chest_has_is_refused(step_mm, said):
    assert said in refused(chest(affine_lps=np.diag([*step_mm[:2], -step_mm[2], 1.0])))


def test_one_slice_and_values_that_are_no_numbers_are_refused():
    assert "a volume has at least 8 slices" in refused(CtVolume(chest_hu()[:1], AXIAL))
    holes = chest_hu().astype(np.float32)
    holes[3, 1, 2] = np.nan
    assert "slice 3: holds values that are no numbers" in refused(CtVolume(holes, AXIAL))


def test_real_ct_from_dicom_and_from_nifti_give_the_same_input_and_a_head_is_refused(shared_data: Path, tmp_path: Path):
    from ctgaze_app.ct.series import load_series
    from ctgaze_app.study.model_volumes import volume_for_models

    settings = tiny_settings(input_shape_slp=(60, 64, 64), spacing_slp_mm=(5.0, 5.0, 5.0))
    volume = volume_for_models(load_series(shared_data / "ct" / "nlst_chest"), "chest")
    wanted = scroll_input(volume, settings).values
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine_lps
    nibabel.save(nibabel.as_closest_canonical(nibabel.Nifti1Image(volume.hu_kji.transpose(2, 1, 0), ras)),
                 tmp_path / "v.nii")  # fmt: skip
    again = read_nifti_volume(tmp_path / "v.nii")
    assert again.shape_kji == volume.shape_kji
    assert not np.array_equal(again.hu_kji, volume.hu_kji)
    np.testing.assert_allclose(scroll_input(again, settings).values, wanted, atol=1e-5)
    head = volume_for_models(load_series(shared_data / "ct" / "ge_head_tilt"), "head")
    assert "no chest" in refused(head)
