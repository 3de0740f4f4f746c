"""Every known sender's stream is read with the right channels and units, and doubts are said."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.dialects import EyeChannels, GazeLayout, guess_layout, samples_from_channels
from ctgaze_app.acquisition.trackers.outlet import channel_table
from ctgaze_app.errors import StreamError

SCREEN = ScreenGeometry(1920, 1080, 528, 297, 650)
SCREEN_PX = (1920, 1080)


def stream_xml(
    channels: list[dict[str, str]] | list[str], *, name: str = "Tracker", extra: str = "", unit: str = ""
) -> str:
    """A stream's description as liblsl writes it."""
    described = [{"label": one, "unit": unit} if isinstance(one, str) else one for one in channels]
    rows = "".join(
        "<channel>" + "".join(f"<{key}>{value}</{key}>" for key, value in one.items()) + "</channel>"
        for one in described
    )
    return (
        f'<?xml version="1.0"?><info><name>{name}</name><type>Gaze</type>'
        f"<channel_count>{len(described)}</channel_count><desc>{extra}<channels>{rows}</channels></desc></info>"
    )


def observed(columns: int, low: float, high: float) -> np.ndarray:
    return np.tile(np.linspace(low, high, 200)[:, None], (1, columns))


OURS = stream_xml(
    [{key: str(value) for key, value in channel.items()} for channel in channel_table(("left", "right"))],
    name="CTGaze Simulated Tracker 1",
    extra="<manufacturer>CTGaze</manufacturer><display><width_px>1920</width_px><height_px>1080</height_px></display>",
)
TITTA = stream_xml(
    [
        {
            "label": f"{axis}.position_on_display_area.gaze_point.{eye}_eye",
            "type": f"Screen{axis.upper()}",
            "unit": "normalized",
        }
        for eye in ("left", "right")
        for axis in ("x", "y")
    ]
    + [{"label": f"valid.gaze_point.{eye}_eye", "unit": "bool"} for eye in ("left", "right")]
    + [{"label": f"diameter.pupil.{eye}_eye", "unit": "mm"} for eye in ("left", "right")]
)
TOBII_PRO = stream_xml(
    [
        {"label": f"{eye}_{what}", "unit": "mm" if what == "pupil" else "screencoords"}
        for eye in ("left", "right")
        for what in ("x", "y", "pupil")
    ],
    name="Tobii",
)
GAZEPOINT_OLD = stream_xml(
    ["FPOGX", "FPOGY", "FPOGS", "FPOGD", "FPOGID", "FPOGV"], name="GazepointEyeTracker", unit="percent"
)
GAZEPOINT_NEW = stream_xml(
    [
        "CNT",
        "LPOGX",
        "LPOGY",
        "LPOGV",
        "RPOGX",
        "RPOGY",
        "RPOGV",
        "BPOGX",
        "BPOGY",
        "BPOGV",
        "LPMM",
        "RPMM",
        "FPOGX",
        "FPOGY",
    ]
)
PYETA = stream_xml(
    [
        "timestamp",
        "left_gaze_x",
        "left_gaze_y",
        "right_gaze_x",
        "right_gaze_y",
        "left_pupil_diameter",
        "right_pupil_diameter",
    ],
    unit="normalized",
)
XDF_WIKI = stream_xml(
    [
        {"label": f"Screen_{axis}_{eye}", "type": f"Screen{axis}", "eye": eye, "unit": "pixels"}
        for eye in ("left", "right")
        for axis in ("X", "Y")
    ]
)
GENERIC = stream_xml(["x", "y"])
BY_TYPE_ONLY = stream_xml(
    [
        {"label": "a", "metatype": "ScreenX", "eye": "both"},
        {"label": "b", "metatype": "ScreenY", "eye": "both"},
        {"label": "c", "type": "Confidence", "eye": "both"},
    ]
)


