"""Ties a segmentation to Review: its size, Dice and IoU against a reference, and who looked at it for how long."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from ctgaze_app.ct.volume import Volume
from ctgaze_app.review.layers import Layer
from ctgaze_app.review.mask_dwell import mask_dwell
from ctgaze_app.review.mask_overlap import MaskOverlap, mask_overlap
from ctgaze_app.review.mask_parts import mask_of
from ctgaze_app.review.replay import ReplayFixation
from ctgaze_app.ui.review.layer_content import LayerContent
from ctgaze_app.ui.review.mask_layer import MaskItem
from ctgaze_app.ui.review.mask_panel import MaskPanel, Rows
from ctgaze_app.ui.review.reference_control import ReferenceControl
from ctgaze_app.ui.theme import TEXT
from models.predictions import SegmentationPrediction

ReaderFixations = tuple[str, Sequence[ReplayFixation]]


class MaskReview:
    """Shows the selected segmentation's figures and the outline of the reference.

    `outline_changed` is called when another outline, or none, is drawn.
    """

    def __init__(self, panel: MaskPanel, outline: MaskItem) -> None:
        self.panel, self.reference = panel, ReferenceControl()
        self._outline = outline
        self._outline.set_look(QColor(TEXT), 0.9)
        self._mask: NDArray[np.bool_] | None = None
        self._of: tuple[object, str, tuple[str, ...]] = (None, "", ())
        self._size: Rows = ()
        self._dwell: Rows = ()
        self._note = ""
        self._overlap: tuple[object, object, MaskOverlap] | None = None
        self._slice = -1
        self.outline_changed: Callable[[], None] = lambda: None
        self._drawn: NDArray[np.bool_] | None = None
        panel.reference_chosen.connect(self.reference.load)
        panel.reference_switched.connect(self.reference.set_visible)
        self.reference.changed.connect(self._show_reference)

    def show(
        self, layer: Layer, content: LayerContent, volume: Volume | None, readers: Sequence[ReaderFixations]
    ) -> None:
        """Show one layer's figures, and how long each reader looked at it."""
        prediction = content.prediction
        assert isinstance(prediction, SegmentationPrediction)
        of = (prediction, layer.part, tuple(name for name, _ in readers))
        if self._mask is None or self._of != of:
            if self._mask is None or self._of[:2] != of[:2]:
                self._mask = mask_of(prediction, layer.part)
            self._of = of
            self._size = _size(self._mask, volume)
            self._dwell, self._note = _dwell(self._mask, readers, volume)
        self.panel.show_mask(self._size, self._dwell, self._note)
        self._show_reference()

    def forget(self) -> None:
        """Another layer is selected, or none: what was counted of this one goes."""
        self._mask, self._of, self._overlap = None, (None, "", ()), None

    @property
    def reference_drawn(self) -> bool:
        """Whether there is a reference to draw."""
        return self.reference.mask is not None and self.reference.visible

    def show_slice(self, slice_index: int) -> None:
        """Another slice is shown."""
        if slice_index != self._slice:
            self._slice = slice_index
            if self.panel.isVisible():
                self._show_reference()

    def _show_reference(self) -> None:
        found = self.reference.mask
        drawn = found.mask_kji if found is not None and self.reference.visible else None
        if drawn is not self._drawn:
            self._drawn = drawn
            self._outline.set_mask(None if drawn is None else drawn.view(np.uint8))
            self._outline.show_slice(self._slice)
            self.outline_changed()
        self.panel.show_reference(self.reference, self._overlap_rows())

    def _overlap_rows(self) -> Rows:
        mask, found = self._mask, self.reference.mask
        if mask is None or found is None or mask.shape != found.mask_kji.shape:
            return ()
        kept = self._overlap
        if kept is None or kept[0] is not mask or kept[1] is not found.mask_kji:
            kept = self._overlap = mask, found.mask_kji, mask_overlap(mask, found.mask_kji)
        rows = [("Dice", _score(kept[2].dice)), ("IoU", _score(kept[2].iou))]
        if 0 <= self._slice < len(mask):
            here = mask_overlap(mask[self._slice], found.mask_kji[self._slice])
            rows.append(("Dice, this slice", _score(here.dice)))
        return tuple(rows)


def _size(mask_kji: NDArray[np.bool_], volume: Volume | None) -> Rows:
    voxels = int(np.count_nonzero(mask_kji))
    rows = [("Slices", f"{int(mask_kji.any(axis=(1, 2)).sum())} of {len(mask_kji)}")]
    if volume is not None and volume.has_mm:
        voxel_mm3 = abs(float(np.linalg.det(volume.affine_lps[:3, :3])))
        return (("Volume", f"{voxels * voxel_mm3 / 1000:.1f} ml"), *rows)
    return (("Pixels", f"{voxels}"), *rows)


def _dwell(mask_kji: NDArray[np.bool_], readers: Sequence[ReaderFixations], volume: Volume | None) -> tuple[Rows, str]:
    """Seconds inside and outside of each reader, and a line that says what would come about by chance."""
    spacing = volume.pixel_spacing_ij_mm if volume is not None and volume.has_mm else None
    rows, notes = [], []
    for name, fixations in readers:
        placed = [one for one in fixations if one.on_image]
        found = mask_dwell(
            mask_kji,
            [(one.voxel[0], one.voxel[1], float(one.slice_index)) for one in placed],
            [one.duration_s for one in placed],
            uncertainty_mm=[one.uncertainty_mm for one in placed],
            spacing_ij_mm=spacing,
        )
        rows.append((name, f"{found.inside_s:.1f} s inside, {found.outside_s:.1f} s outside"))
        if math.isfinite(found.inside_share):
            near = ""
            if math.isfinite(found.within_uncertainty_s):
                near = f"; {found.within_uncertainty_s:.1f} s within the gaze's uncertainty"
            notes.append(
                f"{name}: {100 * found.inside_share:.1f} % inside, {100 * found.expected_share:.1f} % by chance{near}."
            )
    return tuple(rows), "\n".join(notes)


def _score(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "n/a (both are empty)"
