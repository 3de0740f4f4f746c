"""The words and lengths written over a slice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctgaze_app.ui.corner_text import position_text, scale_bar_mm, slice_position_mm, window_text
from ctgaze_app.ui.view_state import ViewState
from tests.factories.volumes import make_volume


def test_slice_position_and_zoom_are_written_as_n_of_n_with_units() -> None:
    volume = make_volume(slices=143, spacing_kji_mm=(2.5, 1.0, 1.0))
    assert position_text(volume, ViewState(slice_index=56), 1.94) == "im 57/143  z -40.0 mm  zoom 1.9"


def test_the_window_is_written_with_its_inversion() -> None:
    assert window_text(ViewState(window_centre=-600, window_width=1500)) == "W 1500 L -600"
    assert window_text(ViewState(window_centre=1.25, window_width=8.5, invert=True)) == "W 8.5 L 1.2  inverted"


def test_the_position_runs_along_the_patient_axis_across_the_slices() -> None:
    coronal = replace(make_volume(slices=3), plane=1)
    assert slice_position_mm(coronal, 0) == ("y", -20.0)
    oblique = replace(make_volume(slices=3), plane=3)
    axis, millimetres = slice_position_mm(oblique, 1)
    assert (axis, millimetres) == ("s", pytest.approx(98.0))


@pytest.mark.parametrize(
    ("mm_per_px", "expected"), [(1.0, 100.0), (0.35, 20.0), (0.5, 50.0), (2.0, 200.0), (0.001, 0.1), (0.049, 5.0)]
)
def test_scale_bars_have_round_lengths(mm_per_px: float, expected: float) -> None:
    assert scale_bar_mm(mm_per_px, 110.0) == pytest.approx(expected)


@given(st.floats(1e-4, 1e2), st.floats(30, 300))
def test_scale_bars_fill_at_least_two_fifths_of_their_room_and_never_leave_it(mm_per_px: float, room_px: float) -> None:
    length_px = scale_bar_mm(mm_per_px, room_px) / mm_per_px
    assert 0.399 * room_px <= length_px <= room_px * (1 + 1e-6)
    length_mm = scale_bar_mm(mm_per_px, room_px)
    mantissa = length_mm / 10 ** np.floor(np.log10(length_mm * (1 + 1e-9)))
    assert np.isclose(mantissa, (1, 2, 5)).any()
