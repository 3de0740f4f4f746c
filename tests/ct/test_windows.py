"""VOI formulas against numbers worked out by hand, the display table, the automatic window and the preset table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.ct import VoiWindow, load_series
from ctgaze_app.ct.windows import apply_window, auto_window, load_presets, window_lut
from tests.factories.dicom_series import write_series


def test_linear_uses_centre_minus_half_and_width_minus_one() -> None:
    # PS3.3 C.11.2.1.2.1, its own example: c = 2048, w = 4096 makes 0 black and 4095 white.
    window = VoiWindow(2048, 4096)
    assert apply_window([-1, 0, 4095, 5000], window).tolist() == [0, 0, 255, 255]
    # y = ((x - (c - 0.5)) / (w - 1) + 0.5) * 255 for c = 40, w = 80: x = 40 gives 129.11, not 127.5.
    assert apply_window([0, 1, 40, 78, 79, 80], VoiWindow(40, 80)).tolist() == [0, 3, 129, 252, 255, 255]


def test_linear_exact_uses_centre_and_width_as_they_are() -> None:
    window = VoiWindow(40, 80, function="LINEAR_EXACT")
    assert apply_window([0, 40, 60, 80], window).tolist() == [0, 128, 191, 255]


def test_sigmoid_is_half_at_the_centre_and_follows_its_formula() -> None:
    window = VoiWindow(0, 100, function="SIGMOID")
    expected = [round(255 / (1 + np.exp(-4 * x / 100))) for x in (-50, 25, 100)]
    assert apply_window([-50, 25, 100], window).tolist() == expected
    assert apply_window(-32768, VoiWindow(0, 1, function="SIGMOID")) == 0


@pytest.mark.parametrize("width", [1.0, 0.2, -5.0])
def test_width_under_one_is_a_step_not_an_inversion(width: float) -> None:
    assert apply_window([39, 40, 41], VoiWindow(40, width)).tolist() == [0, 255, 255]


def test_inversion_mirrors_grey_levels() -> None:
    values = np.arange(-200, 300)
    window = VoiWindow(40, 400)
    assert np.array_equal(apply_window(values, window, invert=True), 255 - apply_window(values, window))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_table_equals_the_formula_for_every_int16(function: str) -> None:
    window = VoiWindow(-600, 1500, function=function)  # type: ignore[arg-type]
    values = np.arange(-32768, 32768).astype(np.int16)
    assert np.array_equal(window_lut(window)[values.view(np.uint16)], apply_window(values, window))


def test_automatic_window_leaves_padding_out(tmp_path: Path) -> None:
    hu = np.tile(np.linspace(-500, 499, 64).round().astype(int), (4, 64, 1))
    write_series(tmp_path, slices=4, pixels=hu, padding_stored=-2000, signed=True, intercept=0.0)
    volume = load_series(tmp_path)
    window = auto_window(volume)
    assert window.centre == pytest.approx(-0.5, abs=1)
    assert window.width == pytest.approx(999, abs=4)
    assert auto_window(replace(volume, padding=None)).width > 2000


def test_preset_keys_hold_the_radiological_windows() -> None:
    table = [
        (key, preset if isinstance(preset, str) else (preset.width, preset.centre)) for key, preset in load_presets()
    ]
    assert table == [
        ("0", "auto"),
        ("1", "dicom"),
        ("2", (1500, -600)),
        ("3", (350, 50)),
        ("4", (400, 40)),
        ("5", (150, 90)),
        ("6", (1800, 400)),
        ("7", (80, 40)),
        ("8", (200, 75)),
        ("9", (600, 200)),
    ]
