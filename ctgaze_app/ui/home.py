"""The first page: what can be done here, and a place to drop a folder."""

from __future__ import annotations

from pathlib import Path

import qtawesome
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

ENTRIES = (
    ("read", "fa6s.eye", "Read a case", "Open a CT or a picture, calibrate, read it under tracking"),
    ("review", "fa6s.chart-line", "Review", "Replay a recorded session"),
    ("demo", "fa6s.play", "Try the demo", "A made-up chest CT and a simulated eye, two minutes"),
)


class HomePage(QWidget):
    """Large entries; emits what the user wants. A dropped session folder is reviewed, anything else is read."""

    read_requested = Signal(object)
    review_requested = Signal(object)
    demo_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.buttons: dict[str, QPushButton] = {}
        title = QLabel("CTGaze")
        title.setObjectName("title")
        subtitle = QLabel("Where in the volume the eye was, while that slice was on the screen")
        subtitle.setObjectName("secondary")
        row = QHBoxLayout()
        row.setSpacing(24)
        row.addStretch()
        for key, icon, text, line in ENTRIES:
            row.addLayout(self._entry(key, icon, text, line))
        row.addStretch()
        hint = QLabel("Drop a folder with DICOM files or a picture to read it, or a recorded session to replay it.")
        hint.setObjectName("secondary")
        layout = QVBoxLayout(self)
        layout.setSpacing(16)
        layout.addStretch(2)
        layout.addWidget(title, alignment=Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(subtitle, alignment=Qt.AlignmentFlag.AlignCenter)
        layout.addSpacing(32)
        layout.addLayout(row)
        layout.addSpacing(32)
        layout.addWidget(hint, alignment=Qt.AlignmentFlag.AlignCenter)
        layout.addStretch(3)
        self.buttons["read"].clicked.connect(lambda: self.read_requested.emit(None))
        self.buttons["review"].clicked.connect(lambda: self.review_requested.emit(None))
        self.buttons["demo"].clicked.connect(self.demo_requested)

    def _entry(self, key: str, icon: str, text: str, line: str) -> QVBoxLayout:
        button = QPushButton(qtawesome.icon(icon, color="#d9dde1"), f"  {text}")
        button.setIconSize(QSize(24, 24))
        button.setFixedSize(256, 88)
        button.setObjectName("entry")
        self.buttons[key] = button
        label = QLabel(line)
        label.setObjectName("secondary")
        label.setWordWrap(True)
        label.setFixedWidth(256)
        label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(button)
        column.addWidget(label)
        return column

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Do the obvious thing with what was dropped."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open_path(paths[0])

    def open_path(self, path: Path) -> None:
        """Review a session folder, read anything else."""
        if (path / "session.json").is_file():
            self.review_requested.emit(path)
        else:
            self.read_requested.emit(path)
