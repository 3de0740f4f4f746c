"""One page of words before something begins; Space goes on, Esc leaves."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QWidget

from ctgaze_app.ct.volume import Volume
from ctgaze_app.ui.widgets.centred_column import centred_column

COLUMN_WIDTH = 640


class InstructionPage(QWidget):
    """Title, a few lines and the two keys."""

    proceed = Signal()
    leave = Signal()

    def __init__(self, title: str, lines: tuple[str, ...], step: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = centred_column(self, COLUMN_WIDTH)
        texts = ((step, "secondary"), (title, "title"), *((line, "") for line in lines))
        for text, name in (*texts, ("Space: begin      Esc: leave", "secondary")):
            if text:
                label = QLabel(text)
                label.setObjectName(name)
                label.setWordWrap(True)
                label.setAlignment(Qt.AlignmentFlag.AlignCenter)
                layout.addWidget(label)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the keyboard."""
        super().showEvent(event)
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space or Enter goes on, Esc leaves."""
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.proceed.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.leave.emit()
        else:
            super().keyPressEvent(event)


def how_to_move(volume: Volume) -> str:
    """What the reader can do with the pictures, in one line."""
    if not volume.picture:
        return "Wheel or arrow keys scroll, left drag changes the window, 0 to 9 are presets, ? shows all keys."
    window = "" if volume.colour is not None else "left drag changes the window, "
    return f"Ctrl and wheel zoom, middle drag moves, {window}? shows all keys."
