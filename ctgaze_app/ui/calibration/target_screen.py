"""The page that shows one target at a time and collects gaze on it; all decisions are the `Procedure`'s."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QColor,
    QHideEvent,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QScreen,
    QShowEvent,
)
from PySide6.QtWidgets import QWidget

from calibration.procedure import Drawing, GazeChunk, Procedure
from ctgaze_app.ui import theme
from ctgaze_app.ui.screens import from_screen_px

BACKGROUND = "#303030"
"""Constant dark grey near the mean luminance of a chest CT: pupils, and with them gaze, shift with luminance."""

TICK_MS = 16
STALLED_AFTER_S = 2.0
STALLED_LINE = "No gaze for 2 seconds: check the tracker. Dots without gaze are skipped and can be repeated. Esc stops."
KEYS_LINE = "Look at the dot.   Space: show this dot again   Esc: stop"

RING_RADIUS = 26.0
DOT_RADIUS = 5.0
CENTRE_RADIUS = 1.5
"""Logical pixels. The ring ends as a dot with a dark centre, the part that the eye settles on."""

_REACH = int(RING_RADIUS) + 6
_PROGRESS_RADIUS = 3.5
_PROGRESS_STEP = 18
_PROGRESS_FROM_EDGE = 40
_LINE_FROM_EDGE = 72


class TargetScreen(QWidget):
    """Draws a procedure's targets, full screen or as a page of a full-screen window.

    Parameters
    ----------
    poll
        Gaze since the last call: (stamps (N,), {eye: (`screen_px` (N, 2), valid (N,))}).
    clock
        Seconds on the clock of the stamps.
    kind
        Event name of the markers, `calibration_target` or `validation_target`.
    screen
        The tracked monitor; default the one that the widget is on.
    background
        A CT slice to validate on, centred and fitted on black; default a plain dark grey.

    Signals
    -------
    target_event(dict)
        kind, phase (shown, collected, hidden), index, x_screen_px, y_screen_px.
    finished(tuple)
        The `TargetSamples` of all targets shown.
    aborted()
        The reader or the program stopped it.
    """

    target_event = Signal(dict)
    finished = Signal(object)
    aborted = Signal()

    def __init__(
        self,
        procedure: Procedure,
        poll: Callable[[], GazeChunk | None],
        clock: Callable[[], float],
        *,
        kind: str = "calibration_target",
        screen: QScreen | None = None,
        background: QImage | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.procedure = procedure
        self._poll, self._clock, self._kind = poll, clock, kind
        self._tracked_screen, self._background = screen, background
        self._drawing: Drawing | None = None
        self._last_gaze_s = 0.0
        self._stalled = False
        self._running = False
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)
        self.setWindowTitle("Calibration" if kind == "calibration_target" else "Validation")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    @property
    def is_running(self) -> bool:
        """Between `start` and the end of the procedure."""
        return self._running

    @property
    def message(self) -> str:
        """The line at the lower edge."""
        return STALLED_LINE if self._stalled else KEYS_LINE

    def start(self) -> None:
        """Show the first target; call when the page is on the screen."""
        if self._running or self.procedure.is_over:
            return
        self._running = True
        self._last_gaze_s = self._clock()
        self.setCursor(Qt.CursorShape.BlankCursor)
        self._timer.start()
        self.tick()

    def show_full_screen(self) -> None:
        """Cover the tracked monitor and start."""
        if self._tracked_screen is not None:
            self.setScreen(self._tracked_screen)
            self.setGeometry(self._tracked_screen.geometry())
        self.showFullScreen()
        self.start()

    def stop(self) -> None:
        """Stop, as Esc does."""
        if self._running:
            self.procedure.abort(self._clock())
            self._end()

    def tick(self) -> None:
        """Take gaze, step the procedure, redraw what changed."""
        if not self._running:
            return
        gaze, now_s = self._poll(), self._clock()
        if gaze is not None and len(gaze[0]):
            self._last_gaze_s = now_s
        stalled = now_s - self._last_gaze_s > STALLED_AFTER_S
        before, self._drawing = self._drawing, self.procedure.step(now_s, gaze)
        self._redraw(before, stalled != self._stalled)
        self._stalled = stalled
        self._send_events()
        if self.procedure.is_over:
            self._end()

    def target_position(self, x_screen_px: float, y_screen_px: float) -> QPointF:
        """`screen_px` of the tracked monitor to this widget's logical coordinates."""
        screen = self._tracked_screen or self.screen()
        return self.mapFromGlobal(from_screen_px(screen, x_screen_px, y_screen_px))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc stops, Space or R shows the current target again."""
        if event.key() == Qt.Key.Key_Escape:
            self.stop()
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_R):
            if self._running and not event.isAutoRepeat():
                self.procedure.repeat_current(self._clock())
                self._send_events()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the keyboard, and go on after a change of window state."""
        super().showEvent(event)
        self.setFocus()
        if self._running:
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing runs behind a hidden page."""
        self._timer.stop()
        super().hideEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Closing is stopping."""
        self.stop()
        super().closeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Background, target, progress, one line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_background(painter, event.rect())
        drawing = self._drawing
        if drawing is None:
            return
        if drawing.index is not None:
            self._paint_target(painter, drawing)
        painter.setFont(theme.ui_font())
        if self._background is not None:
            self._paint_plate(painter, drawing)
        self._paint_progress(painter, drawing)
        painter.setPen(QColor(theme.WARN if self._stalled else theme.TEXT_SECONDARY))
        painter.drawText(self._line_rect(), Qt.AlignmentFlag.AlignCenter, self.message)

    def _end(self) -> None:
        self._running = False
        self._timer.stop()
        self.unsetCursor()
        self._send_events()
        if self.procedure.state == "done":
            self.finished.emit(self.procedure.samples())
        else:
            self.aborted.emit()

    def _send_events(self) -> None:
        for event in self.procedure.take_events():
            self.target_event.emit(
                {
                    "kind": self._kind,
                    "phase": event.phase,
                    "index": event.index,
                    "x_screen_px": event.x_screen_px,
                    "y_screen_px": event.y_screen_px,
                }
            )

    def _redraw(self, before: Drawing | None, line_changed: bool) -> None:
        now = self._drawing
        if before is None or now is None or before.n_done != now.n_done or line_changed:
            self.update()
            return
        if (before.index, before.phase) == (now.index, now.phase) and now.phase != "shrinking":
            return
        for drawing in (before, now):
            if drawing.index is not None:
                at = self.target_position(drawing.x_screen_px, drawing.y_screen_px).toPoint()
                self.update(QRect(at.x() - _REACH, at.y() - _REACH, 2 * _REACH, 2 * _REACH))

    def _paint_background(self, painter: QPainter, exposed: QRect) -> None:
        if self._background is None:
            painter.fillRect(exposed, QColor(BACKGROUND))
            return
        painter.fillRect(exposed, QColor(theme.BEHIND_IMAGE))
        size = QSizeF(self._background.size()).scaled(QSizeF(self.size()), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(QPointF((self.width() - size.width()) / 2, (self.height() - size.height()) / 2), size)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self._background)

    def _paint_target(self, painter: QPainter, drawing: Drawing) -> None:
        shrunk = {"approaching": 0.0, "shrinking": drawing.progress}.get(drawing.phase, 1.0)
        radius = RING_RADIUS + (DOT_RADIUS - RING_RADIUS) * shrunk
        at = self.target_position(drawing.x_screen_px, drawing.y_screen_px)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if radius > DOT_RADIUS + 1.0:
            # dark under light: one of the two stands out on any tissue
            painter.setPen(QPen(QColor("#000000"), 6.0))
            painter.drawEllipse(at, radius, radius)
            painter.setPen(QPen(QColor("#ffffff"), 3.0))
            painter.drawEllipse(at, radius, radius)
        painter.setPen(QPen(QColor("#000000"), 1.5))
        painter.setBrush(QColor("#ffffff"))
        painter.drawEllipse(at, DOT_RADIUS, DOT_RADIUS)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#000000"))
        painter.drawEllipse(at, CENTRE_RADIUS, CENTRE_RADIUS)

    def _paint_progress(self, painter: QPainter, drawing: Drawing) -> None:
        left = self.width() / 2 - (drawing.n_total - 1) * _PROGRESS_STEP / 2
        y = self.height() - _PROGRESS_FROM_EDGE
        for place in range(drawing.n_total):
            done = place < drawing.n_done
            painter.setPen(QPen(QColor(theme.TEXT_SECONDARY), 1.2))
            painter.setBrush(QColor(theme.TEXT_SECONDARY) if done else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(left + place * _PROGRESS_STEP, y), _PROGRESS_RADIUS, _PROGRESS_RADIUS)

    def _paint_plate(self, painter: QPainter, drawing: Drawing) -> None:
        """Darkness behind words and progress, so that they read on bright tissue."""
        words = painter.fontMetrics().horizontalAdvance(self.message)
        width = max(words, drawing.n_total * _PROGRESS_STEP) + 32
        top = self._line_rect().top() - 4
        plate = QRectF((self.width() - width) / 2, top, width, self.height() - _PROGRESS_FROM_EDGE + 16 - top)
        colour = QColor(theme.WINDOW)
        colour.setAlphaF(0.85)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(plate, theme.SMALL_RADIUS_PX, theme.SMALL_RADIUS_PX)

    def _line_rect(self) -> QRect:
        return QRect(0, self.height() - _LINE_FROM_EDGE - 12, self.width(), 24)
