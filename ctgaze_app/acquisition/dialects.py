"""How a gaze stream's channels are read: which eye, which unit, which way is up.

Senders disagree with the XDF gaze convention and with themselves (reference/eye_tracking.md 2.1): units are decided
from the declared unit and what arrives, and every doubt becomes a warning for the coordinator who confirms the guess.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.stream_channels import (
    NAMINGS,
    Channel,
    Eye,
    StreamDescription,
    eye_of,
    read_description,
)
from ctgaze_app.errors import StreamError
from ctgaze_app.gaze.samples import EyeSamples, GazeSamples

INT32_MAX = 2147483647.0
WRAPPED_NEGATIVE = (4294960000.0, 4294967296.0)
"""Small negative int32 read as uint32 (2^32 included: what 4294967295 becomes as float32); seen in real recordings."""
OFF_SCREEN_NORM = (-1.0, 2.0)
"""Gaze further out than one screen on any side is no gaze."""

_NORMALIZED_UNITS = ("normalized", "normalised", "norm", "screencoords", "percent", "adcs", "relative", "fraction")
_PIXEL_UNITS = ("pixel", "pixels", "px")
_LARGEST_NORMALIZED = 3.0
"""Observed values beyond this are no shares of a screen."""


class EyeChannels(BaseModel):
    """Channel numbers (from 0) of one eye; None where the stream has no such channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: int
    y: int
    validity: int | None = None
    pupil: int | None = None


class GazeLayout(BaseModel):
    """The reading of one stream, guessed by `guess_layout`, confirmed by the coordinator, stored in session.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dialect: str
    eyes: dict[Literal["left", "right", "combined"], EyeChannels]
    unit: Literal["normalized", "pixel"]
    y_up: bool = False
    pupil_unit: str = ""
    frame_number: int | None = None
    zero_means_missing: bool = False
    width_px: int | None = Field(default=None, description="screen size that pixels refer to")
    height_px: int | None = None
    origin_px: tuple[float, float] = (0.0, 0.0)
    warnings: list[str] = []


def guess_layout(
    info_xml: str, observed: NDArray[np.float64] | None = None, screen_px: tuple[int, int] | None = None
) -> GazeLayout:
    """How to read a stream.

    Parameters
    ----------
    info_xml
        The stream's full description, as liblsl gives it.
    observed
        (N, C) samples that have arrived, to check units against; None before any has.
    screen_px
        Width and height of the tracked monitor, for streams in pixels that do not state theirs.

    Raises
    ------
    StreamError
        For a scene camera's stream, one without gaze channels, or one with fewer channels than described.
    """
    stream = read_description(info_xml)
    _refuse_scene_camera(stream)
    dialect, eyes = _find_eyes(stream)
    warnings: list[str] = []
    gaze_channels = sorted({number for eye in eyes.values() for number in (eye.x, eye.y)})
    by_number = {channel.number: channel for channel in stream.channels}
    declared = {by_number[number].unit for number in gaze_channels if by_number[number].unit}
    seen = None if observed is None else _plausible(np.asarray(observed, dtype=np.float64), gaze_channels)
    unit, size = _decide_unit(declared, seen, stream.display_px or screen_px, warnings)
    if stream.display_px and screen_px and stream.display_px != screen_px and unit == "pixel":
        warnings.append(f"the sender's screen is {_by(stream.display_px)} px, the tracked monitor {_by(screen_px)} px")
    if dialect == "gazepoint_fixation":
        warnings.append("the sender filters to fixations and stamps on arrival: saccades and latency are not true")
    return GazeLayout(
        dialect=dialect,
        eyes=eyes,
        unit=unit,
        y_up=any("bottom" in by_number[number].coordinate_system for number in gaze_channels),
        pupil_unit=next((by_number[eye.pupil].unit for eye in eyes.values() if eye.pupil is not None), ""),
        frame_number=_frame_number(stream),
        zero_means_missing=dialect.startswith("gazepoint"),
        width_px=size[0] if size else None,
        height_px=size[1] if size else None,
        origin_px=_origin_px(unit, size, observed, eyes, warnings),
        warnings=warnings,
    )


def samples_from_channels(
    values: NDArray[np.float64],
    time_raw: NDArray[np.float64],
    time_lsl: NDArray[np.float64],
    layout: GazeLayout,
    geometry: ScreenGeometry,
) -> GazeSamples:
    """Gaze out of (N, C) channel values; what is missing, marked invalid or impossible is NaN and not valid.

    `geometry` gives the screen's size in pixels where the layout has none; `time_raw` and `time_lsl` are (N,).
    """
    values = np.asarray(values, dtype=np.float64).reshape(len(time_raw), -1)
    size = np.array([layout.width_px or geometry.width_px, layout.height_px or geometry.height_px], dtype=np.float64)
    eyes = {str(eye): _eye_samples(values, channels, layout, size) for eye, channels in layout.eyes.items()}
    frame = None
    if layout.frame_number is not None:
        frame = np.nan_to_num(values[:, layout.frame_number], nan=-1.0).astype(np.int64)
    return GazeSamples(np.asarray(time_raw, dtype=np.float64), np.asarray(time_lsl, dtype=np.float64), eyes, frame)


def _eye_samples(
    values: NDArray[np.float64], channels: EyeChannels, layout: GazeLayout, size: NDArray[np.float64]
) -> EyeSamples:
    raw = values[:, [channels.x, channels.y]]
    valid: NDArray[np.bool_] = np.asarray(~_is_sentinel(raw).any(axis=1))
    if layout.zero_means_missing:
        valid &= ~(raw == 0.0).all(axis=1)
    norm = raw if layout.unit == "normalized" else (raw + layout.origin_px) / size
    if layout.y_up:
        norm = np.column_stack([norm[:, 0], 1.0 - norm[:, 1]])
    with np.errstate(invalid="ignore"):
        valid &= ((norm >= OFF_SCREEN_NORM[0]) & (norm <= OFF_SCREEN_NORM[1])).all(axis=1)
        if channels.validity is not None:
            valid &= values[:, channels.validity] >= 0.5
    pupil = np.full(len(values), np.nan)
    if channels.pupil is not None:
        sent = values[:, channels.pupil]
        with np.errstate(invalid="ignore"):
            pupil = np.where(~_is_sentinel(sent) & (sent > 0), sent, np.nan)
    return EyeSamples(np.where(valid[:, None], norm, np.nan), valid, pupil)


def _is_sentinel(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Not finite, or a number that some sender uses for "no gaze"."""
    with np.errstate(invalid="ignore"):
        int_max = (values == INT32_MAX) | (values == INT32_MAX + 1.0)  # as float32 it is one more
        wrapped = (values >= WRAPPED_NEGATIVE[0]) & (values <= WRAPPED_NEGATIVE[1])
    return np.asarray(~np.isfinite(values) | int_max | wrapped)


