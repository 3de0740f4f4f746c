"""The list of layers on Review's left side: an eye, what the layer looks like, its name; one row is selected."""

from __future__ import annotations

from collections.abc import Callable

import qtawesome
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ctgaze_app.review.layers import Layer, LayerList
from ctgaze_app.ui.review.layer_look import SWATCH_PX, draw_swatch
from ctgaze_app.ui.review.panel_parts import ElidedLabel, clear_layout
from ctgaze_app.ui.theme import FOCUS, RAISED, TEXT, TEXT_DISABLED, TEXT_SECONDARY, ui_font

_EYE_STYLE = "QToolButton { border: 0; background: transparent; padding: 3px; }"


class LayerRows(QWidget):
    """Shows a `LayerList`.

    Signals
    -------
    selected(str), switched(str, bool)
        Key of a layer; whether it is to be visible.
    """

    selected = Signal(str)
    switched = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Readers and models over the slices")
        self.rows: dict[str, LayerRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)

    def show_state(self, layers: LayerList, loading: Callable[[str], str] = lambda key: "") -> None:
        """One row a layer; rows of known layers stay, so that the keyboard's place does.

        `loading` gives by key how far a layer is that is being loaded.
        """
        if list(self.rows) != [one.key for one in layers.layers]:
            clear_layout(self._column)
            self.rows = {one.key: LayerRow(one) for one in layers.layers}
            for key, row in self.rows.items():
                row.selected.connect(lambda name=key: self.selected.emit(name))
                row.eye.clicked.connect(lambda shown, name=key: self.switched.emit(name, shown))
                row.stepped.connect(lambda step, name=key: self._step(name, step))
                self._column.addWidget(row)
        chosen = layers.selected
        for one in layers.layers:
            is_chosen = chosen is not None and chosen.key == one.key
            self.rows[one.key].show_state(one, selected=is_chosen, loading=loading(one.key))

    def _step(self, key: str, step: int) -> None:
        keys = list(self.rows)
        place = keys.index(key) + step
        if 0 <= place < len(keys):
            self.rows[keys[place]].setFocus(Qt.FocusReason.TabFocusReason)
            self.selected.emit(keys[place])


class LayerRow(QWidget):
    """One layer."""

    selected = Signal()
    stepped = Signal(int)

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self._selected = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 3, 4, 3)
        row.setSpacing(8)
        self.eye = QToolButton()
        self.eye.setCheckable(True)
        self.eye.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.eye.setStyleSheet(_EYE_STYLE)
        row.addWidget(self.eye)
        self._swatch = _Swatch(layer)
        row.addWidget(self._swatch)
        words = QVBoxLayout()
        words.setSpacing(0)
        self.title, self.note = ElidedLabel(ui_font()), ElidedLabel(ui_font(8.5))
        self.note.setStyleSheet(f"color: {TEXT_SECONDARY}")
        words.addWidget(self.title)
        words.addWidget(self.note)
        row.addLayout(words, 1)

    def show_state(self, layer: Layer, *, selected: bool, loading: str = "") -> None:
        """Show a layer's look, or how far it is loaded."""
        entry = layer.entry
        self._swatch.show_layer(layer)
        self.eye.setChecked(layer.shown)
        self.eye.setEnabled(not entry.problem)
        self.eye.setIcon(
            qtawesome.icon("mdi6.eye-outline", color=TEXT)
            if layer.shown
            else qtawesome.icon("mdi6.eye-off-outline", color=TEXT_DISABLED)
        )
        what = f"{'Hide' if layer.shown else 'Show'} {entry.title}"
        self.eye.setToolTip(entry.problem or what)
        self.eye.setAccessibleName(what)
        self.title.setText(entry.title)
        self.title.setStyleSheet(f"color: {TEXT if layer.shown else TEXT_SECONDARY}")
        self.note.setText(loading or entry.note)
        self.setToolTip("\n".join(line for line in (entry.title, entry.note, entry.doubt) if line))
        self.setAccessibleName(f"{entry.title}, {entry.note}, {'shown' if layer.shown else 'hidden'}")
        if selected != self._selected:
            self._selected = selected
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select it."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.selected.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down go through the rows, Space shows or hides, Enter selects."""
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.stepped.emit(1 if key == Qt.Key.Key_Down else -1)
        elif key == Qt.Key.Key_Space:
            self.eye.click()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.selected.emit()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Space switches this row, and does not play."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Space
        ):
            event.accept()
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keyboard is."""
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """No longer."""
        self.update()
        super().focusOutEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The selected row is raised and has a bar at its left."""
        painter = QPainter(self)
        if self._selected:
            painter.fillRect(self.rect(), QColor(RAISED))
            painter.fillRect(QRectF(0, 0, 3, self.height()), QColor(FOCUS))
        if self.hasFocus():
            painter.setPen(QColor(FOCUS))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()


class _Swatch(QWidget):
    """What a layer looks like."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self._layer = layer
        self.setFixedSize(QSize(int(SWATCH_PX), 16))

    def show_layer(self, layer: Layer) -> None:
        if layer != self._layer:
            self._layer = layer
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Faint while the layer is hidden."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setOpacity(1.0 if self._layer.shown else 0.4)
        draw_swatch(painter, self._layer, QRectF(self.rect()))
        painter.end()
