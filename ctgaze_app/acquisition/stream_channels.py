"""What a gaze stream's own description says about its channels: labels, eyes, types, units, display.

The description is XML after the XDF "Gaze" content type (github.com/sccn/xdf/wiki/Gaze-Meta-Data); some senders write
`metatype` for `type`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from ctgaze_app.errors import StreamError

Eye = Literal["left", "right", "combined"]
Role = Literal["x", "y", "validity", "pupil"]


@dataclass(frozen=True)
class Channel:
    """One channel as described, every text in lower case."""

    number: int
    label: str
    eye: str
    type: str
    unit: str
    coordinate_system: str


@dataclass(frozen=True)
class StreamDescription:
    """A stream as described; `display_px` is None when the sender does not state its screen."""

    name: str
    type: str
    manufacturer: str
    channel_count: int
    channels: tuple[Channel, ...]
    display_px: tuple[int, int] | None


@dataclass(frozen=True)
class Naming:
    """One sender's way to name channels: a pattern over the label with the eye and role that it stands for.

    In `pattern`, group `eye` is left or right, or its letter l or r (absent or b: combined); group `axis` is x or y.
    """

    dialect: str
    role: Literal["gaze", "validity", "pupil"]
    pattern: re.Pattern[str]


def _naming(dialect: str, role: Literal["gaze", "validity", "pupil"], pattern: str) -> Naming:
    return Naming(dialect, role, re.compile(pattern))


NAMINGS: tuple[Naming, ...] = (
    _naming("titta", "gaze", r"(?P<axis>[xy])\.position_on_display_area\.gaze_point\.(?P<eye>left|right)_eye"),
    _naming("titta", "validity", r"valid\.gaze_point\.(?P<eye>left|right)_eye"),
    _naming("titta", "pupil", r"diameter\.pupil\.(?P<eye>left|right)_eye"),
    _naming("gazepoint", "gaze", r"(?P<eye>[lrb])pog(?P<axis>[xy])"),
    _naming("gazepoint", "validity", r"(?P<eye>[lrb])pogv"),
    _naming("gazepoint", "pupil", r"(?P<eye>[lr])pmm"),
    _naming("gazepoint_fixation", "gaze", r"fpog(?P<axis>[xy])"),
    _naming("gazepoint_fixation", "validity", r"fpogv"),
    _naming("pyeta", "gaze", r"(?P<eye>left|right)_gaze_(?P<axis>[xy])"),
    _naming("pyeta", "validity", r"(?P<eye>left|right)_gaze_valid(ity)?"),
    _naming("pyeta", "pupil", r"(?P<eye>left|right)_pupil_(diameter|size)"),
    _naming("xdf", "gaze", r"screen_(?P<axis>[xy])_(?P<eye>left|right)"),
    _naming("xdf", "gaze", r"screen_(?P<axis>[xy])(_both)?"),
    _naming("xdf", "pupil", r"(pupil|diameter|radius)(_x)?_(?P<eye>left|right)"),
    _naming("xdf", "validity", r"(confidence|validity)_(?P<eye>left|right)"),
    _naming("left_right", "gaze", r"(?P<eye>left|right)_(?P<axis>[xy])"),
    _naming("left_right", "validity", r"(?P<eye>left|right)_(validity|valid|confidence)"),
    _naming("left_right", "pupil", r"(?P<eye>left|right)_pupil"),
    _naming("generic", "gaze", r"(gaze|screen|pos)?[_ ]?(?P<axis>[xy])"),
    _naming("generic", "validity", r"valid|validity|confidence"),
    _naming("generic", "pupil", r"pupil(_?diameter|_size)?"),
)


def read_description(info_xml: str) -> StreamDescription:
    """Read a stream's XML.

    Raises
    ------
    StreamError
        When it is not the XML of a stream.
    """
    try:
        root = ElementTree.fromstring(info_xml)
    except ElementTree.ParseError as error:
        raise StreamError("the stream's description is no XML", remedy="choose another stream") from error
    channels = tuple(
        Channel(
            number=number,
            label=_text(element, "label").lower(),
            eye=_text(element, "eye").lower(),
            type=(_text(element, "type") or _text(element, "metatype")).lower(),
            unit=_text(element, "unit").lower(),
            coordinate_system=_text(element, "coordinate_system").lower(),
        )
        for number, element in enumerate(root.findall("./desc/channels/channel"))
    )
    counted = _text(root, "channel_count")
    return StreamDescription(
        name=_text(root, "name"),
        type=_text(root, "type"),
        manufacturer=(_text(root, "desc/manufacturer") or _text(root, "desc/acquisition/manufacturer")).lower(),
        channel_count=int(counted) if counted.isdecimal() else len(channels),
        channels=channels,
        display_px=_display_px(root),
    )


def eye_of(text: str) -> Eye:
    """The eye that `left`, `r`, `both`, ... means."""
    first = text[:1].lower()
    return "left" if first == "l" else "right" if first == "r" else "combined"


def _display_px(root: ElementTree.Element) -> tuple[int, int] | None:
    for width_path, height_path in (
        ("desc/display/width_px", "desc/display/height_px"),
        ("desc/display/resolution/X", "desc/display/resolution/Y"),
        ("desc/display/resolution_width", "desc/display/resolution_height"),
        ("desc/screen/width", "desc/screen/height"),
        ("desc/screen_width", "desc/screen_height"),
    ):
        try:
            width, height = int(float(_text(root, width_path))), int(float(_text(root, height_path)))
        except (ValueError, OverflowError):
            continue
        if width > 0 and height > 0:
            return width, height
    return None


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
