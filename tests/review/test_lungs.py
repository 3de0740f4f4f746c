from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.ct.series import load_series
from ctgaze_app.ct.volume import Volume
from ctgaze_app.review.lungs import Lungs, LungsError, find_lungs
from models.simulation.thorax import Thorax, make_thorax
from tests.factories.volumes import make_volume

SPACING_KJI_MM = (5.0, 1.4, 1.4)


@pytest.fixture(scope="module")
def thorax() -> Thorax:
    return make_thorax(2, (60, 256, 256), SPACING_KJI_MM)


@pytest.fixture(scope="module")
def found(thorax: Thorax) -> Lungs:
    return find_lungs(make_volume(thorax.hu, spacing_kji_mm=SPACING_KJI_MM))


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def blobs(*radii_mm: float, air_hu: int = -850, body_hu: int = 40, size: int = 90) -> Volume:
    """A body cylinder of 4 mm voxels with balls of air along the row."""
    k, j, i = np.mgrid[0:50, 0:size, 0:size] * 4.0
    middle = (size - 1) * 2.0
    hu = np.where((j - middle) ** 2 + (i - middle) ** 2 < (middle - 12) ** 2, body_hu, -1000)
    places = np.linspace(-1, 1, len(radii_mm)) * middle * 0.45 if len(radii_mm) > 1 else [0.0]
    for place, radius in zip(places, radii_mm, strict=True):
        hu[(k - 100) ** 2 + (j - middle) ** 2 + (i - middle - place) ** 2 < radius**2] = air_hu
    return make_volume(hu.astype(np.int16), spacing_kji_mm=(4.0, 4.0, 4.0))


def test_the_lungs_of_a_synthetic_thorax_are_found(thorax: Thorax, found: Lungs) -> None:
    assert dice(found.mask, thorax.lung_mask) > 0.985
    assert found.litres == pytest.approx(thorax.lung_mask.sum() * np.prod(SPACING_KJI_MM) * 1e-6, rel=0.02)
    assert found.plausible
    assert found.remarks == ()


def test_nodules_and_vessels_belong_to_the_lungs(thorax: Thorax, found: Lungs) -> None:
    for nodule in thorax.nodules:
        i, j, k = (round(each) for each in nodule.voxel_ijk)
        if nodule.kind == "juxta_pleural":
            # Half of it lies in the chest wall; the mask reaches into it.
            assert found.mask[k - 1 : k + 2, j - 3 : j + 4, i - 3 : i + 4].mean() > 0.25
        else:
            assert found.mask[k, j, i], nodule
    dense = thorax.lung_mask & (thorax.hu > -200)
    assert (found.mask & dense).sum() / dense.sum() > 0.9


def test_left_is_the_patient_s_left_and_both_make_the_whole(found: Lungs) -> None:
    assert found.left is not None
    assert found.right is not None
    assert not (found.left & found.right).any()
    assert np.array_equal(found.left | found.right, found.mask)
    # i grows to the patient's left.
    assert np.nonzero(found.left)[2].mean() > np.nonzero(found.right)[2].mean() + 50
    assert found.litres == pytest.approx(found.left_litres + found.right_litres)


def test_the_body_holds_the_lungs_and_no_air_around(thorax: Thorax, found: Lungs) -> None:
    assert (found.body & found.mask).sum() == found.mask.sum()
    assert not found.body[:, :2, :].any()
    soft = thorax.hu > -100
    assert (found.body & soft).sum() / soft.sum() > 0.98


def test_a_mirrored_row_direction_swaps_the_sides(thorax: Thorax) -> None:
    hu = np.ascontiguousarray(thorax.hu[:, ::2, ::2])
    volume = make_volume(hu, spacing_kji_mm=(5.0, 2.8, 2.8))
    plain, mirrored = find_lungs(volume), find_lungs(replace(volume, row_direction=np.array([-1.0, 0.0, 0.0])))
    assert np.array_equal(plain.left, mirrored.right)


def test_litres_count_every_slice_s_own_distance() -> None:
    volume = blobs(60.0, 60.0)
    positions = volume.positions_lps_mm.copy()
    positions[25:, 2] -= 4.0 * np.arange(25)
    stretched = replace(volume, positions_lps_mm=positions, regular=False)
    # The ball's middle is slice 25: its lower half is stretched to twice its length.
    assert find_lungs(stretched).litres == pytest.approx(1.5 * find_lungs(volume).litres, rel=0.04)


