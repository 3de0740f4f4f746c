"""A reader that follows a `ReadingPlan` with real wheel events and tells the simulated eye where to look."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from ctgaze_app.ui.slice_view import SliceView
from models.simulation.script import ReadingPlan, ScriptedDwell, ScriptedScroll

NOTCH = 120
TICK_MS = 4
PAINT_WAIT_S = 1.0


class ScriptedReader(QObject):
    """Runs the plan's steps in their order, each not before its onset and not before the step before it is done.

    Every scroll is logged with the LSL interval from its first wheel event to the paint of its last slice: the script's
    own record of when slices moved, taken without looking at any recording.

    Parameters
    ----------
    look
        ``look(id, x_screen_px, y_screen_px, duration_s)`` tells the simulated eye.
    clock
        LSL seconds.
    """

    finished = Signal()
    failed = Signal(str)

    def __init__(
        self,
        view: SliceView,
        plan: ReadingPlan,
        look: Callable[[str, float, float, float], None],
        clock: Callable[[], float],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._view, self._plan, self._look, self._clock = view, plan, look, clock
        self._steps = list(plan.steps)
        self._started = 0.0
        self._scroll: ScriptedScroll | None = None
        self._scroll_start_lsl = 0.0
        self._scroll_begin = 0.0
        self._notches_left = 0
        self._notches_sent = 0
        self._direction = 1
        self._last_notch = 0.0
        self.scrolls_lsl: list[tuple[str, float, float]] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin the plan now."""
        self._started = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        """Leave the plan."""
        self._timer.stop()

    def write_log(self, path: Path) -> None:
        """Write the scroll intervals (id, start_lsl, end_lsl); refuses to overwrite."""
        with path.open("x", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("id", "start_lsl", "end_lsl"))
            writer.writerows((name, f"{start:.6f}", f"{end:.6f}") for name, start, end in self.scrolls_lsl)

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._scroll is not None:
            self._continue_scroll(now, self._scroll)
            return
        elapsed = now - self._started
        if not self._steps:
            if elapsed >= self._plan.seconds:
                self._timer.stop()
                self.finished.emit()
            return
        if elapsed < self._steps[0].onset_s:
            return
        step = self._steps.pop(0)
        if isinstance(step, ScriptedScroll):
            self._begin_scroll(now, step)
        else:
            self._dwell(step)

    def _dwell(self, step: ScriptedDwell) -> None:
        x, y = self._view.voxel_to_screen_px(step.voxel_ijk[0], step.voxel_ijk[1])
        self._look(step.id, x, y, step.hold_s)

    def _begin_scroll(self, now: float, step: ScriptedScroll) -> None:
        distance = step.to_slice - self._view.slice_index
        if distance == 0:
            return
        self._scroll = step
        self._direction = 1 if distance > 0 else -1
        self._notches_left = abs(distance)
        self._notches_sent = 0
        self._scroll_begin = now
        self._scroll_start_lsl = self._clock()
        self._continue_scroll(now, step)

    def _continue_scroll(self, now: float, step: ScriptedScroll) -> None:
        if self._notches_left:
            if now - self._scroll_begin >= self._notches_sent / step.slices_per_s:
                self._send_notch()
                self._notches_left -= 1
                self._notches_sent += 1
                self._last_notch = now
        elif self._view.painted_slice == step.to_slice:
            self.scrolls_lsl.append((step.id, self._scroll_start_lsl, self._clock()))
            self._scroll = None
        elif now - self._last_notch > PAINT_WAIT_S:
            self._timer.stop()
            self.failed.emit(f"the view did not reach slice {step.to_slice + 1} within {PAINT_WAIT_S:g} s")

    def _send_notch(self) -> None:
        viewport = self._view.viewport()
        centre = QPointF(viewport.rect().center())
        QApplication.sendEvent(
            viewport,
            QWheelEvent(
                centre,
                QPointF(viewport.mapToGlobal(centre.toPoint())),
                QPoint(),
                QPoint(0, -NOTCH * self._direction),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            ),
        )
