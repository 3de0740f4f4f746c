"""From Qt's logical pixels to the monitor's physical ones, and what is known about a monitor."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QSizeF
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.ui.screens import describe_screens, from_screen_px, refresh_hz, screen_record, to_screen_px


class StandInScreen:
    """A second monitor, right of a first one, at 150 %."""

    def __init__(self, size_mm: tuple[float, float] = (528.0, 297.0), rate: float = 144.0) -> None:
        self._size_mm, self._rate = size_mm, rate

    def geometry(self) -> QRect:
        return QRect(QPoint(1920, -100), QPoint(1920 + 1279, -100 + 719))

    def devicePixelRatio(self) -> float:
        return 1.5

    def physicalSize(self) -> QSizeF:
        return QSizeF(*self._size_mm)

    def refreshRate(self) -> float:
        return self._rate


def test_logical_points_become_physical_pixels_of_their_own_monitor_and_back() -> None:
    screen = StandInScreen()
    assert to_screen_px(screen, QPointF(1920, -100)) == (0.0, 0.0)  # type: ignore[arg-type]
    assert to_screen_px(screen, QPointF(2020, 100)) == (150.0, 300.0)  # type: ignore[arg-type]
    assert from_screen_px(screen, 150.0, 300.0) == QPointF(2020, 100)  # type: ignore[arg-type]


def test_a_monitor_is_frozen_with_what_it_reports(qtbot: QtBot) -> None:
    record = screen_record(StandInScreen(), distance_mm=600)  # type: ignore[arg-type]
    assert (record.width_px, record.height_px) == (1920, 1080)
    assert (record.width_mm, record.height_mm, record.size_source) == (528.0, 297.0, "reported")
    assert (record.device_pixel_ratio, record.refresh_hz, record.distance_mm) == (1.5, 144.0, 600.0)


@pytest.mark.parametrize("size_mm", [(0.0, 0.0), (1.6, 0.9), (16000.0, 9000.0), (528.0, 528.0)])
def test_a_size_that_cannot_be_true_is_assumed_and_says_so(qtbot: QtBot, size_mm: tuple[float, float]) -> None:
    record = screen_record(StandInScreen(size_mm))  # type: ignore[arg-type]
    assert record.size_source == "assumed"
    assert record.width_mm == pytest.approx(1280 * 25.4 / 96)


def test_a_size_that_was_entered_wins(qtbot: QtBot) -> None:
    record = screen_record(StandInScreen(), width_mm=600, height_mm=340)  # type: ignore[arg-type]
    assert (record.width_mm, record.height_mm, record.size_source) == (600.0, 340.0, "entered")


def test_a_refresh_rate_nobody_knows_counts_as_sixty() -> None:
    assert refresh_hz(StandInScreen(rate=0.0)) == 60.0  # type: ignore[arg-type]
    assert refresh_hz(None) == 60.0


def test_every_monitor_is_described_in_one_line(qtbot: QtBot) -> None:
    lines = describe_screens()
    assert len(lines) == len(QGuiApplication.screens())
    assert lines[0].startswith("monitor 1: ")
