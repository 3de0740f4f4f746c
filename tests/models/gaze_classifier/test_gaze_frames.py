"""Fixations as frames: in time order, at the right place, as high as they are long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.gaze_classifier.gaze_frames import gaze_frames, gaze_map, placed
from models.gaze_classifier.settings import GazeClassifierSettings
from tests.models.gaze_classifier.saved_classifiers import gaze_at, tiny_settings

SETTINGS = tiny_settings("temporal", sigma=0.05)
SQUARE = (100, 100)


def test_a_frame_is_a_gaussian_of_the_given_width_at_its_fixation() -> None:
    frame = gaze_frames(placed(gaze_at((0.25, 0.75)), SQUARE, SETTINGS), 200, most_frames=8)[0]
    j, i = np.mgrid[0:200, 0:200]
    expected = np.exp(-((((i + 0.5) / 200 - 0.25) / 0.05) ** 2 + (((j + 0.5) / 200 - 0.75) / 0.05) ** 2) / 2)

    np.testing.assert_allclose(frame, expected / expected.max(), atol=1e-6)


def test_sigma_is_a_share_of_the_longer_side_and_the_same_length_down_and_across() -> None:
    fixations = placed(gaze_at((0.5, 0.5)), (50, 200), SETTINGS)

    assert fixations.sigma_xy_share == pytest.approx((0.05, 0.2))


def test_sigma_can_be_pixels_of_the_picture_as_it_was_taken() -> None:
    settings = tiny_settings("temporal", sigma=150.0, sigma_unit="native_px")

    assert placed(gaze_at((0.5, 0.5)), (3056, 2544), settings).sigma_xy_share == pytest.approx((150 / 2544, 150 / 3056))


def test_frames_follow_time_whatever_the_order_of_the_rows() -> None:
    gaze = PictureGaze(np.array([[0.9, 0.5], [0.1, 0.5]]), np.array([0.2, 0.2]), np.array([1.0, 0.0]))

    frames = gaze_frames(placed(gaze, SQUARE, SETTINGS), 40, most_frames=8)

    assert [int(frame.max(axis=0).argmax()) for frame in frames] in ([3, 35], [4, 36], [3, 36], [4, 35])


def test_without_onsets_the_rows_are_taken_as_in_order() -> None:
    gaze = replace(gaze_at((0.9, 0.5), (0.1, 0.5)), onset_s=np.full(2, np.nan))

    frames = gaze_frames(placed(gaze, SQUARE, SETTINGS), 40, most_frames=8)

    assert frames[0].max(axis=0).argmax() > frames[1].max(axis=0).argmax()


def test_a_frame_is_as_high_as_its_fixation_is_long_and_by_count_always_one() -> None:
    gaze = replace(gaze_at((0.2, 0.2), (0.8, 0.8)), duration_s=np.array([0.1, 0.4]))
    fixations = placed(gaze, SQUARE, SETTINGS)

    np.testing.assert_allclose(gaze_frames(fixations, 40, most_frames=8).max(axis=(1, 2)), [0.25, 1.0], rtol=1e-6)
    by_count = gaze_frames(fixations, 40, most_frames=8, weighting="count")
    np.testing.assert_allclose(by_count.max(axis=(1, 2)), [1.0, 1.0], rtol=1e-6)


def test_more_fixations_than_frames_share_frames_and_none_is_lost() -> None:
    points = [((n + 0.5) / 10, 0.5) for n in range(10)]
    fixations = placed(gaze_at(*points), SQUARE, tiny_settings("temporal", sigma=0.01))

    frames = gaze_frames(fixations, 100, most_frames=4)

    assert len(frames) == 4
    peaks = [np.flatnonzero(frame[49:51].max(axis=0) > 0.3 * frame.max()) // 10 for frame in frames]
    assert [sorted(set(found.tolist())) for found in peaks] == [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]]


def test_fixations_beside_the_picture_are_left_out_and_its_edges_belong_to_it() -> None:
    gaze = gaze_at((-0.01, 0.5), (0.0, 0.0), (1.0, 1.0), (0.5, 1.01))

    frames = gaze_frames(placed(gaze, SQUARE, SETTINGS), 20, most_frames=8)

    assert [np.unravel_index(frame.argmax(), frame.shape) for frame in frames] == [(0, 0), (19, 19)]


def test_nobody_looking_gives_no_frame_and_an_empty_map() -> None:
    fixations = placed(gaze_at((2.0, 2.0)), SQUARE, SETTINGS)

    assert gaze_frames(fixations, 20, most_frames=8).shape == (0, 20, 20)
    assert gaze_map(fixations, 20).tolist() == np.zeros((20, 20)).tolist()


def test_the_map_weighs_durations_and_its_largest_value_is_one() -> None:
    gaze = replace(gaze_at((0.2, 0.5), (0.8, 0.5)), duration_s=np.array([0.1, 0.4]))

    whole = gaze_map(placed(gaze, SQUARE, SETTINGS), 100)

    assert whole.max() == 1.0
    assert whole[50, 20] == pytest.approx(0.25, abs=0.01)


def test_a_gaussian_narrower_than_a_pixel_is_its_pixel() -> None:
    settings = GazeClassifierSettings(kind="temporal", labels=("a",), sigma=1e-4)

    frame = gaze_frames(placed(gaze_at((0.5, 0.26)), SQUARE, settings), 10, most_frames=1)[0]

    assert frame.sum() == 1.0
    assert frame[2, 5] == 1.0


def test_fixations_that_last_no_time_still_are_frames() -> None:
    frames = gaze_frames(placed(gaze_at((0.5, 0.5), duration_s=0.0), SQUARE, SETTINGS), 20, most_frames=4)

    assert frames.max() == 1.0


@pytest.mark.parametrize(
    ("gaze", "said"),
    [
        (PictureGaze(np.zeros((2, 2)), np.zeros(1), np.zeros(2)), "2 places, 1 durations, 2 onsets"),
        (PictureGaze(np.full((1, 2), np.nan), np.zeros(1), np.zeros(1)), "no number"),
        (PictureGaze(np.zeros((1, 2)), np.array([-0.1]), np.zeros(1)), "no number"),
    ],
)
def test_gaze_that_is_none_is_one_line(gaze: PictureGaze, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        placed(gaze, SQUARE, SETTINGS)
    assert "\n" not in str(caught.value)
