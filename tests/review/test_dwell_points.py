from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.geometry import ScreenGeometry
from ctgaze_app.review.dwell_points import (
    dwell_points_of_samples,
    dwell_points_of_segments,
    merged_in_cells,
    sample_seconds,
    voxel_covariance_per_deg2,
)
from tests.review.gaze_scene import SCREEN, axial_map, dwell_points, painted, track

SHAPE = (10, 40, 50)
LATENCY_S = 0.02
NO_ROWS = {name: [] for name in ("fixation", "onset_s", "onset_lsl", "pane")}


def tables(**segment_changes: object) -> tuple[dict[str, object], dict[str, object]]:
    """One fixation from LSL 100.1 for 0.4 s: first half on slice 3, second half on slice 4."""
    fixations = {"fixation": [7], "onset_s": [0.08], "onset_lsl": [100.1], "pane": [0]}
    segments = {
        "fixation": [7, 7], "series": [0, 0], "slice_index": [3, 4], "onset_s": [0.08, 0.28], "offset_s": [0.28, 0.48],
        "duration_s": [0.2, 0.2], "x_voxel": [10.0, 11.0], "y_voxel": [5.0, 6.0],
    }  # fmt: skip
    return fixations, {**segments, **segment_changes}


VIEWS = track([(100.0, painted(1, 3, zoom=8.0)), (100.28, painted(2, 4, zoom=4.0))])


def test_each_segment_takes_the_zoom_of_the_view_in_its_middle() -> None:
    points = dwell_points_of_segments(*tables(), VIEWS, SCREEN, SHAPE, display_latency_s=LATENCY_S)
    assert points.slice_index.tolist() == [3, 4]
    assert points.seconds.tolist() == [0.2, 0.2]
    assert points.owner.tolist() == [7, 7]
    assert points.view_maps[points.view][:, 0, 0].tolist() == [1 / 8, 1 / 4]
    # Voxel (10, 5) drawn at 8 pixels a voxel from (700, 300): the middle of its square.
    assert points.screen_px.tolist() == [[700 + 10.5 * 8, 300 + 5.5 * 8], [700 + 11.5 * 4, 300 + 6.5 * 4]]
    assert sum(points.left_out_s.values()) == 0


@pytest.mark.parametrize(
    ("changes", "views", "reason"),
    [
        ({"x_voxel": [10.0, np.nan]}, VIEWS, "off_image"),
        ({"slice_index": [3, -1]}, VIEWS, "off_image"),
        ({"x_voxel": [10.0, 5000.0]}, VIEWS, "off_image"),
        ({"y_voxel": [5.0, -2.0]}, VIEWS, "off_image"),
        ({"series": [0, 1]}, VIEWS, "other_series"),
        ({"slice_index": [3, 5]}, VIEWS, "no_view"),
        ({}, track([(100.0, painted(1, 3)), (100.28, painted(2, 4, slab_mm=9, projection=1))]), "slab"),
        (
            {},
            track(
                [
                    (100.0, painted(1, 3)),
                    (100.28, painted(2, 4, view_map=np.array([[0.1, 0, 0], [0, 0, 4], [0, 0.1, 0.0]]))),
                ]
            ),
            "other_plane",
        ),
    ],
)
def test_a_row_without_a_voxel_of_the_series_is_left_out_and_its_seconds_are_said(
    changes: dict[str, object], views: object, reason: str
) -> None:
    points = dwell_points_of_segments(*tables(**changes), views, SCREEN, SHAPE, display_latency_s=LATENCY_S)  # type: ignore[arg-type]
    assert points.slice_index.tolist() == [3]
    assert points.left_out_s[reason] == pytest.approx(0.2)
    assert points.total_s + sum(points.left_out_s.values()) == pytest.approx(0.4)


def test_a_slab_counts_when_asked() -> None:
    views = track([(100.0, painted(1, 3)), (100.28, painted(2, 4, slab_mm=9, projection=1))])
    points = dwell_points_of_segments(*tables(), views, SCREEN, SHAPE, display_latency_s=LATENCY_S, include_slabs=True)
    assert points.slice_index.tolist() == [3, 4]


def test_a_trial_without_fixations_has_no_rows() -> None:
    _, segments = tables()
    points = dwell_points_of_segments(
        NO_ROWS, {name: [] for name in segments}, VIEWS, SCREEN, SHAPE, display_latency_s=LATENCY_S
    )
    assert len(points) == 0
    assert points.total_s == 0


