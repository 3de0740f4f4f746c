"""Rows of saccades.csv and blinks.csv against movements planned by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import detect_events
from ctgaze_app.gaze.fixations import fixation_tables
from ctgaze_app.gaze.mapping import MappingSettings, map_gaze
from ctgaze_app.gaze.movements import BLINK_COLUMNS, SACCADE_COLUMNS, blink_table, saccade_table
from ctgaze_app.gaze.view_track import ViewTrack
from tests.gaze.scenes import AXIAL, SCREEN, axial_view, gaze_at, track

PLAIN = MappingSettings(0.0, 0.0, 0.0, 0.0)
RATE_HZ = 500.0
TIMES = np.arange(0, 1.2, 1 / RATE_HZ)
SCROLLED = track((-1.0, axial_view(1, 10)), (0.52, axial_view(2, 11)), (0.9, axial_view(3, 12)))
ADDED = {"session", "reader", "trial", "case", "part"}


def _path(knots: list[tuple[float, float, float]]) -> NDArray[np.float64]:
    """`screen_px` at `TIMES`, straight between (time, x, y)."""
    t, x, y = np.array(knots).T
    return np.stack([np.interp(TIMES, t, x), np.interp(TIMES, t, y)], axis=1)


def _tables(
    px: NDArray[np.float64], views: ViewTrack = SCROLLED, lost: slice = slice(0, 0), origin_lsl: float = 0.0
) -> Any:
    samples = gaze_at(TIMES, px)
    for eye in samples.eyes.values():
        eye.valid[lost] = False
    mapped = map_gaze(samples, views, {}, SCREEN, PLAIN, [AXIAL])
    events = detect_events(TIMES, SCREEN.px_to_vector(mapped.px), mapped.valid)
    fixations, _ = fixation_tables(mapped, events, views, SCREEN, PLAIN, [AXIAL], np.full(len(TIMES), 3.0), origin_lsl)
    return (
        saccade_table(mapped, events, fixations, origin_lsl, 5),
        blink_table(mapped, events, origin_lsl, 7),
        fixations,
    )


def test_a_saccade_has_its_times_size_course_places_and_slices() -> None:
    # Still, then 160 px right and 120 px up within 40 ms, then still: the slice changes in its middle.
    saccades, blinks, _ = _tables(
        _path([(0.0, 700.0, 500.0), (0.5, 700.0, 500.0), (0.54, 860.0, 380.0)]), origin_lsl=-1.0
    )
    assert saccades["saccade"].tolist() == [5]
    assert len(blinks["blink"]) == 0
    # 122 degrees a second: a window of 20 ms passes 30 when a quarter of it lies in the movement, 5 ms beyond its ends.
    assert saccades["onset_s"][0] == pytest.approx(1.495, abs=0.0021)
    assert saccades["offset_s"][0] == pytest.approx(1.545, abs=0.0021)
    assert saccades["duration_s"][0] == pytest.approx(saccades["offset_s"][0] - saccades["onset_s"][0])
    assert saccades["onset_lsl"][0] == pytest.approx(saccades["onset_s"][0] - 1.0)
    amplitude = float(SCREEN.angle_between_deg((700.0, 500.0), (860.0, 380.0)))
    assert saccades["amplitude_deg"][0] == pytest.approx(amplitude, rel=1e-6)
    assert saccades["peak_velocity_deg_s"][0] == pytest.approx(amplitude / 0.04, rel=0.05)
    # Near the screen's centre pixels are nearly square in angle: 160 right, 120 up.
    assert saccades["direction_deg"][0] == pytest.approx(np.degrees(np.arctan2(120, 160)), abs=1.5)
    start = [saccades["x_start_screen_px"][0], saccades["y_start_screen_px"][0]]
    end = [saccades["x_end_screen_px"][0], saccades["y_end_screen_px"][0]]
    np.testing.assert_allclose(start, [700, 500], atol=1e-6)
    np.testing.assert_allclose(end, [860, 380], atol=1e-6)
    assert (saccades["slice_start"][0], saccades["slice_end"][0]) == (10, 11)
    assert (saccades["view_state"][0], saccades["kind"][0]) == ("still", "saccade")


def test_a_saccade_while_slices_move_says_so() -> None:
    saccades, _, _ = _tables(_path([(0.0, 700.0, 500.0), (0.6, 700.0, 500.0), (0.63, 860.0, 500.0)]))
    assert saccades["view_state"].tolist() == ["scroll"]  # the slice changed 0.08 s before
    assert (saccades["slice_start"][0], saccades["slice_end"][0]) == (11, 11)


def test_a_movement_that_lasts_too_long_for_its_size_is_slow() -> None:
    # 36 degrees a second for 0.25 s: above the threshold, but a saccade of 9 degrees takes 41 ms.
    px_per_s = 36.0 * SCREEN.px_per_deg()
    path = _path([(0.0, 600.0, 500.0), (0.5, 600.0, 500.0), (0.75, 600.0 + 0.25 * px_per_s, 500.0)])
    saccades, _, _ = _tables(path)
    assert saccades["kind"].tolist() == ["slow"]
    way_deg = float(SCREEN.angle_between_deg((600.0, 500.0), (600.0 + 0.25 * px_per_s, 500.0)))
    assert saccades["amplitude_deg"][0] == pytest.approx(way_deg, rel=0.06)


def test_a_saccade_between_two_pursuits_catches_up() -> None:
    speed = 8.0 * SCREEN.px_per_deg()
    knots = [(0.0, 500.0, 500.0), (0.4, 500.0 + 0.4 * speed, 500.0)]
    jump = knots[-1][1] + 2.0 * SCREEN.px_per_deg()
    knots += [(0.43, jump, 500.0), (0.83, jump + 0.4 * speed, 500.0)]
    back = (0.88, 500.0, 300.0)
    views = track(*((-0.001 + 0.05 * step, axial_view(1 + step, 10 + step)) for step in range(17)))
    saccades, _, fixations = _tables(_path([*knots, back]), views)
    assert fixations["kind"].tolist()[:2] == ["pursuit", "pursuit"]
    assert saccades["kind"].tolist() == ["catch_up", "saccade"]


def test_a_blink_is_a_loss_that_lasts_and_not_a_saccade() -> None:
    saccades, blinks, _ = _tables(np.broadcast_to([700.0, 500.0], (len(TIMES), 2)), lost=slice(250, 325))
    assert blinks["blink"].tolist() == [7]
    assert blinks["onset_s"][0] == pytest.approx(0.5, abs=0.011)
    assert blinks["offset_s"][0] == pytest.approx(0.648, abs=0.011)
    assert (blinks["slice_start"][0], blinks["slice_end"][0]) == (10, 11)
    assert blinks["view_state"].tolist() == ["still"]
    assert len(saccades["saccade"]) == 0


def test_tables_have_their_columns_even_without_any_row() -> None:
    saccades, blinks, _ = _tables(np.broadcast_to([700.0, 500.0], (len(TIMES), 2)))
    assert set(saccades) == set(SACCADE_COLUMNS) - ADDED
    assert set(blinks) == set(BLINK_COLUMNS) - ADDED
    assert {len(column) for column in (*saccades.values(), *blinks.values())} == {0}
    assert " ".join(SACCADE_COLUMNS) == (
        "session reader trial case part saccade onset_s offset_s duration_s onset_lsl amplitude_deg "
        "peak_velocity_deg_s direction_deg x_start_screen_px y_start_screen_px x_end_screen_px y_end_screen_px "
        "slice_start slice_end view_state kind"
    )
    assert " ".join(BLINK_COLUMNS) == (
        "session reader trial case part blink onset_s offset_s duration_s onset_lsl slice_start slice_end view_state"
    )