def _refuse_scene_camera(stream: StreamDescription) -> None:
    name = stream.name.lower()
    by_name = name.startswith(("pupil_labs", "pupil_capture", "pupil capture")) or name.endswith("_neon gaze")
    labels = {channel.label for channel in stream.channels}
    by_channels = {"norm_pos_x", "norm_pos_y"} <= labels or any(
        word in channel.coordinate_system for channel in stream.channels for word in ("world", "scene")
    )
    if by_name or by_channels or "pupil labs" in stream.manufacturer:
        raise StreamError(
            "this gaze is in a scene camera's picture, not on the screen",
            place=stream.name,
            remedy="use a screen-based tracker, or map the gaze to the screen first",
        )


def _find_eyes(stream: StreamDescription) -> tuple[str, dict[Eye, EyeChannels]]:
    """The first naming that gives at least one eye both axes; else the XDF types."""
    for dialect in dict.fromkeys(naming.dialect for naming in NAMINGS):
        roles: dict[tuple[Eye, str], int] = {}
        for naming in (naming for naming in NAMINGS if naming.dialect == dialect):
            for channel in stream.channels:
                match = naming.pattern.fullmatch(channel.label)
                if match is None:
                    continue
                found = match.groupdict()
                eye = eye_of(found.get("eye") or ("" if dialect != "xdf" else channel.eye))
                roles.setdefault((eye, found["axis"] if naming.role == "gaze" else naming.role), channel.number)
        eyes = _complete_eyes(roles)
        if eyes:
            return _refined(dialect, stream), eyes
    eyes = _complete_eyes(_roles_by_type(stream.channels))
    if eyes:
        return "xdf", eyes
    raise StreamError(
        "no channels with gaze on the screen",
        place=stream.name,
        remedy="choose another stream; its channels need labels or types as in the XDF gaze convention",
    )


def _complete_eyes(roles: dict[tuple[Eye, str], int]) -> dict[Eye, EyeChannels]:
    names: tuple[Eye, ...] = ("left", "right", "combined")
    return {
        eye: EyeChannels(
            x=roles[eye, "x"],
            y=roles[eye, "y"],
            validity=roles.get((eye, "validity")),
            pupil=roles.get((eye, "pupil")),
        )
        for eye in names
        if (eye, "x") in roles and (eye, "y") in roles
    }