def test_tables_of_several_trials_or_of_different_ones_are_refused() -> None:
    fixations, segments = tables()
    twice = {name: [*values, *values] for name, values in fixations.items()}  # type: ignore[misc]
    with pytest.raises(ValueError, match="one trial"):
        dwell_points_of_segments(twice, segments, VIEWS, SCREEN, SHAPE, display_latency_s=LATENCY_S)
    for other in ({**fixations, "fixation": [8]}, NO_ROWS):
        with pytest.raises(ValueError, match="not among the fixations"):
            dwell_points_of_segments(other, segments, VIEWS, SCREEN, SHAPE, display_latency_s=LATENCY_S)


def test_samples_last_until_the_next_and_a_gap_is_no_dwell() -> None:
    times = np.array([0.0, 0.01, 0.02, 0.52, 0.53])
    assert sample_seconds(times).tolist() == pytest.approx([0.01, 0.01, 0.02, 0.01, 0.01])
    assert sample_seconds([1.0]).tolist() == [0.0]


def test_samples_find_their_view_by_paint() -> None:
    gaze = {
        "onset_s": [0.0, 0.01, 0.02, 0.03], "x_screen_px": [800.0] * 4, "y_screen_px": [400.0] * 4,
        "paint": [1, 2, 2, 9], "pane": [0] * 4, "series": [0] * 4, "slice_index": [3, 4, 4, 4],
        "x_voxel": [12.0, 24.5, np.nan, 24.5], "y_voxel": [12.0, 24.5, 24.5, 24.5],
        "on_image": [True, True, False, True],
    }  # fmt: skip
    points = dwell_points_of_samples(gaze, VIEWS, SCREEN, SHAPE)
    assert points.slice_index.tolist() == [3, 4]
    assert points.view.tolist() == [0, 1]
    assert points.left_out_s["off_image"] == pytest.approx(0.01)
    assert points.left_out_s["no_view"] == pytest.approx(0.01)


def test_merging_keeps_the_seconds_and_moves_no_row_farther_than_a_cell() -> None:
    random = np.random.default_rng(3)
    rows = [(i, j, 2, 0.001) for i, j in random.uniform(5, 15, (400, 2))]
    points = replace(dwell_points(rows, SHAPE), view=np.zeros(400, dtype=np.intp))
    merged = merged_in_cells(points, 0.2)
    cell_px = 0.2 * SCREEN.px_per_deg()
    assert len(merged) < 120
    assert merged.total_s == pytest.approx(points.total_s, abs=1e-12)
    distance = np.linalg.norm(points.screen_px[:, None] - merged.screen_px[None], axis=2)
    assert distance.min(axis=1).max() <= cell_px * np.sqrt(2)
    mean = (merged.voxel_ij * merged.seconds[:, None]).sum(axis=0) / merged.total_s
    assert mean.tolist() == pytest.approx(points.voxel_ij.mean(axis=0).tolist())


def test_one_degree_at_the_centre_is_the_screen_s_own_pixels_over_the_zoom() -> None:
    square = ScreenGeometry(1000, 1000, 300.0, 300.0, 600.0)
    # The picture's corner is at (700, 300): voxel (-41.17, 32.83) at zoom 6 is the screen's centre.
    points = dwell_points([(-100 / 3 - 0.5, 100 / 3 - 0.5, 0, 1.0)], SHAPE, zoom=6.0, screen=square)
    assert points.screen_px[0].tolist() == pytest.approx([500, 500])
    px = np.radians(1.0) * 600 / 0.3
    assert voxel_covariance_per_deg2(points)[0] == pytest.approx(np.diag([(px / 6) ** 2] * 2))


def test_the_covariance_is_that_of_points_one_degree_around_the_line_of_sight() -> None:
    points = dwell_points([(30.0, 20.0, 0, 1.0)], SHAPE, zoom=20.0, turn_deg=30.0)
    small = 1e-3
    centre = SCREEN.px_to_vector(points.screen_px[0])
    side = np.cross(centre, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(centre, side)
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    ring = centre + np.tan(np.radians(small)) * (np.outer(np.cos(angles), side) + np.outer(np.sin(angles), up))
    mm = ring[:, :2] / ring[:, 2:] * SCREEN.distance_mm + (SCREEN.width_mm / 2, SCREEN.height_mm / 2)
    px = mm / SCREEN.mm_per_px
    ij = (np.column_stack([px, np.ones(len(px))]) @ axial_map(0, 20.0, turn_deg=30.0).T)[:, :2]
    # A ring of radius 1 has covariance 1/2 in each direction.
    expected = 2 * np.cov(ij.T, ddof=0) / small**2
    assert voxel_covariance_per_deg2(points)[0] == pytest.approx(expected, rel=1e-3)
