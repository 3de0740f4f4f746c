"""Every step between frames, both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze import frames
from tests.gaze.scenes import AXIAL, SCREEN, axial_map

inside_screen = st.tuples(st.floats(0, 1920), st.floats(0, 1080))


def test_screen_norm_is_the_share_of_the_monitor() -> None:
    assert frames.screen_norm_to_px([0.5, 0.25], SCREEN).tolist() == [960.0, 270.0]
    assert frames.screen_px_to_norm([960.0, 270.0], SCREEN).tolist() == [0.5, 0.25]


@given(inside_screen)
def test_degrees_and_pixels_undo_each_other(px: tuple[float, float]) -> None:
    np.testing.assert_allclose(frames.deg_to_screen_px(frames.screen_px_to_deg(px, SCREEN), SCREEN), px, atol=1e-8)


def test_one_degree_from_the_centre_is_its_tangent_at_650_mm() -> None:
    px = frames.deg_to_screen_px([1.0, 0.0], SCREEN)
    assert px[0] - 960 == pytest.approx(np.tan(np.radians(1)) * 650 / (528 / 1920))


def test_the_middle_of_a_drawn_pixel_is_its_integer_voxel() -> None:
    voxel = frames.screen_px_to_voxel([400 + 8 * 3 + 4, 100 + 8 * 5 + 4], axial_map(7))
    assert voxel.tolist() == [3.0, 5.0, 7.0]


@given(inside_screen, st.floats(0.5, 20), st.integers(0, 199))
def test_screen_and_voxel_undo_each_other(px: tuple[float, float], zoom: float, slice_index: int) -> None:
    view_map = axial_map(slice_index, zoom=zoom)
    voxel = frames.screen_px_to_voxel(px, view_map)
    np.testing.assert_allclose(frames.voxel_to_screen_px(voxel, view_map), px, atol=1e-6)


def test_a_voxel_of_another_slice_lands_where_the_shown_slice_would_draw_it() -> None:
    assert frames.voxel_to_screen_px([3.0, 5.0, 90.0], axial_map(7)).tolist() == pytest.approx([428.0, 144.0])


def test_a_coronal_map_goes_both_ways() -> None:
    coronal = np.array([[0.25, 0, -10.0], [0, 0, 33.0], [0, 0.5, -20.0]])
    voxel = frames.screen_px_to_voxel([100.0, 200.0], coronal)
    assert voxel.tolist() == [15.0, 33.0, 80.0]
    np.testing.assert_allclose(frames.voxel_to_screen_px(voxel, coronal), [100.0, 200.0])


def test_a_singular_map_gives_no_screen_point() -> None:
    assert np.isnan(frames.voxel_to_screen_px([1.0, 2.0, 3.0], np.zeros((3, 3)))).all()


def test_voxel_to_mm_uses_each_slices_own_position() -> None:
    assert frames.voxel_to_patient_mm([10.0, 20.0, 4.0], AXIAL).tolist() == [-45.0, -26.0, -10.0]


tilted = frames.SeriesGeometry(
    (4, 50, 60),
    np.array([[0.0, 0, 0], [0, 1.5, 3.0], [0, 5.0, 8.0], [0.0, 7, 15.0]]),
    np.array([1.0, 0, 0]),
    np.array([0.0, np.cos(0.3), np.sin(0.3)]),
    (0.4, 0.4),
)


@given(st.floats(0, 59), st.floats(0, 49), st.floats(0, 3))
def test_mm_and_voxel_undo_each_other_on_a_tilted_stack_of_varying_spacing(i: float, j: float, k: float) -> None:
    mm = frames.voxel_to_patient_mm([i, j, k], tilted)
    np.testing.assert_allclose(frames.patient_mm_to_voxel(mm, tilted), [i, j, k], atol=1e-6)


def test_mm_outside_the_stack_is_no_voxel() -> None:
    assert np.isnan(frames.patient_mm_to_voxel([0.0, 0.0, 5.0], AXIAL)).all()


def test_mm_per_screen_pixel_is_spacing_over_zoom() -> None:
    assert frames.mm_per_screen_px(axial_map(3, zoom=8.0), AXIAL) == pytest.approx(np.sqrt(0.5 * 0.7) / 8)


def test_one_degree_at_the_centre_of_the_screen_in_patient_mm() -> None:
    radius = frames.screen_disc_mm(1.0, [960.0, 540.0], 0.05, SCREEN)
    assert radius == pytest.approx(np.tan(np.radians(1)) * 650 / 0.275 * 0.05)


def test_on_pixels_that_are_not_square_the_disc_keeps_its_area() -> None:
    wide = ScreenGeometry(1000, 1000, 400.0, 100.0, 600.0)  # 0.4 x 0.1 mm
    radius = frames.screen_disc_mm(1.0, [500.0, 500.0], 0.05, wide)
    assert radius == pytest.approx(np.tan(np.radians(1)) * 600 / np.sqrt(0.4 * 0.1) * 0.05)


def test_the_same_angle_covers_more_towards_the_edge_of_the_screen() -> None:
    corner = frames.screen_disc_mm(1.0, [0.0, 0.0], 0.05, SCREEN)
    assert corner == pytest.approx(np.tan(np.radians(1)) * np.sqrt(650**2 + 264**2 + 148.5**2) / 0.275 * 0.05)


def test_a_series_holds_half_a_voxel_around_its_outer_centres() -> None:
    points = [[-0.5, 0, 0], [-0.51, 0, 0], [119.5, 99.5, 199.5], [120, 0, 0], [np.nan, 0, 0]]
    assert AXIAL.contains(points).tolist() == [True, False, True, False, False]
