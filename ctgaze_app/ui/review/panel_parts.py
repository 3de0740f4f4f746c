"""Small parts that the panels of Review are made of."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QLabel, QLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ctgaze_app.ui.theme import TEXT, ui_font


class ElidedLabel(QLabel):
    """One line whose middle is left out where it does not fit; whoever shows it has the whole text as tool tip."""

    def __init__(self, font: QFont) -> None:
        super().__init__()
        self.setFont(font)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The text in the label's own colour."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()


def heading(text: str) -> QLabel:
    """The name of a part of a panel."""
    label = QLabel(text)
    label.setFont(ui_font(bold=True))
    return label


def words(kind: str, text: str = "") -> QLabel:
    """A wrapped sentence; `kind` is a name of the style sheet (``secondary``, ``problem``)."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setObjectName(kind)
    label.setWordWrap(True)
    return label


def group(layout: QVBoxLayout) -> tuple[QWidget, QVBoxLayout]:
    """A box without edges in a panel, that is shown or hidden as one."""
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    layout.addWidget(box)
    return box, column


def icon_button(icon: str, what: str) -> QToolButton:
    """A button with a picture and its words as tool tip."""
    button = QToolButton()
    button.setIcon(qtawesome.icon(icon, color=TEXT))
    button.setToolTip(what)
    button.setAccessibleName(what)
    return button


def narrow_box(name: str, tooltip: str = "") -> QComboBox:
    """A box of choices that a panel may be narrower than."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(tooltip or name)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return box


def enable_row(box: QComboBox, row: int, enabled: bool) -> None:
    """Let one choice of a box be chosen or not."""
    model = box.model()
    item: QStandardItem | None = model.item(row) if isinstance(model, QStandardItemModel) else None
    if item is not None:
        item.setEnabled(enabled)


def clear_layout(layout: QLayout) -> None:
    """Take every widget out of a layout."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.setParent(None)
            widget.deleteLater()
