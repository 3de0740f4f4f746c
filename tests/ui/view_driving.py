"""Real events for a slice view, and the pixels that really reached the window."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from ctgaze_app.ui.slice_view import SliceView

NO_MODIFIER = Qt.KeyboardModifier.NoModifier


def spin(seconds: float) -> None:
    """Let the event loop run for a while."""
    end = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        if time.monotonic() >= end:
            return
        time.sleep(0.001)


def wheel(
    view: SliceView, delta: int, *, at: QPointF | None = None, modifiers: Qt.KeyboardModifier = NO_MODIFIER
) -> None:
    """Turn the wheel over the view; 120 is one notch away from the reader."""
    viewport = view.viewport()
    here = QPointF(viewport.rect().center()) if at is None else at
    event = QWheelEvent(
        here,
        QPointF(viewport.mapToGlobal(here.toPoint())),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


def drag(
    target: QWidget,
    button: Qt.MouseButton,
    points: list[tuple[float, float]],
    *,
    modifiers: Qt.KeyboardModifier = NO_MODIFIER,
) -> None:
    """Press at the first point, move through the others, release at the last."""

    def send(kind: QEvent.Type, point: tuple[float, float], which: Qt.MouseButton, held: Qt.MouseButton) -> None:
        here = QPointF(*point)
        everywhere = QPointF(target.mapToGlobal(here.toPoint()))
        QApplication.sendEvent(target, QMouseEvent(kind, here, everywhere, which, held, modifiers))

    send(QEvent.Type.MouseButtonPress, points[0], button, button)
    for point in points[1:]:
        send(QEvent.Type.MouseMove, point, Qt.MouseButton.NoButton, button)
    send(QEvent.Type.MouseButtonRelease, points[-1], button, Qt.MouseButton.NoButton)


def grey(image: QImage) -> NDArray[np.uint8]:
    """Grey levels (rows, columns) of an image whose three colours are equal where it shows a slice."""
    rgb = image.convertToFormat(QImage.Format.Format_RGB32)
    raw = np.frombuffer(rgb.constBits(), dtype=np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return raw[:, : 4 * rgb.width()].reshape(rgb.height(), rgb.width(), 4)[:, :, 1].copy()


def window_pixels(view: SliceView) -> NDArray[np.uint8]:
    """Grey levels of what lies in the platform's own window buffer, not of a second rendering."""
    return grey(view.screen().grabWindow(view.window().winId()).toImage())
