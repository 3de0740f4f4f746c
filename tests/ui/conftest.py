"""Views that close themselves after a test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from ctgaze_app.ui.slice_view import SliceView
from tests.ui.view_driving import spin


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[SliceView]:
    """A shown slice view of 400 x 300 px at the top-left of the screen, without a volume."""
    shown = SliceView(clock=time.monotonic)
    qtbot.addWidget(shown)
    # Without a frame the pane begins at the pixel it is moved to.
    shown.setWindowFlag(Qt.WindowType.FramelessWindowHint)
    shown.move(0, 0)
    shown.resize(400, 300)
    shown.show()
    qtbot.waitExposed(shown)
    spin(0.03)
    yield shown
    shown.close()
