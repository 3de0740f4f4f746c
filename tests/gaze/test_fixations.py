"""Fixation rows and dwell segments: nothing is lost at any scroll speed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import detect_events
from ctgaze_app.gaze.dwell import dwell_runs
from ctgaze_app.gaze.fixations import FIXATION_COLUMNS, SEGMENT_COLUMNS, fixation_tables
from ctgaze_app.gaze.mapping import MappingSettings, map_gaze
from ctgaze_app.gaze.samples import GazeSamples
from ctgaze_app.gaze.view_track import ViewTrack
from tests.gaze.scenes import AXIAL, SCREEN, axial_view, gaze_at, track

PLAIN = MappingSettings(0.0, 0.0, 0.0, 0.0, accuracy_deg=0.3, precision_deg=0.4)
HERE = (400 + 30 * 8 + 4.0, 100 + 20 * 8 + 4.0)
FAR = (400 + 100 * 8 + 4.0, 100 + 80 * 8 + 4.0)


def _tables(views: ViewTrack, times: NDArray[np.float64], px: Any, origin_lsl: float = 0.0) -> Any:
    return _made(views, gaze_at(times, px), PLAIN, origin_lsl)


def _made(views: ViewTrack, samples: GazeSamples, settings: MappingSettings, origin_lsl: float = 0.0) -> Any:
    mapped = map_gaze(samples, views, {}, SCREEN, settings, [AXIAL])
    events = detect_events(mapped.eye_time_lsl, SCREEN.px_to_vector(mapped.px), mapped.valid)
    pupil = np.full(len(samples), 3.0)
    return fixation_tables(mapped, events, views, SCREEN, settings, [AXIAL], pupil, origin_lsl)


def test_a_still_fixation_has_its_slice_place_and_duration() -> None:
    times = np.arange(0, 1.0, 0.004)
    fixations, segments = _tables(track((-1.0, axial_view(1, 12))), times, HERE, origin_lsl=-1.0)
    assert fixations["slice_index"].tolist() == [12]
    assert (fixations["slice_first"][0], fixations["slice_last"][0], fixations["n_slices"][0]) == (12, 12, 1)
    assert (fixations["view_state"][0], fixations["kind"][0]) == ("still", "fixation")
    np.testing.assert_allclose([fixations[f"{axis}_voxel"][0] for axis in "xyz"], [30, 20, 12], atol=1e-9)
    np.testing.assert_allclose([fixations[f"{axis}_mm"][0] for axis in "xyz"], [-35, -26, -30], atol=1e-9)
    assert fixations["zoom"][0] == pytest.approx(8.0)
    # 0.3 and 0.4 degrees are 0.5 together, seen from 650 mm straight ahead plus the way to this place of the screen.
    sight_mm = np.sqrt(650**2 + ((HERE[0] - 960) * 0.275) ** 2 + ((HERE[1] - 540) * 0.275) ** 2)
    radius_mm = np.tan(np.radians(0.5)) * sight_mm / 0.275 / 8 * np.sqrt(0.5 * 0.7)
    assert fixations["uncertainty_mm"][0] == pytest.approx(radius_mm)
    assert segments["uncertainty_mm"][0] == pytest.approx(radius_mm)
    assert fixations["dispersion_deg"][0] == pytest.approx(0.0, abs=1e-6)
    assert fixations["pupil"][0] == 3.0
    assert fixations["valid_fraction"][0] == 1.0
    assert fixations["onset_s"][0] == pytest.approx(1.012)  # no velocity within half a window of the edge
    assert segments["duration_s"].sum() == fixations["duration_s"][0]
    assert segments["n_samples"].sum() == fixations["n_samples"][0]


def test_the_columns_are_those_of_the_design() -> None:
    assert " ".join(FIXATION_COLUMNS) == (
        "session reader trial case part series fixation onset_s offset_s duration_s onset_lsl slice_index slice_first "
        "slice_last n_slices x_voxel y_voxel z_voxel x_mm y_mm z_mm uncertainty_mm x_screen_px y_screen_px "
        "dispersion_deg pupil window_centre window_width zoom plane pane view_state kind valid_fraction n_samples "
        "depth_ambiguous slice_uncertain words"
    )
    assert " ".join(SEGMENT_COLUMNS) == (
        "session reader trial case part series fixation segment slice_index onset_s offset_s duration_s "
        "x_voxel y_voxel z_voxel x_mm y_mm z_mm uncertainty_mm n_samples"
    )
    fixations, segments = _tables(track((-1.0, axial_view(1, 12))), np.arange(0, 1.0, 0.004), HERE)
    added = {"session", "reader", "trial", "case", "part"}
    assert set(fixations) == set(FIXATION_COLUMNS) - added - {"words"}
    assert set(segments) == set(SEGMENT_COLUMNS) - added


def test_a_drill_lies_on_the_slice_dwelt_on_longest_all_visits_together() -> None:
    # 0.2 s on slice 10, 0.3 s on 11, then 10 again for the rest: 10 wins with two visits.
    views = track((-1.0, axial_view(1, 10)), (0.2, axial_view(2, 11)), (0.5, axial_view(3, 10)))
    fixations, segments = _tables(views, np.arange(0, 0.75, 0.002), HERE)
    assert len(fixations["fixation"]) == 1
    assert fixations["slice_index"][0] == 10
    assert (fixations["n_slices"][0], fixations["kind"][0], fixations["view_state"][0]) == (2, "drill", "scroll")
    assert segments["slice_index"].tolist() == [10, 11, 10]
    assert segments["segment"].tolist() == [1, 2, 3]
    assert segments["duration_s"][1] == pytest.approx(0.3)


def test_time_without_image_is_a_segment_without_slice() -> None:
    views = track((-1.0, axial_view(1, 10)), (0.3, axial_view(2, 10, image_visible=False)), (0.4, axial_view(3, 10)))
    fixations, segments = _tables(views, np.arange(0, 0.6, 0.002), HERE)
    assert segments["slice_index"].tolist() == [10, -1, 10]
    assert segments["series"].tolist() == [0, -1, 0]
    assert np.isnan(segments["x_voxel"][1])
    assert segments["duration_s"].sum() == pytest.approx(fixations["duration_s"][0], abs=1e-9)
    assert fixations["slice_index"].tolist() == [10]


def test_fixations_before_any_view_have_no_slice() -> None:
    fixations, segments = _tables(track(), np.arange(0, 0.6, 0.002), HERE)
    assert fixations["slice_index"].tolist() == [-1]
    assert segments["slice_index"].tolist() == [-1]
    assert np.isnan(fixations["x_voxel"]).all()


def test_a_fixation_beside_the_image_has_a_slice_but_no_voxel() -> None:
    fixations, _ = _tables(track((-1.0, axial_view(1, 10))), np.arange(0, 0.6, 0.002), (395.0, 300.0))
    assert fixations["slice_index"].tolist() == [10]
    assert np.isnan(fixations["x_voxel"]).all()
    assert np.isnan(fixations["uncertainty_mm"]).all()


def test_an_eye_that_follows_a_panned_image_is_in_pursuit() -> None:
    times = np.arange(0, 1.0, 0.002)
    moved = 200.0 * times  # 200 px/s, about 5 degrees a second
    views = track(*((-0.001 + step * 0.02, axial_view(1 + step, 10, left=400.0 + 4.0 * step)) for step in range(50)))
    px = np.stack([HERE[0] + moved, np.full(len(times), HERE[1])], axis=1)
    fixations, _ = _tables(views, times, px)
    assert (fixations["kind"][0], fixations["view_state"][0]) == ("pursuit", "pan")
    assert fixations["x_voxel"][0] == pytest.approx(30.0, abs=0.5)


def test_a_window_change_keeps_a_still_fixation() -> None:
    views = track((-1.0, axial_view(1, 10)), (0.3, axial_view(2, 10, window_width=1500.0)))
    fixations, segments = _tables(views, np.arange(0, 0.6, 0.002), HERE)
    assert (fixations["kind"][0], fixations["view_state"][0]) == ("fixation", "window")
    assert len(segments["segment"]) == 1


def test_a_slice_too_short_for_any_sample_still_gets_its_place() -> None:
    times = np.arange(0, 1.0, 1 / 60)
    views = track((-1.0, axial_view(1, 10)), (0.501, axial_view(2, 11)), (0.508, axial_view(3, 12)))
    _, segments = _tables(views, times, HERE)
    assert segments["slice_index"].tolist() == [10, 11, 12]
    assert segments["n_samples"][1] == 0
    assert segments["duration_s"][1] == pytest.approx(0.007)
    np.testing.assert_allclose([segments[f"{axis}_voxel"][1] for axis in "xyz"], [30, 20, 11], atol=1e-6)


def test_dispersion_is_the_rms_angle_from_the_mean_direction() -> None:
    times = np.arange(0, 0.6, 0.02)
    px = np.tile([960.0, 540.0], (len(times), 1))
    px[::2, 0] += 20.0  # to and fro over 20 px of 0.275 mm at 650 mm, too slow for a saccade
    fixations, _ = _tables(track((-1.0, axial_view(1, 10))), times, px)
    assert len(fixations["fixation"]) == 1
    half = np.degrees(np.arctan(10 * 0.275 / 650))
    assert fixations["dispersion_deg"][0] == pytest.approx(half, rel=0.02)


def test_uncertainty_of_a_segment_is_that_of_its_own_zoom() -> None:
    left = HERE[0] - 30.5 * 4.0  # voxel (30, 20) stays under the eye when the zoom halves
    halved = axial_view(2, 11, zoom=4.0, left=left, top=HERE[1] - 20.5 * 4.0)
    fixations, segments = _tables(track((-1.0, axial_view(1, 10)), (0.2, halved)), np.arange(0, 0.8, 0.004), HERE)
    assert segments["uncertainty_mm"][1] == pytest.approx(2 * segments["uncertainty_mm"][0])
    assert fixations["uncertainty_mm"][0] == segments["uncertainty_mm"][1]


def test_two_fixations_keep_their_own_segments() -> None:
    times = np.arange(0, 1.2, 0.002)
    px = np.where((times < 0.6)[:, None], HERE, FAR)
    views = track((-1.0, axial_view(1, 10)), (0.3, axial_view(2, 11)), (0.9, axial_view(3, 12)))
    fixations, segments = _tables(views, times, px)
    assert fixations["fixation"].tolist() == [1, 2]
    assert segments["fixation"].tolist() == [1, 1, 2, 2]
    assert segments["slice_index"].tolist() == [10, 11, 11, 12]
    assert fixations["x_voxel"].tolist() == pytest.approx([30.0, 100.0])


def test_slice_first_and_last_are_in_order_of_time() -> None:
    views = track((-1.0, axial_view(1, 12)), (0.2, axial_view(2, 11)), (0.4, axial_view(3, 10)))
    fixations, _ = _tables(views, np.arange(0, 0.9, 0.002), HERE)
    assert (fixations["slice_first"][0], fixations["slice_last"][0], fixations["n_slices"][0]) == (12, 10, 3)


def test_a_drifting_eye_on_a_still_picture_is_no_pursuit() -> None:
    times = np.arange(0, 1.0, 0.002)
    px = np.stack([HERE[0] + 100.0 * times, np.full(len(times), HERE[1])], axis=1)  # about 2.4 degrees in all
    fixations, _ = _tables(track((-1.0, axial_view(1, 10))), times, px)
    assert (fixations["kind"].tolist(), fixations["view_state"].tolist()) == (["fixation"], ["still"])


def test_a_fixation_has_the_window_of_the_view_it_dwelt_on() -> None:
    views = track((-1.0, axial_view(1, 10)), (0.2, axial_view(2, 11, window_centre=-600.0, window_width=1500.0)))
    fixations, _ = _tables(views, np.arange(0, 0.9, 0.002), HERE)
    assert (fixations["window_centre"].tolist(), fixations["window_width"].tolist()) == ([-600.0], [1500.0])


def test_bridged_samples_count_as_samples_but_not_as_valid_ones() -> None:
    samples = gaze_at(np.arange(0, 0.412, 0.004), HERE)
    for eye in samples.eyes.values():
        eye.valid[50:60] = False
    fixations, _ = _made(track((-1.0, axial_view(1, 10))), samples, PLAIN)
    # Half a velocity window, three samples, is missing at both ends.
    assert fixations["n_samples"].tolist() == [97]
    assert fixations["valid_fraction"].tolist() == [87 / 97]


def test_a_fixation_is_as_doubtful_as_most_of_its_samples() -> None:
    times = np.arange(0, 0.3, 0.004)
    settings = replace(PLAIN, display_uncertainty_s=0.1)
    changing = track((-1.0, axial_view(1, 10)), (0.15, axial_view(2, 11)))
    assert _made(changing, gaze_at(times, HERE), settings)[0]["slice_uncertain"].tolist() == [True]
    assert _made(changing, gaze_at(times, HERE), PLAIN)[0]["slice_uncertain"].tolist() == [False]
    slab = track((-1.0, axial_view(1, 10, projection=1, slab_mm=10.0)))
    assert _made(slab, gaze_at(times, HERE), PLAIN)[0]["depth_ambiguous"].tolist() == [True]
    assert _made(changing, gaze_at(times, HERE), PLAIN)[0]["depth_ambiguous"].tolist() == [False]


scrolls = st.lists(st.tuples(st.floats(0.0005, 0.4), st.integers(0, 199), st.booleans()), min_size=0, max_size=120)


@settings(max_examples=150, deadline=None)
@given(
    steps=scrolls,
    cuts=st.lists(st.floats(0, 4), min_size=2, max_size=12, unique=True),
    latency=st.floats(0, 0.05),
)
def test_segments_add_up_to_the_fixation_whatever_the_views_did(
    steps: list[tuple[float, int, bool]], cuts: list[float], latency: float
) -> None:
    now, stamped = 0.3, []
    for paint, (wait, slice_index, visible) in enumerate(steps, start=1):
        now += wait
        stamped.append((now, axial_view(paint, slice_index, image_visible=visible)))
    edges = np.sort(np.array(cuts))[: len(cuts) // 2 * 2].reshape(-1, 2)
    runs = dwell_runs(edges[:, 0], edges[:, 1], np.zeros(len(edges), dtype=np.int64), track(*stamped), latency)
    total = np.bincount(runs.fixation, weights=runs.offset - runs.onset, minlength=len(edges))
    np.testing.assert_allclose(total, edges[:, 1] - edges[:, 0], rtol=0, atol=1e-12)
    assert (runs.offset >= runs.onset).all()
    # Each run shows what the views say in its middle.
    for number, middle in enumerate((runs.onset + runs.offset) / 2):
        if runs.offset[number] - runs.onset[number] < 1e-9:
            continue
        painted = [view for time, view in stamped if time + latency <= middle]
        expected = painted[-1].slice_index if painted and painted[-1].image_visible else -1
        assert runs.slice_index[number] == expected


@pytest.mark.parametrize("rate_hz", [30, 60, 250, 1200])
@pytest.mark.parametrize("slices_per_s", [1, 25, 60])
def test_written_segments_add_up_exactly_at_any_rate_and_speed(rate_hz: int, slices_per_s: int) -> None:
    views = track(*((0.1 + step / slices_per_s, axial_view(step + 1, step)) for step in range(2 * slices_per_s)))
    fixations, segments = _tables(views, np.arange(0, 2.0, 1 / rate_hz), HERE)
    assert len(fixations["fixation"]) == 1
    written = round(sum(round(float(each), 6) for each in segments["duration_s"]), 6)
    assert written == round(float(fixations["duration_s"][0]), 6)
    assert segments["n_samples"].sum() == fixations["n_samples"][0]
