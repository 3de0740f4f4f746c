"""The figures of a segmentation on Review's right side: how large it is, Dice against a reference, dwell in and out."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ctgaze_app.ui.review.panel_parts import group, heading, words
from ctgaze_app.ui.review.reference_control import ReferenceControl
from ctgaze_app.ui.theme import ui_font

Rows = tuple[tuple[str, str], ...]
NO_REFERENCE = "No reference mask. One that is loaded gives Dice and IoU."
READING = "Reading the reference"
FILES = "Masks and lesions (*.nii *.nii.gz *.dcm *.xml *.csv);;All files (*)"


class MaskPanel(QWidget):
    """Shows figures; emits what is asked.

    Signals
    -------
    reference_chosen(Path), reference_switched(bool)
    """

    reference_chosen = Signal(object)
    reference_switched = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 14)
        column.setSpacing(6)
        column.addWidget(heading("Segmentation"))
        self.extent = _Form(column)
        column.addWidget(heading("Reference"))
        self.reference = words("secondary")
        column.addWidget(self.reference)
        self.problem = words("problem")
        column.addWidget(self.problem)
        self.overlap = _Form(column)
        box, inner = group(column)
        self.load = QPushButton("Load reference")
        self.load.setObjectName("beside")
        self.load.setToolTip("NIfTI mask, DICOM SEG or SR, LIDC XML or boxes in CSV, of this scan")
        self.load.clicked.connect(self._choose)
        inner.addWidget(self.load)
        self.outline = QCheckBox("Outline of the reference")
        self.outline.setToolTip("A solid white line over the slices")
        self.outline.toggled.connect(self.reference_switched)
        inner.addWidget(self.outline)
        column.addWidget(box)
        column.addWidget(heading("Readers' dwell"))
        self.dwell = _Form(column)
        self.note = words("secondary")
        column.addWidget(self.note)

    def show_mask(self, size: Rows, dwell: Rows, note: str) -> None:
        """Figures of one segmentation."""
        self.extent.show_rows(size)
        self.dwell.show_rows(dwell)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def show_reference(self, control: ReferenceControl, overlap: Rows) -> None:
        """The reference mask, and how far the segmentation agrees with it."""
        mask = control.mask
        if control.busy:
            self.reference.setText(READING)
        elif mask is None:
            self.reference.setText(NO_REFERENCE)
        else:
            self.reference.setText(f"{mask.name}: {mask.regions} region{'' if mask.regions == 1 else 's'}")
        self.problem.setText(control.problem)
        self.problem.setVisible(bool(control.problem))
        self.load.setEnabled(not control.busy)
        self.outline.setVisible(mask is not None)
        self.outline.blockSignals(True)
        self.outline.setChecked(control.visible)
        self.outline.blockSignals(False)
        self.overlap.show_rows(overlap)

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Reference mask of this scan", "", FILES)
        if chosen:
            self.reference_chosen.emit(Path(chosen))


class _Form:
    """Rows of label and value."""

    def __init__(self, column: QVBoxLayout) -> None:
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(3)
        self._form.setContentsMargins(0, 0, 0, 8)
        column.addLayout(self._form)
        self.rows: Rows = ()

    def show_rows(self, rows: Rows) -> None:
        """Replace what is shown."""
        if rows == self.rows:
            return
        self.rows = rows
        while self._form.rowCount():
            self._form.removeRow(0)
        for name, value in rows:
            label, field = words("secondary", name), QLabel(value)
            label.setWordWrap(False)
            field.setFont(ui_font())
            self._form.addRow(label, field)