@pytest.mark.parametrize(
    ("xml", "columns", "seen", "dialect", "unit", "eyes"),
    [
        (OURS, 9, (0, 1), "ctgaze", "normalized", {"left": (0, 1, 2, 3), "right": (4, 5, 6, 7)}),
        (TITTA, 8, (0, 1), "titta", "normalized", {"left": (0, 1, 4, 6), "right": (2, 3, 5, 7)}),
        (TOBII_PRO, 6, (0, 1), "app_tobiipro", "normalized", {"left": (0, 1, None, 2), "right": (3, 4, None, 5)}),
        (GAZEPOINT_OLD, 6, (0, 1), "gazepoint_fixation", "normalized", {"combined": (0, 1, 5, None)}),
        (
            GAZEPOINT_NEW,
            14,
            (0, 1),
            "gazepoint",
            "normalized",
            {"left": (1, 2, 3, 10), "right": (4, 5, 6, 11), "combined": (7, 8, 9, None)},
        ),
        (PYETA, 7, (0, 1), "pyeta", "normalized", {"left": (1, 2, None, 5), "right": (3, 4, None, 6)}),
        (XDF_WIKI, 4, (5, 1060), "xdf", "pixel", {"left": (0, 1, None, None), "right": (2, 3, None, None)}),
        (GENERIC, 2, (5, 1060), "generic", "pixel", {"combined": (0, 1, None, None)}),
        (BY_TYPE_ONLY, 3, (0, 1), "xdf", "normalized", {"combined": (0, 1, 2, None)}),
    ],
)
def test_each_dialect_is_read_with_its_channels_and_unit(xml, columns, seen, dialect, unit, eyes) -> None:
    layout = guess_layout(xml, observed(columns, *seen), SCREEN_PX)
    assert layout.dialect == dialect
    assert layout.unit == unit
    assert {eye: (one.x, one.y, one.validity, one.pupil) for eye, one in layout.eyes.items()} == eyes


def test_our_own_stream_is_read_without_a_doubt() -> None:
    layout = guess_layout(OURS, observed(9, 0.1, 0.9), SCREEN_PX)
    assert (layout.frame_number, layout.pupil_unit, layout.warnings) == (8, "mm", [])
    assert guess_layout(OURS).warnings == []


def test_zero_means_missing_for_gazepoint_only() -> None:
    assert guess_layout(GAZEPOINT_OLD).zero_means_missing and guess_layout(GAZEPOINT_NEW).zero_means_missing
    assert not guess_layout(TITTA).zero_means_missing
    assert "fixations" in guess_layout(GAZEPOINT_OLD, observed(6, 0, 1)).warnings[0]


@pytest.mark.parametrize(
    ("unit", "seen", "expected", "doubt"),
    [
        ("normalized", (0.0, 1.0), "normalized", ""),
        ("screencoords", (0.0, 1.0), "normalized", ""),
        ("pixels", (0.01, 1.0), "normalized", "look like shares"),
        ("", (0.01, 1.0), "normalized", "look like shares"),
        ("pixels", (3.0, 1500.0), "pixel", ""),
        ("normalized", (3.0, 1500.0), "pixel", "read as pixels"),
        ("pixels", (3.0, 3800.0), "pixel", "scale factor"),
        ("", None, "normalized", "not yet checked"),
        ("pixels", None, "pixel", "not yet checked"),
    ],
)
def test_units_follow_what_arrives_and_doubts_are_said(unit, seen, expected, doubt) -> None:
    values = None if seen is None else observed(4, *seen)
    layout = guess_layout(stream_xml(["left_x", "left_y", "right_x", "right_y"], unit=unit), values, SCREEN_PX)
    assert layout.unit == expected
    assert (doubt in layout.warnings[0]) if doubt else layout.warnings == []


def test_percent_that_reaches_100_is_read_as_hundredths() -> None:
    layout = guess_layout(stream_xml(["FPOGX", "FPOGY"], unit="percent"), observed(2, 1, 99), SCREEN_PX)
    samples = samples_from_channels(np.array([[50.0, 25.0]]), np.zeros(1), np.zeros(1), layout, SCREEN)
    assert samples.eyes["combined"].norm.tolist() == [[0.5, 0.25]]