def _roles_by_type(channels: tuple[Channel, ...]) -> dict[tuple[Eye, str], int]:
    role_of_type = {
        "screenx": "x",
        "screeny": "y",
        "confidence": "validity",
        "diameter": "pupil",
        "radius": "pupil",
        "diameterx": "pupil",
        "radiusx": "pupil",
    }
    roles: dict[tuple[Eye, str], int] = {}
    for channel in channels:
        if channel.type in role_of_type:
            roles.setdefault((eye_of(channel.eye), role_of_type[channel.type]), channel.number)
    return roles


def _refined(dialect: str, stream: StreamDescription) -> str:
    """Tell apart the senders that share the labels left_x, left_y, ..."""
    if dialect != "left_right":
        return dialect
    if stream.manufacturer == "ctgaze":
        return "ctgaze"
    if stream.name.lower().startswith("tobii") or any(channel.unit == "screencoords" for channel in stream.channels):
        return "app_tobiipro"
    return dialect


def _frame_number(stream: StreamDescription) -> int | None:
    labels = ("frame_number", "frame", "cnt")
    return next((one.number for one in stream.channels if one.type == "framenumber" or one.label in labels), None)


def _plausible(observed: NDArray[np.float64], channels: list[int]) -> NDArray[np.float64] | None:
    """1st and 99th percentile (2,) of the gaze channels without missing samples; None when nothing is left."""
    if observed.ndim != 2 or observed.shape[1] <= max(channels):
        raise StreamError("the stream has fewer channels than its description", remedy="choose another stream")
    gaze = observed[:, channels]
    gaze = gaze[~_is_sentinel(gaze) & (gaze != 0.0)]
    return np.percentile(gaze, [1, 99]) if len(gaze) else None


def _decide_unit(
    declared: set[str],
    seen: NDArray[np.float64] | None,
    screen_px: tuple[int, int] | None,
    warnings: list[str],
) -> tuple[Literal["normalized", "pixel"], tuple[int, int] | None]:
    """The unit, and the size in it of one screen when the unit is pixels."""
    says_normalized = any(unit in _NORMALIZED_UNITS for unit in declared)
    says_pixel = any(unit in _PIXEL_UNITS for unit in declared)
    said = " and ".join(sorted(declared)) or "nothing"
    if seen is None:
        if not (says_normalized and declared == {"normalized"}):
            warnings.append(f"the sender declares {said}; not yet checked against gaze")
        return ("pixel", screen_px) if says_pixel and not says_normalized else ("normalized", None)
    largest = float(np.abs(seen).max())
    if largest <= _LARGEST_NORMALIZED:
        if says_pixel or not says_normalized:
            warnings.append(f"the sender declares {said}, but values look like shares of the screen (0 to 1)")
        return "normalized", None
    if "percent" in declared and largest <= 100.0 * OFF_SCREEN_NORM[1]:
        return "pixel", (100, 100)
    if says_normalized or not says_pixel:
        warnings.append(f"the sender declares {said}, but values reach {largest:.0f}: read as pixels")
    if screen_px is None:
        warnings.append("pixels of which screen is not known: the tracked monitor's size is used")
    elif largest > 1.2 * max(screen_px):
        warnings.append(
            f"values reach {largest:.0f} on a screen of {_by(screen_px)} px: another monitor or scale factor?"
        )
    return "pixel", screen_px


def _origin_px(
    unit: str,
    size: tuple[int, int] | None,
    observed: NDArray[np.float64] | None,
    eyes: dict[Eye, EyeChannels],
    warnings: list[str],
) -> tuple[float, float]:
    """Where the sender's (0, 0) lies on the screen, pixels: its centre when x goes as far left as right."""
    if unit != "pixel" or size is None or observed is None:
        return 0.0, 0.0
    x = np.concatenate([observed[:, eye.x] for eye in eyes.values()])
    x = x[~_is_sentinel(x) & (x != 0.0)]
    if len(x) == 0:
        return 0.0, 0.0
    low, high = np.percentile(x, [1, 99])
    if low < -0.1 * size[0] and high <= 0.6 * size[0]:
        warnings.append("x is negative about as often as positive: read as pixels from the screen's centre")
        return size[0] / 2.0, size[1] / 2.0
    return 0.0, 0.0


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
