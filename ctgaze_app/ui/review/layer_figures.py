"""The second page of Review's right side: the figures of the selected layer, by what it is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from ctgaze_app.ui.review.findings_panel import FindingsPanel
from ctgaze_app.ui.review.layer_details import LayerDetails
from ctgaze_app.ui.review.mask_panel import MaskPanel
from ctgaze_app.ui.review.model_numbers import ModelNumbers
from ctgaze_app.ui.review.panel_parts import words

NOTHING = "Select a reader or a model in the list at the left to see its figures."
HIDDEN_LAYER = "This layer is hidden: switch its eye on."
LOADING_LAYER = "Loading this layer. Switching its eye off stops that."


class LayerFigures(QScrollArea):
    """Holds a part for each kind of layer and shows those of the selected one; paths are always compared."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 12, 12, 12)
        column.setSpacing(4)
        self.hint = words("secondary", NOTHING)
        self.details = LayerDetails()
        self.findings, self.masks, self.paths = FindingsPanel(), MaskPanel(), ModelNumbers()
        for part in (self.details, self.hint, self.findings, self.masks, self.paths):
            column.addWidget(part)
        column.addStretch(1)
        self.setWidget(body)
        self.setMinimumWidth(240)

    def show_parts(self, *, findings: bool, mask: bool, paths: bool, why_none: str = "") -> None:
        """Which parts are about what is selected; `why_none` says why there are none."""
        self.findings.setVisible(findings)
        self.masks.setVisible(mask)
        self.paths.setVisible(paths)
        self.hint.setText(why_none or NOTHING)
        self.hint.setVisible(bool(why_none) or self.details.isHidden())
