"""Gaze onto painted views, against answers known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.gaze.mapping import EYES_USED, MappingSettings, choose_eye, map_gaze
from ctgaze_app.gaze.samples import EyeSamples, GazeSamples
from tests.gaze.scenes import AXIAL, SCREEN, axial_view, gaze_at, track

PLAIN = MappingSettings(0.0, 0.0, 0.0, 0.0, accuracy_deg=0.3, precision_deg=0.4)
PIXEL_30_20 = (400 + 30 * 8 + 4.0, 100 + 20 * 8 + 4.0)


class _Shift:
    """A refit that adds pixels."""

    def __init__(self, x: float, y: float) -> None:
        self.offset = np.array([x, y])

    def apply(self, screen_px: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(screen_px, dtype=np.float64) + self.offset


def test_gaze_lands_on_the_voxel_and_millimetre_under_it() -> None:
    views = track((1.0, axial_view(7, 4)))
    mapped = map_gaze(gaze_at([2.0], PIXEL_30_20), views, {}, SCREEN, PLAIN, [AXIAL])
    np.testing.assert_allclose(mapped.voxel, [[30, 20, 4]], atol=1e-9)
    np.testing.assert_allclose(mapped.mm, [[-35.0, -26.0, -10.0]], atol=1e-9)
    assert (mapped.paint[0], mapped.pane[0], mapped.series[0], mapped.slice_index[0]) == (7, 0, 0, 4)
    assert mapped.on_image[0]
    assert EYES_USED[mapped.eye_used[0]] == "average"


def test_uncertainty_is_half_a_degree_at_that_zoom_in_patient_mm() -> None:
    centre = (960.0, 540.0)
    views = track((1.0, axial_view(1, 4)))
    mapped = map_gaze(gaze_at([2.0], centre), views, {}, SCREEN, PLAIN, [AXIAL])
    on_screen_px = np.tan(np.radians(0.5)) * 650 / 0.275
    assert mapped.uncertainty_mm[0] == pytest.approx(on_screen_px / 8 * np.sqrt(0.5 * 0.7))


def test_both_latencies_shift_the_view_that_counts() -> None:
    views = track((1.0, axial_view(1, 4)), (2.0, axial_view(2, 5)))
    late = replace(PLAIN, display_latency_s=0.025, tracker_latency_s=0.010)
    mapped = map_gaze(gaze_at([2.0349, 2.0351], PIXEL_30_20), views, {}, SCREEN, late, [AXIAL])
    assert mapped.slice_index.tolist() == [4, 5]
    np.testing.assert_allclose(mapped.eye_time_lsl, [2.0249, 2.0251])


def test_slices_are_uncertain_within_twice_the_combined_latency_uncertainty_of_a_change() -> None:
    views = track((1.0, axial_view(1, 4)), (2.0, axial_view(2, 5)), (3.0, axial_view(3, 5, zoom=4.0)))
    settings = replace(PLAIN, display_uncertainty_s=0.012, tracker_uncertainty_s=0.005)  # together 0.013, twice
    mapped = map_gaze(
        gaze_at([1.5, 1.973, 1.975, 2.025, 2.027, 3.0], PIXEL_30_20), views, {}, SCREEN, settings, [AXIAL]
    )
    assert mapped.slice_uncertain.tolist() == [False, False, True, True, False, False]


@pytest.mark.parametrize(
    ("px", "on_image"),
    [
        ((400.0, 100.0), True),
        ((399.9, 100.0), False),  # left of the first pixel, inside the pane
        ((1359.9, 899.9), True),
        ((1361.0, 500.0), False),
        ((100.0, 500.0), False),  # outside the pane
    ],
)
def test_gaze_counts_as_on_the_image_inside_pane_and_pixels_only(px: tuple[float, float], on_image: bool) -> None:
    mapped = map_gaze(gaze_at([2.0], px), track((1.0, axial_view(1, 4))), {}, SCREEN, PLAIN, [AXIAL])
    assert mapped.on_image.tolist() == [on_image]
    assert np.isfinite(mapped.voxel).all() == on_image
    assert np.isfinite(mapped.uncertainty_mm).all() == on_image
    assert mapped.slice_index.tolist() == [4]


def test_a_pane_cuts_off_the_image_that_reaches_beyond_it() -> None:
    views = track((1.0, axial_view(1, 4, pane_rect_px=(500.0, 200.0, 300.0, 300.0))))
    mapped = map_gaze(
        gaze_at([2.0, 2.1], np.array([[450.0, 300.0], [600.0, 300.0]])), views, {}, SCREEN, PLAIN, [AXIAL]
    )
    assert mapped.on_image.tolist() == [False, True]


def test_a_hidden_image_has_no_slice_and_no_voxel() -> None:
    views = track((1.0, axial_view(1, 4, image_visible=False)))
    mapped = map_gaze(gaze_at([0.5, 2.0], PIXEL_30_20), views, {}, SCREEN, PLAIN, [AXIAL])
    assert mapped.view.tolist() == [-1, 0]
    assert mapped.slice_index.tolist() == [-1, -1]
    assert not mapped.on_image.any()


def test_gaze_belongs_to_the_pane_that_it_lies_in() -> None:
    right = axial_view(2, 50, pane=1, pane_rect_px=(1400.0, 90.0, 500.0, 900.0), left=1400.0)
    views = track((1.0, axial_view(1, 4)), (1.0, right))
    mapped = map_gaze(
        gaze_at([2.0, 2.1], np.array([[600.0, 300.0], [1500.0, 300.0]])), views, {}, SCREEN, PLAIN, [AXIAL]
    )
    assert mapped.pane.tolist() == [0, 1]
    assert mapped.slice_index.tolist() == [4, 50]


def test_a_slab_has_no_single_depth() -> None:
    views = track((1.0, axial_view(1, 4, projection=1, slab_mm=10.0)))
    assert map_gaze(gaze_at([2.0], PIXEL_30_20), views, {}, SCREEN, PLAIN, [AXIAL]).depth_ambiguous.tolist() == [True]


def test_each_eye_gets_its_own_refit_before_the_average() -> None:
    samples = gaze_at([1.0], (100.0, 100.0))
    used, raw, px = choose_eye(samples, {"left": _Shift(10, 0), "right": _Shift(20, 4)}, SCREEN)
    np.testing.assert_allclose(raw, [[100, 100]])
    np.testing.assert_allclose(px, [[115, 102]])
    assert used.tolist() == [EYES_USED.index("average")]


def test_one_lost_eye_leaves_the_other() -> None:
    samples = gaze_at([1.0, 2.0, 3.0], (100.0, 100.0))
    samples.eyes["left"].valid[1:] = False
    samples.eyes["right"].valid[2] = False
    samples.eyes["left"].norm[1:] = np.nan
    used, _, px = choose_eye(samples, {"left": _Shift(10, 0)}, SCREEN)
    assert [EYES_USED[code] for code in used] == ["average", "right", "none"]
    np.testing.assert_allclose(px[:, 0], [105, 100, np.nan])


def test_the_session_may_fix_one_eye_or_have_only_a_combined_one() -> None:
    samples = gaze_at([1.0], (100.0, 100.0))
    used, _, px = choose_eye(samples, {"left": _Shift(10, 0)}, SCREEN, "left")
    assert (EYES_USED[used[0]], px[0, 0]) == ("left", pytest.approx(110.0))
    both = EyeSamples(np.array([[0.5, 0.5]]), np.array([True]), np.array([np.nan]))
    used, _, px = choose_eye(GazeSamples(np.ones(1), np.ones(1), {"combined": both}), {}, SCREEN)
    assert (EYES_USED[used[0]], px[0].tolist()) == ("combined", [960.0, 540.0])


def test_no_views_leave_gaze_on_the_screen_only() -> None:
    mapped = map_gaze(gaze_at([1.0], PIXEL_30_20), track(), {}, SCREEN, PLAIN, [AXIAL])
    assert mapped.view.tolist() == [-1]
    np.testing.assert_allclose(mapped.px, [PIXEL_30_20])


def test_without_a_validation_the_uncertainty_is_unknown() -> None:
    blind = MappingSettings(0.0, 0.0, 0.0, 0.0)
    mapped = map_gaze(gaze_at([2.0], PIXEL_30_20), track((1.0, axial_view(1, 4))), {}, SCREEN, blind, [AXIAL])
    assert mapped.on_image.all()
    assert np.isnan(mapped.uncertainty_mm).all()
