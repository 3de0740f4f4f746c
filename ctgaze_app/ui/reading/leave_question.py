"""Asks before a reading is left: a small panel in the room, not a dialog of its own, so that nothing stops."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ctgaze_app.ui.theme import LINE, PANEL, TEXT_SECONDARY, ui_font


class LeaveQuestion(QFrame):
    """Stay is the default; Esc stays too.

    Signals
    -------
    stayed(), left()
    """

    stayed = Signal()
    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._room = parent
        self.setObjectName("leaveQuestion")
        self.setStyleSheet(f"#leaveQuestion {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: 8px; }}")
        title = QLabel("Leave this reading?")
        title.setFont(ui_font(bold=True))
        line = QLabel("What has been recorded is kept. The case counts as not finished.")
        line.setStyleSheet(f"color: {TEXT_SECONDARY};")
        self.stay = QPushButton("Go on reading")
        self.stay.setDefault(True)
        self.leave = QPushButton("Leave")
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.leave)
        buttons.addWidget(self.stay)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 16)
        layout.setSpacing(8)
        layout.addWidget(title)
        layout.addWidget(line)
        layout.addSpacing(8)
        layout.addLayout(buttons)
        self.stay.clicked.connect(self._stay)
        self.leave.clicked.connect(self._leave)
        self.hide()

    def open(self) -> None:
        """Show the question in the middle of the room."""
        self.adjustSize()
        room = self._room.rect()
        self.move((room.width() - self.width()) // 2, (room.height() - self.height()) // 2)
        self.show()
        self.raise_()
        self.stay.setFocus(Qt.FocusReason.PopupFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc goes on reading; Enter presses the button that has the focus."""
        if event.key() == Qt.Key.Key_Escape:
            self._stay()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            (self._leave if self.leave.hasFocus() else self._stay)()

    def _stay(self) -> None:
        self.hide()
        self.stayed.emit()

    def _leave(self) -> None:
        self.hide()
        self.left.emit()
