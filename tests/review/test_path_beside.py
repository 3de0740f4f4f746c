"""A predicted path on a trial's clock: times, slices, what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.review.path_beside import PathBeside
from models.scanpath import Scanpath


def _path(onset_s: list[float] | None = None) -> Scanpath:
    return Scanpath.from_voxels(
        [(1.0, 2.0, 0.2), (3.0, 4.0, 4.6), (5.0, 6.0, 99.0)],
        [0.25, 1.0, 0.5],
        shape_kji=(10, 20, 30),
        who="m",
        source="model",
        onset_s=onset_s,
    )


def test_onsets_count_from_the_trials_start_and_slices_stay_in_the_volume() -> None:
    path = PathBeside.of(_path([0.0, 0.5, 2.0]), 3, 1000.0)
    assert [one.onset_lsl for one in path.fixations] == [1000.0, 1000.5, 1002.0]
    assert [one.slice_index for one in path.fixations] == [0, 5, 9]
    assert [one.number for one in path.fixations] == [1, 2, 3]
    assert (path.number, path.duration_s) == (3, 2.5)


def test_without_onsets_fixations_follow_each_other() -> None:
    path = PathBeside.of(_path(), 1, 10.0)
    assert [one.onset_lsl for one in path.fixations] == [10.0, 10.25, 11.25]
    assert path.duration_s == 1.75


def test_a_path_without_fixations_draws_nothing() -> None:
    empty = Scanpath.from_voxels(np.empty((0, 3)), [], shape_kji=(10, 20, 30))
    path = PathBeside.of(empty, 1, 0.0)
    assert path.near(0) == () and path.duration_s == 0.0
    assert [len(each) for each in path.slice_trace()] == [0, 0]


def test_the_whole_path_shows_what_is_near_the_slice_and_fades_with_distance() -> None:
    path = PathBeside.of(_path([0.0, 0.5, 2.0]), 1, 0.0)
    assert [(one.fixation.number, one.opacity) for one in path.near(5)] == [(2, 1.0)]
    assert [one.opacity for one in path.near(6)] == pytest.approx([2 / 3])
    assert [one.fixation.number for one in path.near(8)] == [3]
    assert path.near(5)[0].radius_px == pytest.approx(28.0)  # four times the area of 0.25 s, which has 14 px


def test_in_time_it_grows_fades_and_never_shows_the_future() -> None:
    path = PathBeside.of(_path([0.0, 0.5, 2.0]), 1, 0.0)
    assert path.near(5, time_lsl=0.4, window_s=10) == ()
    (growing,) = path.near(5, time_lsl=0.75, window_s=10)
    assert growing.opacity == 1.0 and growing.radius_px == pytest.approx(14.0)
    (old,) = path.near(5, time_lsl=6.5, window_s=10)
    assert old.opacity == pytest.approx(0.5)
    assert path.near(5, time_lsl=11.5, window_s=10) == ()


def test_the_slice_trace_is_a_step_line() -> None:
    times, slices = PathBeside.of(_path([0.0, 0.5, 2.0]), 1, 1.0).slice_trace()
    assert times.tolist() == [1.0, 1.25, 1.5, 2.5, 3.0, 3.5]
    assert slices.tolist() == [0, 0, 5, 5, 9, 9]
