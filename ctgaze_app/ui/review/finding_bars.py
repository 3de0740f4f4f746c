"""Findings and their probabilities as a sorted list of bars; one is chosen."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ctgaze_app.ui.theme import FOCUS, LINE, RAISED, TEXT, TEXT_SECONDARY, ui_font
from models.predictions import Findings

ROW_PX, LINE_PX, BAR_PX = 34, 18, 8
NUMBER_PX = 40
LABEL, PROBABILITY, THRESHOLD = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1, Qt.ItemDataRole.UserRole + 2
MOST_ROWS_PX = 8 * ROW_PX + 4


class FindingBars(QListWidget):
    """Shows `Findings`, the most probable first; `finding_chosen` carries a label."""

    finding_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Findings, most probable first")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._colour = QColor(TEXT)
        self._findings: Findings | None = None
        self.setItemDelegate(_BarDelegate(self))
        self.currentItemChanged.connect(self._chosen)

    @property
    def colour(self) -> QColor:
        """Of the bars."""
        return self._colour

    def show_findings(self, findings: Findings, chosen: str, colour: QColor) -> None:
        """Show these bars; a label that there is not chooses the most probable one, silently."""
        self._colour = colour
        self.blockSignals(True)
        if findings != self._findings:
            self._findings = findings
            self.clear()
            thresholds = findings.thresholds or (None,) * len(findings.labels)
            rows = sorted(
                zip(findings.labels, findings.probabilities, thresholds, strict=True), key=lambda row: -row[1]
            )
            for label, probability, threshold in rows:
                self.addItem(_item(label, probability, threshold))
            self.setFixedHeight(min(len(rows) * ROW_PX + 4, MOST_ROWS_PX))
        labels = [self.item(row).data(LABEL) for row in range(self.count())]
        self.setCurrentRow(labels.index(chosen) if chosen in labels else 0)
        self.blockSignals(False)
        self.viewport().update()

    @property
    def chosen(self) -> str:
        """The chosen label; empty without any."""
        item = self.currentItem()
        return "" if item is None else str(item.data(LABEL))

    def _chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.finding_chosen.emit(str(item.data(LABEL)))


def _item(label: str, probability: float, threshold: float | None) -> QListWidgetItem:
    item = QListWidgetItem()
    item.setData(LABEL, label)
    item.setData(PROBABILITY, probability)
    item.setData(THRESHOLD, threshold)
    if threshold is None:
        said = "nobody chose a threshold"
    else:
        said = f"{'found' if probability >= threshold else 'not found'}: threshold {threshold:.2f}"
    item.setToolTip(f"{label}\nprobability {probability:.3f}, {said}")
    item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{label}, probability {probability:.2f}, {said}")
    return item


class _BarDelegate(QStyledItemDelegate):
    """Label and number over a bar from 0 to 1 with a mark at the threshold; a found one has a filled disc."""

    def __init__(self, bars: FindingBars) -> None:
        super().__init__(bars)
        self._bars = bars

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Rows of one height."""
        return QSize(0, ROW_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One row."""
        rect = QRectF(option.rect)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        probability, threshold = float(index.data(PROBABILITY)), index.data(THRESHOLD)
        found = threshold is not None and probability >= threshold
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if chosen:
            painter.fillRect(rect, QColor(RAISED))
            painter.fillRect(QRectF(rect.left(), rect.top(), 3, rect.height()), QColor(FOCUS))
        left, right = rect.left() + 10, rect.right() - 8
        line = QRectF(left, rect.top() + 2, right - left, LINE_PX)
        painter.setFont(ui_font(bold=found))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(QColor(TEXT if found or threshold is None else TEXT_SECONDARY))
        words = line.adjusted(0, 0, -NUMBER_PX, 0)
        mark = "● " if found else ""
        label = metrics.elidedText(mark + str(index.data(LABEL)), Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, label)
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{probability:.2f}")
        bar = QRectF(left, line.bottom() + 1, right - left, BAR_PX)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(LINE))
        painter.drawRoundedRect(bar, 2, 2)
        painter.setBrush(self._bars.colour)
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(probability * bar.width(), 2), BAR_PX), 2, 2)
        if threshold is not None:
            x = bar.left() + float(threshold) * bar.width()
            for pen in (QPen(QColor(0, 0, 0, 200), 4.0), QPen(QColor(TEXT), 2.0)):
                painter.setPen(pen)
                painter.drawLine(QPointF(x, bar.top() - 2), QPointF(x, bar.bottom() + 2))
        painter.restore()
