"""A column of fixed width in the middle of a page, whose wrapped texts get the height that they need."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget


def centred_column(page: QWidget, width: int) -> QVBoxLayout:
    """Lay out a page with stretches around a column of `width` logical pixels; returns the column's layout.

    Alignment flags would do the same but make Qt ignore the height that wrapped text needs at that width.
    """
    column = QWidget()
    column.setFixedWidth(width)
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(16)
    row = QHBoxLayout()
    row.addStretch()
    row.addWidget(column)
    row.addStretch()
    outer = QVBoxLayout(page)
    outer.addStretch()
    outer.addLayout(row)
    outer.addStretch()
    return layout
