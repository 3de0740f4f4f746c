"""Monitors: physical pixels, size, scale factor and refresh, and the step from Qt's logical pixels to `screen_px`."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF
from PySide6.QtGui import QGuiApplication, QScreen

from ctgaze_app.study.session import ScreenRecord

DEFAULT_REFRESH_HZ = 60.0
ASSUMED_PITCH_MM = 25.4 / 96
"""Pixel pitch taken when a monitor reports no size: 96 pixels an inch, Qt's and Windows' own default."""

ASSUMED_DISTANCE_MM = 650.0
"""Viewing distance of a seated reader when nobody measured it: the middle of the usual 60 to 70 cm."""

_PLAUSIBLE_PITCH_MM = (0.05, 1.0)


def refresh_hz(screen: QScreen | None) -> float:
    """Refresh rate in Hz; 60 when the monitor does not tell."""
    rate = screen.refreshRate() if screen is not None else 0.0
    return rate if 20.0 <= rate <= 1000.0 else DEFAULT_REFRESH_HZ


def to_screen_px(screen: QScreen, global_logical: QPointF) -> tuple[float, float]:
    """Qt's global logical position to continuous physical pixels of that monitor (design: space)."""
    origin, scale = screen.geometry().topLeft(), screen.devicePixelRatio()
    return (global_logical.x() - origin.x()) * scale, (global_logical.y() - origin.y()) * scale


def from_screen_px(screen: QScreen, x_px: float, y_px: float) -> QPointF:
    """Inverse of `to_screen_px`."""
    origin, scale = screen.geometry().topLeft(), screen.devicePixelRatio()
    return QPointF(x_px / scale + origin.x(), y_px / scale + origin.y())


def size_px(screen: QScreen) -> tuple[int, int]:
    """Width and height in physical pixels."""
    size, scale = screen.geometry().size(), screen.devicePixelRatio()
    return round(size.width() * scale), round(size.height() * scale)


def reported_size_mm(screen: QScreen) -> tuple[float, float] | None:
    """Width and height in mm as the monitor tells them, or None when that cannot be true."""
    width_px, height_px = size_px(screen)
    size = screen.physicalSize()
    if size.isEmpty():
        return None
    pitches = size.width() / width_px, size.height() / height_px
    low, high = _PLAUSIBLE_PITCH_MM
    if not all(low <= pitch <= high for pitch in pitches) or not 0.8 <= pitches[0] / pitches[1] <= 1.25:
        return None
    return size.width(), size.height()


def screen_record(
    screen: QScreen,
    *,
    width_mm: float | None = None,
    height_mm: float | None = None,
    distance_mm: float | None = None,
    size_source: Literal["reported", "entered", "assumed"] | None = None,
) -> ScreenRecord:
    """The monitor as the session freezes it.

    Parameters
    ----------
    width_mm, height_mm
        Measured size; default: what the monitor reports, else 96 pixels an inch.
    distance_mm
        Eye to screen; default `ASSUMED_DISTANCE_MM`.
    size_source
        Where the given size comes from; default "entered" when one is given.
    """
    width_px, height_px = size_px(screen)
    source: Literal["reported", "entered", "assumed"]
    if width_mm is not None and height_mm is not None:
        width, height, source = width_mm, height_mm, size_source or "entered"
    else:
        reported = reported_size_mm(screen)
        source = "reported" if reported else "assumed"
        pitch = ASSUMED_PITCH_MM / screen.devicePixelRatio()
        width, height = reported or (width_px * pitch, height_px * pitch)
    screens = QGuiApplication.screens()
    return ScreenRecord(
        index=screens.index(screen) if screen in screens else 0,
        origin_px=(screen.geometry().x(), screen.geometry().y()),
        width_px=width_px,
        height_px=height_px,
        width_mm=width,
        height_mm=height,
        distance_mm=distance_mm or ASSUMED_DISTANCE_MM,
        size_source=source,
        device_pixel_ratio=screen.devicePixelRatio(),
        refresh_hz=refresh_hz(screen),
    )


def is_same_screen(screen: QScreen, record: ScreenRecord) -> bool:
    """Whether this is the monitor that the session has frozen, with the scale factor it had then."""
    origin = (screen.geometry().x(), screen.geometry().y())
    return (origin, screen.devicePixelRatio()) == (record.origin_px, record.device_pixel_ratio)


def describe_screens() -> list[str]:
    """One line for each monitor: physical pixels, size in mm, scale factor, refresh rate."""
    return [_describe(number, screen) for number, screen in enumerate(QGuiApplication.screens(), start=1)]


def _describe(number: int, screen: QScreen) -> str:
    width, height = size_px(screen)
    size = reported_size_mm(screen)
    told = f"{size[0]:.0f} x {size[1]:.0f} mm" if size else "size not reported: enter it before measuring degrees"
    return (
        f"monitor {number}: {width} x {height} px, {told}, scale {screen.devicePixelRatio():g}, "
        f"{refresh_hz(screen):.0f} Hz"
    )
