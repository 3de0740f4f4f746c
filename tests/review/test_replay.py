"""What replay shows at a moment is what was recorded for that moment, and nothing where nothing was."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.review import replay
from tests.review import scene


def test_a_view_is_on_screen_from_its_paint_plus_the_display_latency() -> None:
    trial = scene.trial([scene.view(1, 5), scene.view(2, 6)], [10.0, 11.0], display_latency_s=0.025)
    assert trial.view_at(10.024) is None
    assert trial.view_at(10.025).slice_index == 5  # type: ignore[union-attr]
    assert trial.view_at(11.0249).slice_index == 5  # type: ignore[union-attr]
    assert trial.view_at(11.025) == scene.view(2, 6)
    assert trial.start_lsl == 10.025


def test_repeats_of_a_paint_and_views_of_other_trials_and_panes_are_left_out() -> None:
    views = [scene.view(1, 5), scene.view(1, 5), scene.view(2, 9, trial=2), scene.view(3, 8, pane=1), scene.view(4, 6)]
    trial = scene.trial(views, [1.0, 2.0, 2.5, 2.6, 3.0])
    assert trial.n_views == 2
    assert trial.view_at(2.9) == scene.view(1, 5)
    assert trial.view_at(3.0) == scene.view(4, 6)


def test_gaze_is_the_last_measured_sample_never_an_interpolated_one() -> None:
    trial = scene.trial([scene.view(1, 5)], [0.0], track=scene.gaze(np.arange(10) * 0.01))
    point = trial.gaze_at(0.0399)
    assert point == replay.GazePoint(0.03, (3.0, 6.0), (3.0, 3.0, 3.0), 2.0)
    assert trial.gaze_at(-0.001) is None


def test_gaze_is_none_inside_a_gap_of_more_than_50_ms() -> None:
    times = np.arange(20) * 0.01
    lost = np.zeros(20, dtype=bool)
    lost[5:11] = True
    trial = scene.trial([scene.view(1, 5)], [0.0], track=scene.gaze(times, lost))
    assert trial.gaze_at(0.049).screen_px == (4.0, 8.0)  # type: ignore[union-attr]
    assert trial.gaze_at(0.0505) is None
    assert trial.gaze_at(0.109) is None
    assert trial.gaze_at(0.11).screen_px == (11.0, 22.0)  # type: ignore[union-attr]


def test_a_short_gap_holds_the_last_sample() -> None:
    times = np.arange(20) * 0.01
    lost = np.zeros(20, dtype=bool)
    lost[5:8] = True
    trial = scene.trial([scene.view(1, 5)], [0.0], track=scene.gaze(times, lost))
    assert trial.gaze_at(0.079).screen_px == (4.0, 8.0)  # type: ignore[union-attr]


def test_gaze_off_the_image_has_a_screen_place_but_no_voxel() -> None:
    track = scene.gaze(np.arange(3) * 0.01)
    track.voxel[1] = np.nan
    trial = scene.trial([scene.view(1, 5)], [0.0], track=track)
    point = trial.gaze_at(0.011)
    assert point is not None and point.voxel is None and point.screen_px == (1.0, 2.0)


def test_gaps_are_shaded_where_no_sample_was_measured_also_at_both_ends() -> None:
    times = np.round(1.0 + np.arange(30) * 0.01, 6)
    lost = np.zeros(30, dtype=bool)
    lost[10:20] = True
    bars = replay.gaze_gaps(scene.gaze(times, lost), 0.5, 1.32)
    assert [(bar.start_lsl, bar.end_lsl) for bar in bars] == [(0.5, 1.0), (1.09, 1.2)]


def test_circle_area_is_proportional_to_duration() -> None:
    assert replay.circle_radius_px(0.25) == replay.REFERENCE_RADIUS_PX
    assert replay.circle_radius_px(1.0) == 2 * replay.REFERENCE_RADIUS_PX
    assert replay.circle_radius_px(-1.0) == 0.0


def test_fixations_fade_over_neighbouring_slices_and_with_age() -> None:
    made = (scene.fixation(1, 1.0, 0.25, 10), scene.fixation(2, 2.0, 0.25, 12), scene.fixation(3, 9.0, 0.25, 10))
    trial = scene.trial([scene.view(1, 10)], [0.0], fixations=made, end_lsl=10.0)
    drawn = trial.fixations_near(10, 2.25, window_s=4.0)
    assert [one.fixation.number for one in drawn] == [1, 2]
    assert drawn[0].opacity == pytest.approx(1.0 - 1.0 / 4.0)
    assert drawn[1].opacity == pytest.approx(1.0 / 3.0)
    assert trial.fixations_near(13, 2.25, window_s=4.0) == (
        replay.DrawnFixation(made[1], 1.0 - 1.0 / 3.0, replay.REFERENCE_RADIUS_PX),
    )
    assert trial.fixations_near(10, 5.25, window_s=4.0)[0].fixation.number == 2


def test_a_fixation_that_goes_on_has_grown_as_far_as_it_has_lasted() -> None:
    trial = scene.trial([scene.view(1, 10)], [0.0], fixations=(scene.fixation(1, 1.0, 1.0, 10),))
    (drawn,) = trial.fixations_near(10, 1.25, window_s=4.0)
    assert drawn.radius_px == replay.REFERENCE_RADIUS_PX
    assert trial.fixations_near(10, 0.99, window_s=4.0) == ()


def test_a_drill_is_fully_drawn_on_every_slice_it_touched() -> None:
    drill = scene.fixation(1, 1.0, 1.0, 10, slice_first=8, slice_last=20, kind="drill")
    assert [replay.slice_opacity(drill, k, 2) for k in (6, 8, 15, 20)] == [pytest.approx(1 / 3), 1.0, 1.0, 1.0]
    assert replay.slice_opacity(drill, 23, 2) == 0.0


def test_a_fixation_off_the_image_is_not_drawn() -> None:
    off = scene.fixation(1, 1.0, 1.0, 10, voxel=(np.nan, np.nan, np.nan))
    trial = scene.trial([scene.view(1, 10)], [0.0], fixations=(off,))
    assert trial.fixations_near(10, 1.5, window_s=np.inf) == ()


def test_neighbouring_fixations_are_found_by_onset() -> None:
    made = (scene.fixation(1, 1.0, 0.25, 10), scene.fixation(2, 2.0, 0.25, 12))
    trial = scene.trial([scene.view(1, 10)], [0.0], fixations=made)
    assert trial.neighbour(1.0, +1) == made[1]
    assert trial.neighbour(2.0, -1) == made[0]
    assert trial.neighbour(0.0, +1) == made[0]
    assert trial.neighbour(2.0, +1) is None
    assert trial.neighbour(1.0, -1) is None
    assert trial.fixation_at(2.25) == made[1]
    assert trial.fixation_at(1.5) is None


def test_the_slice_trace_is_a_step_line_that_breaks_where_the_image_was_hidden() -> None:
    views = [scene.view(1, 5), scene.view(2, 5, centre=40.0), scene.view(3, 7), scene.view(4, 7, visible=False)]
    times, slices = scene.trial(views, [0.0, 1.0, 2.0, 3.0], end_lsl=4.0).slice_trace()
    assert times.tolist() == [0.0, 2.0, 2.0, 3.0, 3.0, 4.0]
    assert slices[:4].tolist() == [5.0, 5.0, 7.0, 7.0]
    assert np.isnan(slices[4:]).all()


def test_the_image_is_said_to_be_hidden_only_within_the_replay() -> None:
    views = [scene.view(1, 5, visible=False), scene.view(2, 5), scene.view(3, 5, visible=False)]
    trial = scene.trial(views, [0.0, 1.0, 3.0], track=scene.gaze(np.arange(1.0, 4.0, 0.01)), end_lsl=4.0)
    assert trial.start_lsl == 1.0
    hidden = [bar for bar in trial.events if bar.kind == "hidden"]
    assert hidden == [replay.EventBar("hidden", 3.0, 4.0, "image hidden")]


def test_thinning_a_trace_keeps_the_extremes_of_every_column() -> None:
    times = np.arange(10_000, dtype=np.float64)
    values = np.zeros(10_000)
    values[1234], values[7777] = 50.0, -50.0
    thin_times, thin_values = replay.decimate(times, values, 100)
    assert len(thin_times) <= 400
    assert thin_times[thin_values == 50.0].tolist() == [1234.0]
    assert thin_times[thin_values == -50.0].tolist() == [7777.0]
    assert thin_times[0] == 0.0 and thin_times[-1] == 9999.0


def test_a_trial_without_anything_says_nothing() -> None:
    trial = scene.trial([], [])
    assert trial.view_at(0.0) is None
    assert trial.gaze_at(0.0) is None
    assert trial.duration_s == 0.0
    assert trial.slice_trace()[0].size == 0


def test_the_gaze_path_breaks_where_gaze_was_lost() -> None:
    lost = np.array([False, False, True, False])
    trial = scene.trial([scene.view(1, 5)], [0.0], track=scene.gaze(np.array([0.1, 0.2, 0.3, 0.4]), lost))
    path = trial.gaze_path(0.35, 0.2)
    assert path[0].tolist() == [1.0, 1.0, 3.0]
    assert np.isnan(path[1]).all() and len(path) == 2