def test_pixels_from_the_centre_are_recognised() -> None:
    values = np.column_stack([np.linspace(-900, 900, 300), np.linspace(-500, 500, 300)])
    layout = guess_layout(stream_xml(["x", "y"], unit="pixels"), values, SCREEN_PX)
    samples = samples_from_channels(np.array([[-960.0, 540.0]]), np.zeros(1), np.zeros(1), layout, SCREEN)
    assert samples.eyes["combined"].norm.tolist() == [[0.0, 1.0]]
    assert any("centre" in warning for warning in layout.warnings)


@pytest.mark.parametrize(
    "xml",
    [
        stream_xml(["x", "y"], name="pupil_labs_Gaze"),
        stream_xml(["x", "y"], name="Neon3_Neon Gaze"),
        stream_xml(["confidence", "norm_pos_x", "norm_pos_y"], name="relay"),
        stream_xml(
            [{"label": "x", "metatype": "ScreenX", "coordinate_system": "world"}, {"label": "y", "metatype": "ScreenY"}]
        ),
    ],
)
def test_scene_camera_streams_are_refused(xml: str) -> None:
    with pytest.raises(StreamError, match="scene camera"):
        guess_layout(xml, observed(3, 0, 1000), SCREEN_PX)


def test_streams_without_gaze_and_broken_descriptions_are_refused() -> None:
    with pytest.raises(StreamError, match="no channels with gaze"):
        guess_layout(stream_xml(["trigger", "temperature"]))
    with pytest.raises(StreamError, match="no XML"):
        guess_layout("not xml")
    with pytest.raises(StreamError, match="fewer channels"):
        guess_layout(stream_xml(["x", "y"]), observed(1, 0, 1))


def test_missing_codes_and_impossible_places_are_invalid() -> None:
    layout = GazeLayout(
        dialect="x",
        eyes={"left": EyeChannels(x=0, y=1, validity=2, pupil=3)},
        unit="pixel",
        width_px=1920,
        height_px=1080,
    )
    rows = [
        ([960, 540, 1, 3.0], True),
        ([np.nan, 540, 1, 3.0], False),
        ([2147483647, 540, 1, 3.0], False),
        ([np.float64(np.float32(2147483647)), 540, 1, 3.0], False),
        ([4294960000, 540, 1, 3.0], False),
        ([960, 4294967295, 1, 3.0], False),
        ([960, 540, 0, 3.0], False),
        ([960, 540, np.nan, 3.0], False),
        ([0, 0, 1, 3.0], True),
        ([-1919, -1079, 1, 3.0], True),
        ([-1921, 540, 1, 3.0], False),
        ([960, 2161, 1, 3.0], False),
    ]
    values = np.array([row for row, _ in rows], dtype=float)
    eye = samples_from_channels(values, np.arange(12.0), np.arange(12.0), layout, SCREEN).eyes["left"]
    assert eye.valid.tolist() == [good for _, good in rows]
    assert np.isnan(eye.norm[~eye.valid]).all()
    assert eye.norm[0].tolist() == [0.5, 0.5]


def test_a_zero_pair_is_missing_where_the_layout_says_so() -> None:
    layout = GazeLayout(
        dialect="x", eyes={"combined": EyeChannels(x=0, y=1)}, unit="normalized", zero_means_missing=True
    )
    eye = samples_from_channels(np.array([[0, 0], [0, 0.5]]), np.zeros(2), np.zeros(2), layout, SCREEN).eyes["combined"]
    assert eye.valid.tolist() == [False, True]


def test_frames_stamps_pupil_and_upward_axis_are_kept() -> None:
    layout = GazeLayout(
        dialect="x", eyes={"right": EyeChannels(x=0, y=1, pupil=2)}, unit="normalized", y_up=True, frame_number=3
    )
    values = np.array([[0.25, 0.25, 3.5, 7.0], [0.5, 0.5, -1.0, 2.0**40]])
    samples = samples_from_channels(values, np.array([1.0, 2.0]), np.array([1.5, 2.5]), layout, SCREEN)
    assert samples.frame is not None and samples.frame.tolist() == [7, 2**40]
    assert samples.time_raw.tolist() == [1.0, 2.0] and samples.time_lsl.tolist() == [1.5, 2.5]
    assert samples.eyes["right"].norm.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert samples.eyes["right"].pupil[0] == 3.5 and np.isnan(samples.eyes["right"].pupil[1])
