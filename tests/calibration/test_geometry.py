from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.geometry import ScreenGeometry
from tests.calibration.synthetic_gaze import MONITOR


def test_the_centre_is_straight_ahead_and_axes_point_right_and_down() -> None:
    assert MONITOR.px_to_deg([960.0, 540.0]).tolist() == [0.0, 0.0]
    right, down = MONITOR.px_to_deg([[1060.0, 540.0], [960.0, 640.0]])
    assert right.tolist() == pytest.approx([np.degrees(np.arctan(100 * 0.275 / 650.0)), 0.0])
    assert down.tolist() == pytest.approx([0.0, np.degrees(np.arctan(100 * 0.275 / 650.0))])


@given(x=st.floats(-500.0, 2500.0), y=st.floats(-500.0, 1600.0))
def test_pixels_to_degrees_and_norm_and_back(x: float, y: float) -> None:
    assert MONITOR.deg_to_px(MONITOR.px_to_deg([x, y])) == pytest.approx(np.array([x, y]), abs=1e-6)
    assert MONITOR.norm_to_px(MONITOR.px_to_norm([x, y])) == pytest.approx(np.array([x, y]), abs=1e-9)


def test_the_angle_between_points_is_that_of_their_lines_of_sight() -> None:
    corner = MONITOR.angle_between_deg([0.0, 540.0], [1920.0, 540.0])
    assert float(corner) == pytest.approx(2 * np.degrees(np.arctan(264.0 / 650.0)))
    assert float(MONITOR.angle_between_deg([5.0, 6.0], [5.0, 6.0])) == 0.0


def test_a_degree_at_the_centre_has_its_pixels() -> None:
    assert MONITOR.px_per_deg() == pytest.approx(650.0 * np.tan(np.radians(1.0)) / 0.275)


@pytest.mark.parametrize("wrong", [(0, 1, 1, 1, 1), (1, 1, -1, 1, 1), (1, 1, 1, 1, 0)])
def test_sizes_must_be_positive(wrong: tuple[int, int, float, float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        ScreenGeometry(*wrong)
