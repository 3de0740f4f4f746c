"""Targets, gaze clouds and error vectors on a small picture of the tracked monitor."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from calibration.fit import Refit
from calibration.procedure import TargetSamples
from calibration.validation import Validation
from ctgaze_app.ui import theme
from ctgaze_app.ui.calibration.eye_marks import EYE_MARKS, EyeMark, shown_eyes
from ctgaze_app.ui.calibration.target_screen import BACKGROUND

MOST_POINTS_PER_CLOUD = 150
_LEGEND_HEIGHT = 28
_MEAN_RADIUS = 4.0
_TARGET_RADIUS = 9.0


class ResultPicture(QWidget):
    """A passive picture of one validation.

    Parameters
    ----------
    samples, refits
        The gaze as sent and the correction to draw it with.
    repeat_dots
        Targets marked with the word `repeat`.
    """

    def __init__(
        self,
        samples: Sequence[TargetSamples],
        validation: Validation,
        refits: Mapping[str, Refit],
        repeat_dots: Collection[int] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._samples, self._validation = samples, validation
        self._refits, self._repeat_dots = refits, frozenset(repeat_dots)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumSize(360, 220)

    def sizeHint(self) -> QSize:
        """Shape of the monitor, plus the legend."""
        return QSize(640, self.heightForWidth(640))

    def heightForWidth(self, width: int) -> int:
        """What the monitor's shape needs, plus the legend."""
        geometry = self._validation.geometry
        return round(width * geometry.height_px / geometry.width_px) + _LEGEND_HEIGHT

    def paintEvent(self, event: QPaintEvent) -> None:
        """Everything: it changes with its size only."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.ui_font())
        frame = self._frame()
        painter.setPen(QPen(QColor(theme.LINE), 1.0))
        painter.setBrush(QColor(BACKGROUND))
        painter.drawRect(frame)
        painter.save()
        painter.setClipRect(frame)
        eyes = shown_eyes(self._validation.eyes)
        for eye in eyes:
            self._paint_clouds(painter, frame, eye)
        for target in self._samples:
            self._paint_target(painter, frame, target)
        for eye in eyes:
            self._paint_errors(painter, frame, eye)
        for target in self._samples:
            self._paint_number(painter, frame, target, eyes)
        painter.restore()
        self._paint_legend(painter, frame, [EYE_MARKS[eye] for eye in eyes])

    def _frame(self) -> QRectF:
        """The monitor's picture: as large as fits above the legend."""
        geometry = self._validation.geometry
        room_height = max(self.height() - _LEGEND_HEIGHT - 2, 1)
        scale = min((self.width() - 2) / geometry.width_px, room_height / geometry.height_px)
        width, height = geometry.width_px * scale, geometry.height_px * scale
        return QRectF((self.width() - width) / 2, 1.0, width, height)

    def _at(self, frame: QRectF, px: Sequence[float]) -> QPointF:
        scale = frame.width() / self._validation.geometry.width_px
        return QPointF(frame.left() + px[0] * scale, frame.top() + px[1] * scale)

    def _paint_clouds(self, painter: QPainter, frame: QRectF, eye: str) -> None:
        colour = QColor(EYE_MARKS[eye].colour)
        colour.setAlphaF(0.35)
        painter.setPen(QPen(colour, 2.4, c=Qt.PenCapStyle.RoundCap))
        for target in self._samples:
            window = target.eyes.get(eye)
            if window is None or not window.valid.any():
                continue
            px = window.px[window.valid]
            px = px[:: max(1, int(np.ceil(len(px) / MOST_POINTS_PER_CLOUD)))]
            px = self._refits[eye].apply(px) if eye in self._refits else px
            painter.drawPoints(QPolygonF([self._at(frame, point) for point in px]))

    def _paint_target(self, painter: QPainter, frame: QRectF, target: TargetSamples) -> None:
        again = target.index in self._repeat_dots
        at = self._at(frame, target.target_px)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.WARN if again else theme.TEXT), 2.0 if again else 1.2))
        painter.drawEllipse(at, _TARGET_RADIUS, _TARGET_RADIUS)
        painter.drawLine(at + QPointF(-2.5, 0), at + QPointF(2.5, 0))
        painter.drawLine(at + QPointF(0, -2.5), at + QPointF(0, 2.5))

    def _paint_number(self, painter: QPainter, frame: QRectF, target: TargetSamples, eyes: Sequence[str]) -> None:
        """The dot's number on the side that gaze leaves free."""
        again = target.index in self._repeat_dots
        text = f"{target.index + 1}  repeat" if again else str(target.index + 1)
        if not target.has_data:
            text = f"{target.index + 1}  no gaze"
        at = self._at(frame, target.target_px)
        means = [
            dot.mean_gaze_px for eye in eyes for dot in self._validation.eyes[eye].dots if dot.index == target.index
        ]
        found = [self._at(frame, mean) - at for mean in means if np.isfinite(mean).all()]
        right_of, below = sum(error.x() for error in found) > 0, sum(error.y() for error in found) > 0
        width, ascent = painter.fontMetrics().horizontalAdvance(text), painter.fontMetrics().ascent()
        left_x, right_x = at.x() - _TARGET_RADIUS - 4 - width, at.x() + _TARGET_RADIUS + 4
        x = left_x if (right_of and left_x > frame.left()) or right_x + width > frame.right() else right_x
        y = at.y() - _TARGET_RADIUS if below else at.y() + _TARGET_RADIUS + ascent - 2
        painter.setPen(QColor(theme.WARN if again else theme.TEXT))
        painter.drawText(QPointF(x, y), text)

    def _paint_errors(self, painter: QPainter, frame: QRectF, eye: str) -> None:
        mark = EYE_MARKS[eye]
        for dot in self._validation.eyes[eye].dots:
            if not dot.n_valid:
                continue
            start, end = self._at(frame, dot.target_px), self._at(frame, dot.mean_gaze_px)
            painter.setPen(QPen(QColor(mark.colour), 1.8))
            painter.drawLine(start, end)
            _paint_mark(painter, mark, end)

    def _paint_legend(self, painter: QPainter, frame: QRectF, marks: Sequence[EyeMark]) -> None:
        y = frame.bottom() + _LEGEND_HEIGHT / 2 + 4
        baseline = y + painter.fontMetrics().ascent() / 2 - 1
        x = frame.left() + 6
        for mark in marks:
            _paint_mark(painter, mark, QPointF(x, y))
            painter.setPen(QColor(theme.TEXT))
            painter.drawText(QPointF(x + 12, baseline), mark.word)
            x += 12 + painter.fontMetrics().horizontalAdvance(mark.word) + 24
        painter.setPen(QColor(theme.TEXT_SECONDARY))
        painter.drawText(QPointF(x, baseline), "line: from the dot to the mean gaze")
        geometry = self._validation.geometry
        degree = geometry.px_per_deg() * frame.width() / geometry.width_px
        text_width = painter.fontMetrics().horizontalAdvance("1 degree")
        right = frame.right() - text_width - 8
        painter.setPen(QPen(QColor(theme.TEXT_SECONDARY), 1.5))
        painter.drawLine(QPointF(right - degree, y), QPointF(right, y))
        for end in (right - degree, right):
            painter.drawLine(QPointF(end, y - 3), QPointF(end, y + 3))
        painter.drawText(QPointF(right + 8, baseline), "1 degree")


def _paint_mark(painter: QPainter, mark: EyeMark, at: QPointF) -> None:
    painter.setPen(QPen(QColor("#000000"), 1.0))
    painter.setBrush(QColor(mark.colour))
    r = _MEAN_RADIUS
    if mark.shape == "circle":
        painter.drawEllipse(at, r, r)
    elif mark.shape == "square":
        painter.drawRect(QRectF(at.x() - r, at.y() - r, 2 * r, 2 * r))
    else:
        corners = (QPointF(0, -r - 1), QPointF(r + 1, 0), QPointF(0, r + 1), QPointF(-r - 1, 0))
        painter.drawPolygon(QPolygonF([at + corner for corner in corners]))
