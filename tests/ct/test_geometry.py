"""Geometry of stacks that are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.ct.geometry import Gap, find_gaps, measure_stack, plane_of, reading_normal, unit_directions
from tests.factories.dicom_series import slice_positions


@pytest.mark.parametrize(
    ("normal", "reading", "plane"),
    [
        ((0, 0, 1), (0, 0, -1), 0),
        ((0, 0, -1), (0, 0, -1), 0),
        ((0, -1, 0), (0, 1, 0), 1),
        ((-1, 0, 0), (1, 0, 0), 2),
        ((0, 0.7071, 0.7071), (0, 0.7071, 0.7071), 3),
    ],
)
def test_stacks_run_to_the_feet_the_back_and_the_left(
    normal: tuple[float, ...], reading: tuple[float, ...], plane: int
) -> None:
    assert reading_normal(np.array(normal, dtype=float)).tolist() == list(reading)
    assert plane_of(np.array(normal, dtype=float)) == plane


def test_regular_stack_has_the_affine_it_was_made_with() -> None:
    positions, row, column = slice_positions(5, distance=2.5)
    geometry = measure_stack(positions, row, column, (0.5, 0.75))
    expected = [[0.5, 0, 0, -20], [0, 0.75, 0, -30], [0, 0, -2.5, 100], [0, 0, 0, 1]]
    assert np.allclose(geometry.affine_lps, expected, atol=1e-12)
    assert (geometry.regular, geometry.tilt_deg, geometry.gaps, geometry.uneven) == (True, 0.0, (), False)


@pytest.mark.parametrize("tilt_deg", [-18.5, 5.0, 25.0])
def test_tilt_is_measured_from_positions(tilt_deg: float) -> None:
    positions, row, column = slice_positions(6, distance=4.0, tilt_deg=tilt_deg)
    geometry = measure_stack(positions, row, column, (0.5, 0.5))
    assert geometry.tilt_deg == pytest.approx(abs(tilt_deg), abs=1e-9)
    assert geometry.regular
    assert geometry.plane == 0
    assert geometry.distances_mm == pytest.approx(np.full(5, 4.0 * np.cos(np.deg2rad(tilt_deg))))


def test_gaps_are_whole_multiples_of_an_otherwise_even_distance() -> None:
    assert find_gaps(np.array([2.0, 2, 4, 2, 2, 8, 2])) == (Gap(2, 1), Gap(5, 3))
    assert find_gaps(np.array([2.0, 2, 3, 2, 2])) == ()
    assert find_gaps(np.array([4.0, 4, 4, 7, 7, 7])) == ()
    assert find_gaps(np.array([2.0, 4.0])) == ()


def test_a_single_slice_steps_by_its_thickness_towards_the_feet() -> None:
    positions, row, column = slice_positions(1)
    geometry = measure_stack(positions, row, column, (1.0, 1.0), single_step_mm=3.0)
    assert geometry.affine_lps[:3, 2].tolist() == [0, 0, -3]
    assert geometry.regular


@pytest.mark.parametrize("orientation", [(0, 0, 0, 0, 1, 0), (1, 0, 0, 1, 0, 0)])
def test_directions_that_span_no_plane_are_refused(orientation: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="direction"):
        unit_directions(orientation)
