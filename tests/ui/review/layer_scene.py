"""Made predictions of every task and a second reader's session, beside the session of `model_scene`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from models.predictions import (
    ClassificationPrediction,
    Findings,
    SaliencyPrediction,
    SegmentationPrediction,
    SliceEvidence,
)
from tests.ui.review.model_scene import SLICES, VOLUME, ModelScene
from tests.ui.review.scene import manifest

SIZE = 48
LABELS = ("Nodule", "Effusion", "Emphysema")
MASK_SLICES = slice(10, 14)
MASK_ROWS, MASK_COLUMNS = slice(20, 30), slice(5, 15)
COLLAPSED = "level 2 found nothing while another level did"
MASK_FILE = "1_segmenter-1.0_22222222.json"
FINDINGS_FILE = "1_classifier-2.0_33333333.json"
HEAT_FILE = "1_gazer-3.0_44444444.json"


def _common(model: str, version: str, case: str) -> dict[str, Any]:
    return {
        "case": case, "patient": case, "shape_kji": (SLICES, SIZE, SIZE), "model": model, "version": version,
        "model_sha256": "e" * 64, "volume_sha256": VOLUME, "device": "cpu", "seconds": 1.5,
    }  # fmt: skip


def segmentation(case: str = "case01") -> SegmentationPrediction:
    """A box of 4 slices of 10 x 10 pixels; level 2 has collapsed."""
    inside = np.zeros((SLICES, SIZE, SIZE), dtype=np.uint8)
    inside[MASK_SLICES, MASK_ROWS, MASK_COLUMNS] = 200
    return SegmentationPrediction(
        structure="nodule", probability_kji=inside, levels_kji={"level 1": inside, "level 2": 0 * inside},
        seen_k=np.ones(SLICES, dtype=bool), parameters={"warnings": [COLLAPSED]}, **_common("segmenter", "1.0", case),
    )  # fmt: skip


def classification(case: str = "case01") -> ClassificationPrediction:
    """Three findings; the nodule is on slice 12 by gradient and on 20 when left out; the last was not seen."""
    seen = np.ones(SLICES, dtype=bool)
    seen[-1] = False
    curves = np.zeros((2, len(LABELS), SLICES), dtype=np.float32)
    curves[0, 0, 12], curves[1, 0, 20], curves[0, 1, 3] = 0.5, 0.25, -0.125
    return ClassificationPrediction(
        findings=Findings(LABELS, (0.4, 0.9, 0.1), (0.3, 0.95, 0.5)),
        evidence=(SliceEvidence("gradient x input", curves[0], seen), SliceEvidence("leave one out", curves[1], seen)),
        **_common("classifier", "2.0", case),
    )


def saliency(case: str = "case01") -> SaliencyPrediction:
    """Two maps, each hot at one pixel of slice 5."""
    maps = {name: np.zeros((SLICES, SIZE, SIZE), dtype=np.uint8) for name in ("predicted gaze", "Grad-CAM")}
    maps["predicted gaze"][5, 10, 10] = maps["Grad-CAM"][5, 40, 40] = 255
    return SaliencyPrediction(
        maps_kji=maps, findings=Findings(("Normal", "CHF"), (0.2, 0.8)), **_common("gazer", "3.0", case)
    )


def add_reader(models: ModelScene, reader: str = "r02", *, case: str = "case01", processed: bool = True) -> Path:
    """A closed session beside the scene's own, of the same CT for the same case: ten fixations on slices 0 to 9.

    Each lasts one second.
    """
    folder = models.folder.parent / f"session of {reader}"
    (folder / "derived").mkdir(parents=True)
    made = manifest(models.session.volumes[0], 1)
    trial = made.trials[0].model_copy(update={"case": case})
    series = [made.series[0] if case == "case01" else made.series[0].model_copy(update={"digest": case})]
    changes = {"state": "complete", "reader": reader, "session": f"{reader}_x", "trials": [trial], "series": series}
    (folder / "session.json").write_text(
        made.model_copy(update=changes).model_dump_json(by_alias=True), encoding="utf-8"
    )
    if not processed:
        return folder
    with (folder / "derived" / "fixations.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = csv.DictWriter(stream, fieldnames=list(_fixation(1)))
        rows.writeheader()
        rows.writerows(_fixation(number) for number in range(1, 11))
    return folder


def _fixation(number: int) -> dict[str, float]:
    slice_index = number - 1
    return {
        "trial": 1, "fixation": number, "onset_lsl": 5000.0 + number, "onset_s": float(number), "duration_s": 0.9,
        "slice_index": slice_index, "slice_first": slice_index, "slice_last": slice_index, "x_voxel": 10.0,
        "y_voxel": 25.0, "z_voxel": float(slice_index), "x_mm": 0.0, "y_mm": 0.0, "z_mm": 0.0, "uncertainty_mm": 1.0,
        "x_screen_px": 0.0, "y_screen_px": 0.0,
    }  # fmt: skip
