"""Outlines to pixels, positions to voxels, marks to lesions."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.ct import Volume
from ctgaze_app.ct.truth.contract import TruthError
from ctgaze_app.ct.truth.lesions import SliceMark, lesions_of
from ctgaze_app.ct.truth.placement import patient_to_voxel, pixels_inside, slice_at_z
from tests.factories.volumes import make_volume


def _set(outline: list[tuple[float, float]], shape: tuple[int, int] = (20, 20)) -> set[tuple[int, int]]:
    j, i = pixels_inside(outline, shape)
    return set(zip(j.tolist(), i.tolist(), strict=True))


def test_a_rectangle_holds_the_pixels_whose_centre_lies_inside() -> None:
    found = _set([(2.5, 3.5), (5.5, 3.5), (5.5, 6.5), (2.5, 6.5)])
    assert found == {(j, i) for j in (4, 5, 6) for i in (3, 4, 5)}


def test_neighbouring_outlines_share_no_pixel_and_leave_none_out() -> None:
    left = _set([(2, 2), (6, 2), (6, 8), (2, 8)])
    right = _set([(6, 2), (9, 2), (9, 8), (6, 8)])
    assert not left & right
    assert left | right == {(j, i) for j in range(2, 8) for i in range(2, 9)}


def test_a_concave_outline_keeps_its_notch() -> None:
    outline = [(0.5, 0.5), (9.5, 0.5), (9.5, 9.5), (5.5, 9.5), (5.5, 4.5), (3.5, 4.5), (3.5, 9.5), (0.5, 9.5)]
    found = _set(outline)
    assert (8, 4) not in found and (8, 5) not in found
    assert (8, 2) in found and (8, 8) in found and (3, 5) in found
    assert len(found) == 9 * 9 - 2 * 5


def test_a_circle_has_the_area_of_its_radius() -> None:
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    j, _ = pixels_inside(np.stack([50.3 + 30 * np.cos(angle), 49.8 + 30 * np.sin(angle)], axis=1), (100, 100))
    assert len(j) == pytest.approx(np.pi * 900, rel=0.005)


def test_a_mark_smaller_than_a_pixel_gives_the_nearest_one() -> None:
    assert _set([(4.6, 7.2)]) == {(7, 5)}
    assert _set([(4.1, 7.1), (4.2, 7.1), (4.2, 7.2)]) == {(7, 4)}


def test_pixels_beyond_the_picture_are_left_out() -> None:
    assert _set([(-3, -3), (1.5, -3), (1.5, 1.5), (-3, 1.5)]) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_positions_go_back_to_the_voxels_that_they_came_from(scan: Volume) -> None:
    voxel = np.random.default_rng(3).uniform((0, 0, 0), (63, 47, 19), (200, 3))
    assert np.allclose(patient_to_voxel(scan.voxel_to_patient(voxel), scan), voxel, atol=1e-9)


def test_positions_half_a_slice_beyond_the_ends_still_belong(scan: Volume) -> None:
    step = scan.affine_lps[:3, 2]
    first = scan.positions_lps_mm[0]
    assert patient_to_voxel(first - 0.4 * step, scan)[2] == pytest.approx(-0.4)
    assert np.isnan(patient_to_voxel(first - 0.6 * step, scan)[2])
    last = scan.positions_lps_mm[-1]
    assert patient_to_voxel(last + 0.4 * step, scan)[2] == pytest.approx(19.4)
    assert np.isnan(patient_to_voxel(last + 0.6 * step, scan)[2])


def test_a_slice_is_found_by_its_own_z_only() -> None:
    volume = make_volume(slices=5)
    assert slice_at_z(volume, 96.0, "x") == 2
    with pytest.raises(TruthError, match="no slice of this CT lies at z = 97 mm"):
        slice_at_z(volume, 97.0, "x")


def _mark(k: int, j: int, i: int, size: int = 4, **fields: str) -> SliceMark:
    rows, columns = np.mgrid[j : j + size, i : i + size]
    return SliceMark(k, rows.ravel(), columns.ravel(), **fields)  # type: ignore[arg-type]


def test_overlapping_marks_of_neighbouring_slices_are_one_lesion() -> None:
    marks = [_mark(3, 10, 10), _mark(4, 11, 11), _mark(5, 12, 12), _mark(5, 30, 30), _mark(8, 10, 10)]
    lesions = lesions_of(marks)
    assert [(lesion.name, lesion.first_kji, lesion.last_kji) for lesion in lesions] == [
        ("lesion 1", (3, 10, 10), (5, 15, 15)),
        ("lesion 2", (5, 30, 30), (5, 33, 33)),
        ("lesion 3", (8, 10, 10), (8, 13, 13)),
    ]
    assert lesions[0].n_voxels == 48


def test_marks_that_share_less_than_a_quarter_stay_apart() -> None:
    assert len(lesions_of([_mark(3, 10, 10), _mark(4, 10, 13)])) == 1  # 4 of 16 pixels
    assert len(lesions_of([_mark(3, 10, 10), _mark(4, 11, 13)])) == 2  # 3 of 16


def test_a_key_joins_marks_across_a_gap_and_a_group_keeps_them_apart() -> None:
    assert len(lesions_of([_mark(3, 1, 1, key="a"), _mark(9, 30, 30, key="a")])) == 1
    assert len(lesions_of([_mark(3, 1, 1, group="a"), _mark(4, 1, 1, group="b")])) == 2
    assert len(lesions_of([_mark(3, 1, 1), _mark(4, 1, 1)], by_place=False)) == 2


def test_a_slice_without_a_mark_parts_two_lesions() -> None:
    assert len(lesions_of([_mark(3, 10, 10), _mark(5, 10, 10)])) == 2
