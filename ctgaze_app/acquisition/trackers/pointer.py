"""Where the mouse pointer is on the desktop, in physical pixels, without a GUI toolkit."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from abc import ABC, abstractmethod
from typing import Any

from ctgaze_app.errors import DeviceError


class Pointer(ABC):
    """The system's mouse pointer; `close` it when done."""

    @abstractmethod
    def position_px(self) -> tuple[float, float] | None:
        """x and y on the desktop, y down; None when the system does not tell right now."""

    def close(self) -> None:  # noqa: B027 - most systems have nothing to close
        """Let go of the system's handles."""


class _WindowsPointer(Pointer):
    def __init__(self) -> None:
        from ctypes import wintypes

        self._user32: Any = ctypes.windll.user32  # type: ignore[attr-defined,unused-ignore]
        self._point: Any = wintypes.POINT()
        try:
            # Per monitor, version 2: otherwise Windows reports pixels scaled for an unaware process.
            self._user32.SetProcessDpiAwarenessContext(ctypes.c_void_p(-4))
        except AttributeError:
            self._user32.SetProcessDPIAware()

    def position_px(self) -> tuple[float, float] | None:
        if not self._user32.GetCursorPos(ctypes.byref(self._point)):
            return None
        return float(self._point.x), float(self._point.y)


class _X11Pointer(Pointer):
    def __init__(self) -> None:
        self._x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
        self._x11.XDefaultRootWindow.restype = ctypes.c_ulong
        self._x11.XDefaultRootWindow.argtypes = [ctypes.c_void_p]
        self._x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
        self._x11.XQueryPointer.argtypes = [ctypes.c_void_p, ctypes.c_ulong, *[ctypes.c_void_p] * 7]
        self._display = self._x11.XOpenDisplay(None)
        if not self._display:
            raise OSError("the X display does not open")
        self._root = self._x11.XDefaultRootWindow(self._display)

    def position_px(self) -> tuple[float, float] | None:
        root, child = ctypes.c_ulong(), ctypes.c_ulong()
        x, y, inner_x, inner_y = (ctypes.c_int() for _ in range(4))
        mask = ctypes.c_uint()
        out = [ctypes.byref(value) for value in (root, child, x, y, inner_x, inner_y, mask)]
        if not self._x11.XQueryPointer(self._display, self._root, *out):
            return None
        return float(x.value), float(y.value)

    def close(self) -> None:
        if self._display:
            self._x11.XCloseDisplay(self._display)
            self._display = None


class _MacPointer(Pointer):
    """Quartz reports points; on a scaled display these are physical pixels divided by its scale."""

    def __init__(self, scale: float) -> None:
        class Point(ctypes.Structure):
            _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]

        self._scale = scale
        self._quartz = ctypes.CDLL("/System/Library/Frameworks/ApplicationServices.framework/ApplicationServices")
        self._quartz.CGEventCreate.restype = ctypes.c_void_p
        self._quartz.CGEventCreate.argtypes = [ctypes.c_void_p]
        self._quartz.CGEventGetLocation.restype = Point
        self._quartz.CGEventGetLocation.argtypes = [ctypes.c_void_p]
        self._quartz.CFRelease.argtypes = [ctypes.c_void_p]

    def position_px(self) -> tuple[float, float] | None:
        event = self._quartz.CGEventCreate(None)
        if not event:
            return None
        point = self._quartz.CGEventGetLocation(event)
        self._quartz.CFRelease(event)
        return point.x * self._scale, point.y * self._scale


def open_pointer(device_pixel_ratio: float = 1.0) -> Pointer:
    """The pointer of this system.

    Raises
    ------
    DeviceError
        When this desktop does not tell where its pointer is; `is_available` gives the reason beforehand.
    """
    reason = _known_obstacle()
    if reason:
        raise DeviceError(reason[0], place="mouse", remedy=reason[1])
    try:
        if sys.platform == "win32":
            return _WindowsPointer()
        if sys.platform == "darwin":
            return _MacPointer(device_pixel_ratio)
        return _X11Pointer()
    except (OSError, AttributeError) as error:
        remedy = "install libX11 (Debian, Ubuntu: libx11-6) and check DISPLAY" if sys.platform == "linux" else ""
        raise DeviceError(f"the pointer cannot be read ({error})", place="mouse", remedy=remedy) from error


def is_available() -> tuple[bool, str]:
    """Whether the mouse can be the eye here, and the reason when not."""
    try:
        open_pointer().close()
    except DeviceError as error:
        return False, str(error)
    return True, ""


def _known_obstacle() -> tuple[str, str] | None:
    """What is wrong and what to do, for desktops known to hide the pointer; None elsewhere."""
    if sys.platform in ("win32", "darwin"):
        return None
    if os.environ.get("XDG_SESSION_TYPE") == "wayland" or os.environ.get("WAYLAND_DISPLAY"):
        return "Wayland hides the pointer from other programs", "log in to an X11 session"
    if not os.environ.get("DISPLAY"):
        return "there is no display, so there is no pointer", "start it from a desktop session"
    return None