def test_two_balls_are_two_lungs_of_the_right_volume() -> None:
    found = find_lungs(blobs(60.0, 60.0))
    ball_l = 4 / 3 * np.pi * 0.6**3
    assert found.left_litres == pytest.approx(ball_l, rel=0.05)
    assert found.right_litres == pytest.approx(ball_l, rel=0.05)
    assert found.mean_hu == pytest.approx(-850, abs=40)


def test_touching_lungs_are_parted() -> None:
    # Centres 160 mm apart, radii of 82 mm: the balls overlap by 4 mm.
    found = find_lungs(blobs(82.0, 82.0))
    assert found.left is not None and found.right is not None
    assert found.left_litres == pytest.approx(found.right_litres, rel=0.05)
    # Where they touch, each voxel belongs to one of them.
    assert not (found.left & found.right).any()
    assert found.left_litres + found.right_litres == pytest.approx(found.litres)


def test_a_lung_much_smaller_than_the_other_is_said_to_be_so() -> None:
    found = find_lungs(blobs(60.0, 40.0))
    assert found.left is not None and not found.plausible
    assert any(remark.startswith("one lung is much smaller than the other") for remark in found.remarks)


def test_one_lung_is_said_to_be_implausible() -> None:
    found = find_lungs(blobs(60.0))
    assert found.left is None
    assert np.isnan(found.left_litres)
    assert not found.plausible
    assert "left and right lung could not be told apart" in found.remarks


def test_small_lungs_are_said_to_be_no_adult_s() -> None:
    found = find_lungs(blobs(40.0, 40.0))
    assert not found.plausible
    assert any("litres are not the lungs of an adult" in remark for remark in found.remarks)


def test_padding_is_neither_lung_nor_body() -> None:
    volume = blobs(60.0, 60.0)
    padding = np.zeros(volume.shape_kji, dtype=bool)
    padding[:, :, :30] = True
    found = find_lungs(replace(volume, padding=padding))
    assert not (found.mask & padding).any()
    assert not (found.body & padding).any()


def test_lungs_that_the_field_of_view_cuts_are_found_and_it_is_said(thorax: Thorax, found: Lungs) -> None:
    inside = np.nonzero(thorax.lung_mask.any(axis=(0, 1)))[0]
    window = slice(int(inside[0]) + 12, int(inside[-1]) - 11)
    cut = find_lungs(make_volume(np.ascontiguousarray(thorax.hu[:, :, window]), spacing_kji_mm=SPACING_KJI_MM))
    assert dice(cut.mask, thorax.lung_mask[:, :, window]) > 0.97
    assert "the lungs are cut off at the sides of the field of view" in cut.remarks
    assert not cut.plausible
    assert np.array_equal(cut.mask.any(axis=(1, 2)), found.mask.any(axis=(1, 2)))


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (replace(blobs(60.0, 60.0), units="arbitrary"), "not in HU"),
        (replace(blobs(60.0, 60.0), plane=1), "axial slices"),
        (blobs(20.0, 20.0), "no lungs"),
        (blobs(60.0, 60.0, air_hu=-1000), "no lungs"),
        (make_volume(np.full((8, 32, 32), -1000, dtype=np.int16)), "no lungs"),
    ],
)
def test_what_has_no_lungs_is_refused_with_a_remedy(volume: Volume, words: str) -> None:
    with pytest.raises(LungsError, match=words) as error:
        find_lungs(volume)
    assert error.value.remedy


def test_a_real_chest_has_lungs_and_a_real_head_has_none(shared_data: Path) -> None:
    volume = load_series(shared_data / "ct" / "nlst_chest")
    found = find_lungs(volume)
    assert found.plausible
    # Looked at slice by slice: pleura, diaphragm, hilum and apices are followed, trachea and bowel left out.
    assert found.litres == pytest.approx(4.22, abs=0.1)
    assert found.left_litres == pytest.approx(1.97, abs=0.08)
    assert volume.padding is not None
    assert not (found.mask & volume.padding).any()
    assert not (found.body & volume.padding).any()
    trachea = volume.voxels[20, 249:259, 246:252]
    assert trachea.max() < -900
    assert not found.mask[20, 249:259, 246:252].any()
    with pytest.raises(LungsError, match="no lungs"):
        find_lungs(load_series(shared_data / "ct" / "ge_head_tilt"))
