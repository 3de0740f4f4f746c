"""A calm page that says what is being waited for, how far it is, and how to cancel."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QWidget

from ctgaze_app.ui.widgets.centred_column import centred_column

COLUMN_WIDTH = 520


class ProgressPage(QWidget):
    """Title, one line, a bar, a Cancel button."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel()
        self._title.setObjectName("title")
        self._line = QLabel()
        self._line.setObjectName("secondary")
        self._line.setWordWrap(True)
        self._line.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self.cancelled)
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = centred_column(self, COLUMN_WIDTH)
        for widget in (self._title, self._line, self._bar):
            layout.addWidget(widget)
        layout.addWidget(self._cancel, alignment=Qt.AlignmentFlag.AlignCenter)

    def show_wait(self, title: str, line: str = "", *, cancellable: bool = True) -> None:
        """Say what is being waited for, progress unknown."""
        self._title.setText(title)
        self._line.setText(line)
        self._bar.setRange(0, 0)
        self._bar.setVisible(True)
        self._cancel.setText("Cancel")
        self._cancel.setVisible(cancellable)

    def show_progress(self, done: int, total: int) -> None:
        """Fill the bar."""
        self._bar.setRange(0, max(total, 1))
        self._bar.setValue(done)

    def show_problem(self, title: str, line: str) -> None:
        """Say what happened, what is safe and what to do; the button leads back."""
        self._title.setText(title)
        self._line.setText(line)
        self._bar.setVisible(False)
        self._cancel.setText("Back")
        self._cancel.setVisible(True)

    @property
    def text(self) -> str:
        """What the page says."""
        return f"{self._title.text()}: {self._line.text()}"
