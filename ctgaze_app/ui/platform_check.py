"""What must be there before Qt may start: Qt aborts the process, without an exception, when a library is missing."""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass

from ctgaze_app.errors import DeviceError


@dataclass(frozen=True)
class SystemLibrary:
    """A shared library on Linux and the Debian package that brings it."""

    soname: str
    package: str


ALWAYS = (
    SystemLibrary("libEGL.so.1", "libegl1"),
    SystemLibrary("libGL.so.1", "libgl1"),
    SystemLibrary("libxkbcommon.so.0", "libxkbcommon0"),
    SystemLibrary("libfontconfig.so.1", "libfontconfig1"),
    SystemLibrary("libdbus-1.so.3", "libdbus-1-3"),
    SystemLibrary("libglib-2.0.so.0", "libglib2.0-0"),
)
ON_X11 = (
    SystemLibrary("libxcb-cursor.so.0", "libxcb-cursor0"),
    SystemLibrary("libxcb-icccm.so.4", "libxcb-icccm4"),
    SystemLibrary("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    SystemLibrary("libxcb-image.so.0", "libxcb-image0"),
    SystemLibrary("libxcb-render-util.so.0", "libxcb-render-util0"),
    SystemLibrary("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    SystemLibrary("libxcb-shape.so.0", "libxcb-shape0"),
)


def is_present(library: SystemLibrary) -> bool:
    """Whether the dynamic loader finds the library."""
    try:
        ctypes.CDLL(library.soname)
    except OSError:
        return False
    return True


def missing_libraries(*, x11: bool) -> list[SystemLibrary]:
    """Libraries that Qt needs on Linux and that are not there; empty on other systems."""
    if not sys.platform.startswith("linux"):
        return []
    wanted = ALWAYS + (ON_X11 if x11 else ())
    return [library for library in wanted if not is_present(library)]


def require_screen() -> None:
    """Make sure that a Qt application can start in this environment.

    Raises
    ------
    DeviceError
        Naming the Debian packages that are missing, or that there is no screen.
    """
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    hidden = platform.split(":")[0] in {"offscreen", "minimal"}
    on_linux = sys.platform.startswith("linux")
    wayland = bool(os.environ.get("WAYLAND_DISPLAY"))
    x11 = on_linux and not hidden and (bool(os.environ.get("DISPLAY")) or platform == "xcb")
    missing = missing_libraries(x11=x11)
    if missing:
        packages = " ".join(library.package for library in missing)
        raise DeviceError(
            "system libraries are missing: " + ", ".join(library.soname for library in missing),
            remedy=f"sudo apt-get install {packages}",
        )
    if on_linux and not hidden and not x11 and not wayland:
        raise DeviceError(
            "there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set)",
            remedy="start it from a desktop, or use: ctgaze demo --headless",
        )
