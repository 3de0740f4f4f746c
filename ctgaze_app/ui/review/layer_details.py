"""What can be changed of the selected layer: opacity, colour, which path, level or map; and taking it away."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from ctgaze_app.review.layers import COLOURS, LEAST_OPACITY, Layer
from ctgaze_app.review.mask_parts import ENSEMBLE, level_names
from ctgaze_app.review.totals import format_time
from ctgaze_app.ui.review.layer_content import LayerContent
from ctgaze_app.ui.review.layer_items import map_name
from ctgaze_app.ui.review.panel_parts import group, heading, icon_button, narrow_box, words
from ctgaze_app.ui.theme import ui_font
from models.predictions import RESEARCH_ONLY, SaliencyPrediction, SegmentationPrediction

WHOLE, IN_TIME = "The whole path", "As time passes"


class LayerDetails(QWidget):
    """Shows one layer; emits what is meant.

    Signals
    -------
    opacity_chosen(float), colour_chosen(int), path_chosen(int), part_chosen(str)
        A path counts from 0; a part is a level or a map.
    in_time_switched(bool), remove_asked()
    """

    opacity_chosen = Signal(float)
    colour_chosen = Signal(int)
    path_chosen = Signal(int)
    part_chosen = Signal(str)
    in_time_switched = Signal(bool)
    remove_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layer: Layer | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 14)
        column.setSpacing(6)
        self.title = heading("")
        self.title.setWordWrap(True)
        column.addWidget(self.title)
        self.label = words("secondary")
        column.addWidget(self.label)
        self._add_paths(column)
        self.part = narrow_box("Part of the prediction")
        self.part.activated.connect(lambda row: self.part_chosen.emit(self.part.itemData(row)))
        column.addWidget(self.part)
        self.pace = narrow_box(
            "How much of the path",
            "The whole path on the slice that is shown, or as if it was read along with the reader",
        )
        self.pace.addItems([WHOLE, IN_TIME])
        self.pace.currentIndexChanged.connect(lambda index: self.in_time_switched.emit(index == 1))
        column.addWidget(self.pace)
        self._add_look(column)
        self.made = words("secondary")
        column.addWidget(self.made)

    def show_layer(self, layer: Layer | None, content: LayerContent | None) -> None:
        """Show what can be changed of a layer; nothing for none."""
        self._layer = layer
        self.setVisible(layer is not None)
        if layer is None or content is None:
            return
        prediction, usable = content.prediction, not layer.entry.problem
        self.title.setText(layer.entry.title)
        self.label.setText(RESEARCH_ONLY if layer.by_model else layer.entry.note)
        self._paths.setVisible(len(content.paths) > 1)
        self.pace.setVisible(bool(content.paths))
        if content.paths:
            path = content.paths[min(layer.path, len(content.paths) - 1)]
            self.path.setText(f"Path {path.number} of {len(content.paths)}")
            self.previous.setEnabled(layer.path > 0)
            self.next.setEnabled(layer.path < len(content.paths) - 1)
            lines = [f"{len(path.fixations)} fixations, {format_time(path.duration_s)}", content.made]
        else:
            lines = [content.made, layer.entry.doubt] if usable else [layer.entry.problem]
        self.made.setText("\n".join(line for line in lines if line))
        self.made.setVisible(bool(self.made.text()))
        if isinstance(prediction, SegmentationPrediction):
            self._fill_parts("Level of the network", level_names(prediction), layer.part or ENSEMBLE)
        elif isinstance(prediction, SaliencyPrediction):
            self._fill_parts("Map that is shown", tuple(prediction.maps_kji), map_name(prediction, layer.part))
        else:
            self.part.hide()
        with QSignalBlocker(self.opacity):
            self.opacity.setValue(round(100 * layer.opacity))
        drawn = usable and layer.entry.kind != "classification"
        self._look.setVisible(drawn or layer.by_model)
        self._opacity_words.setVisible(drawn)
        self.opacity.setVisible(drawn)
        self.colour.setVisible(layer.by_model and usable)
        self.remove.setVisible(layer.by_model)

    def _add_paths(self, column: QVBoxLayout) -> None:
        self._paths, inner = group(column)
        row = QHBoxLayout()
        row.setSpacing(4)
        self.previous = icon_button("mdi6.chevron-left", "Previous path")
        self.next = icon_button("mdi6.chevron-right", "Next path")
        self.path = QLabel()
        self.path.setFont(ui_font())
        self.previous.clicked.connect(lambda: self._step(-1))
        self.next.clicked.connect(lambda: self._step(1))
        row.addWidget(self.path, 1)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        inner.addLayout(row)

    def _add_look(self, column: QVBoxLayout) -> None:
        self._look, inner = group(column)
        row = QHBoxLayout()
        row.setSpacing(4)
        self._opacity_words = words("secondary", "Opacity")
        self._opacity_words.setWordWrap(False)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setAccessibleName("Opacity of the selected layer")
        self.opacity.setToolTip("Opacity of the selected layer")
        self.opacity.setRange(round(100 * LEAST_OPACITY), 100)
        self.opacity.valueChanged.connect(lambda value: self.opacity_chosen.emit(value / 100))
        self.colour = icon_button("mdi6.palette-outline", "Next colour")
        self.colour.clicked.connect(self._next_colour)
        self.remove = icon_button("mdi6.trash-can-outline", "Delete this prediction")
        self.remove.clicked.connect(self.remove_asked)
        row.addWidget(self._opacity_words)
        row.addWidget(self.opacity, 1)
        row.addStretch()
        row.addWidget(self.colour)
        row.addWidget(self.remove)
        inner.addLayout(row)

    def _fill_parts(self, name: str, parts: tuple[str, ...], chosen: str) -> None:
        self.part.setAccessibleName(name)
        self.part.setToolTip(name)
        if [self.part.itemData(row) for row in range(self.part.count())] != list(parts):
            self.part.clear()
            for part in parts:
                self.part.addItem(part[:1].upper() + part[1:], part)
        self.part.setCurrentIndex(max(self.part.findData(chosen), 0))
        self.part.setVisible(len(parts) > 1)

    def _step(self, step: int) -> None:
        if self._layer is not None:
            self.path_chosen.emit(self._layer.path + step)

    def _next_colour(self) -> None:
        if self._layer is not None:
            self.colour_chosen.emit((self._layer.colour + 1) % COLOURS)
