"""Play, pause, step, speed and the time, with a word on sound and on what the timeline's marks mean."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QToolButton, QWidget

from ctgaze_app.review.playback import SPEEDS
from ctgaze_app.review.totals import format_time
from ctgaze_app.ui.review.actions import ReviewAction, review_action
from ctgaze_app.ui.theme import TEXT, ui_font

LEGEND = "line: slice shown · bars: fixations · shaded: no gaze · hatched: image hidden or paused"

LEGEND_FITS_PX = 1120


class Transport(QWidget):
    """Buttons and words only; `asked` carries the id of an action, `speed_chosen` a speed."""

    asked = Signal(str)
    speed_chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 16, 4)
        row.setSpacing(8)
        self.buttons: dict[str, QToolButton] = {}
        for name in ("previous_fixation", "play", "next_fixation"):
            self.buttons[name] = self._button(review_action(name))
            row.addWidget(self.buttons[name])
        self._play_icon = qtawesome.icon("mdi6.play", color=TEXT)
        self._pause_icon = qtawesome.icon("mdi6.pause", color=TEXT)
        self.time = QLabel()
        self.time.setFont(ui_font())
        self.time.setMinimumWidth(120)
        row.addWidget(self.time)
        self.speed = QComboBox()
        self.speed.setAccessibleName("Speed")
        self.speed.setToolTip("Speed ([ slower, ] faster)")
        for speed in SPEEDS:
            self.speed.addItem(f"{speed:g}x", speed)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.speed.currentIndexChanged.connect(lambda index: self.speed_chosen.emit(SPEEDS[index]))
        row.addWidget(self.speed)
        self.sound = QLabel()
        self.sound.setObjectName("secondary")
        row.addWidget(self.sound)
        row.addStretch()
        self._legend = QLabel(LEGEND)
        self._legend.setObjectName("secondary")
        row.addWidget(self._legend)
        self.setMinimumWidth(1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the legend out where half of it would be cut off."""
        self._legend.setVisible(event.size().width() >= LEGEND_FITS_PX)
        super().resizeEvent(event)

    def show_time(self, time_s: float, duration_s: float) -> None:
        """Where replay stands and how long it is, seconds."""
        self.time.setText(f"{format_time(time_s)} / {format_time(duration_s)}")

    def show_playing(self, playing: bool) -> None:
        """Offer the other of play and pause."""
        self.buttons["play"].setIcon(self._pause_icon if playing else self._play_icon)

    def show_speed(self, speed: float) -> None:
        """Show a speed that was chosen elsewhere."""
        if speed in SPEEDS:
            self.speed.setCurrentIndex(SPEEDS.index(speed))

    def show_sound(self, text: str) -> None:
        """One word or two on sound."""
        self.sound.setText(text)

    def _button(self, action: ReviewAction) -> QToolButton:
        button = QToolButton()
        button.setIcon(qtawesome.icon(action.icon, color=TEXT))
        button.setToolTip(action.tooltip)
        button.setAccessibleName(action.text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.asked.emit(action.id))
        return button
