"""Missing system libraries and a missing screen are named before Qt can abort."""

from __future__ import annotations

import sys

import pytest

from ctgaze_app.errors import DeviceError
from ctgaze_app.ui import platform_check
from ctgaze_app.ui.platform_check import SystemLibrary, is_present, require_screen

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux names its libraries so")


@linux_only
def test_the_package_of_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_check, "is_present", lambda library: library.soname != "libxcb-cursor.so.0")
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    with pytest.raises(DeviceError, match=r"libxcb-cursor\.so\.0.*apt-get install libxcb-cursor0"):
        require_screen()


@linux_only
def test_no_screen_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(platform_check, "is_present", lambda library: True)
    with pytest.raises(DeviceError, match=r"no screen.*--headless"):
        require_screen()


@linux_only
def test_offscreen_needs_neither_screen_nor_x11_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen:configfile=x.json")
    monkeypatch.setattr(platform_check, "is_present", lambda library: "xcb" not in library.soname)
    require_screen()


@linux_only
def test_the_loader_is_really_asked() -> None:
    assert is_present(SystemLibrary("libc.so.6", "libc6"))
    assert not is_present(SystemLibrary("libdoes-not-exist.so.9", "none"))
