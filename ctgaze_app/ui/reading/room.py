"""The reading room: the CT, full screen, the slice bar, a few dim words, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPalette, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from ctgaze_app.ct.volume import VoiWindow, Volume
from ctgaze_app.ct.windows import load_presets
from ctgaze_app.ui.actions import action as action_of
from ctgaze_app.ui.actions import action_for_key, actions_of, shown_key
from ctgaze_app.ui.reading.leave_question import LeaveQuestion
from ctgaze_app.ui.slice_bar import SliceBar
from ctgaze_app.ui.slice_canvas import lsl_clock
from ctgaze_app.ui.slice_view import SliceView
from ctgaze_app.ui.theme import BEHIND_IMAGE
from ctgaze_app.ui.widgets.key_sheet import KeySheet


class ReadingRoom(QWidget):
    """Shows one case at a time.

    Signals
    -------
    next_requested()
        The reader is done with this case.
    leave_requested()
        The reader wants out and has confirmed it.

    Parameters
    ----------
    clock
        Seconds; default LSL's clock.
    """

    next_requested = Signal()
    leave_requested = Signal()

    def __init__(self, parent: QWidget | None = None, *, clock: Callable[[], float] = lsl_clock) -> None:
        super().__init__(parent)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor(BEHIND_IMAGE))
        self.setPalette(palette)
        self.setAutoFillBackground(True)
        self.view = SliceView(self, clock=clock)
        self.bar = SliceBar(self)
        self.sheet = KeySheet(self, actions_of("view", "reading"), _preset_names())
        self.question = LeaveQuestion(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.bar)
        self.setFocusProxy(self.view)
        self._dictating = False
        self.view.painted.connect(self._follow)
        self.bar.slice_requested.connect(self._bar_asks)
        self.sheet.closed.connect(self._back_to_view)
        self.question.stayed.connect(self._stay)
        self.question.left.connect(self.leave_requested)

    def open_case(
        self, volume: Volume, *, trial: int, series_index: int = 0, case_number: int = 1, n_cases: int = 1
    ) -> None:
        """Show a loaded case; the next paints carry its trial number."""
        self.view.trial = trial
        self.bar.setVisible(volume.shape_kji[0] > 1)
        self.view.set_volume(volume, series_index)
        self.view.set_note("top_right", f"case {case_number} of {n_cases}  trial {trial}")
        self._write_keys()

    def clear(self) -> None:
        """Black between cases; the next paints belong to no trial."""
        self.sheet.dismiss()
        self.question.hide()
        self.view.covered = False
        self.view.trial = 0
        self.view.clear()

    def set_dictating(self, recording: bool) -> None:
        """Say whether the reader's voice is being recorded."""
        self._dictating = recording
        self._write_keys()

    def ask_to_leave(self) -> None:
        """Ask before leaving, without stopping anything."""
        self.sheet.dismiss()
        self.question.open()
        self.view.covered = True
        self._report("leave", "asked")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys of the room; those of the view never get here."""
        found = action_for_key(event, "reading")
        if found is None:
            event.ignore()
            return
        if event.isAutoRepeat():
            return
        if found.id == "next":
            self._report("next", True)
            self.next_requested.emit()
        elif found.id == "key_sheet":
            self._report("key_sheet", "opened")
            self.sheet.open()
            self.view.covered = True
        else:
            self.ask_to_leave()

    def showEvent(self, event: QShowEvent) -> None:
        """Keys go to the image from the start."""
        super().showEvent(event)
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep open panels in the middle."""
        super().resizeEvent(event)
        for panel in (self.sheet, self.question):
            if panel.isVisible():
                panel.open()

    def _follow(self, _view: object, _time_lsl: float) -> None:
        self.bar.show_position(max(self.view.painted_slice, 0), self.view.slice_count)

    def _bar_asks(self, slice_index: int) -> None:
        if self.view.interactive:
            time_lsl = self.view.now()
            self.view.go_to_slice(slice_index, time_lsl)
            self.view.report("slice_bar", slice_index, "click", time_lsl)

    def _stay(self) -> None:
        self._report("leave", "stayed")
        self._back_to_view()

    def _back_to_view(self) -> None:
        self.view.covered = False
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _report(self, kind: str, value: object) -> None:
        self.view.report(kind, value, "key", self.view.now())

    def _write_keys(self) -> None:
        done = f"{shown_key(action_of('next').keys[0])}: next"
        self.view.set_note("bottom_right", f"● dictating   {done}" if self._dictating else done)


def _preset_names() -> dict[str, str]:
    """What the number keys do, in the words of the preset table."""
    names = {}
    for key, preset in load_presets():
        if isinstance(preset, VoiWindow):
            names[f"preset_{key}"] = f"{preset.name}  W {preset.width:g} L {preset.centre:g}".strip()
        else:
            names[f"preset_{key}"] = {"auto": "Automatic window", "dicom": "The file's own windows, in turn"}[preset]
    return names
