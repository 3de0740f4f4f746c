"""Small predictions of every task, for the tests of what keeps, shows and tells them."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.predictions import (
    ClassificationPrediction,
    Findings,
    SaliencyPrediction,
    SegmentationPrediction,
    SliceEvidence,
)

SHAPE = (4, 5, 6)
AFFINE = np.diag([0.7, 0.7, -2.5, 1.0])


def common(**changes: Any) -> dict[str, Any]:
    """What all of them say."""
    return {
        "case": "c1", "patient": "p1", "shape_kji": SHAPE, "affine_lps": AFFINE, "model": "tiny", "version": "1.0",
        "model_sha256": "a" * 64, "volume_sha256": "b" * 64, "device": "cpu", "seconds": 1.5,
        "parameters": {"threads": 1, "levels": ("a", "b")}, **changes,
    }  # fmt: skip


def classification(**changes: Any) -> ClassificationPrediction:
    """Two labels, one method of evidence."""
    evidence = SliceEvidence(
        "leave one out",
        np.array([[0.5, -1.25, 0, 0], [1e-8, 2, 3, 4]], dtype=np.float32),
        np.array([True, True, True, False]),
    )
    findings = Findings(("nodule", "effusion"), (0.25, 0.75), (0.5, 0.6))
    return ClassificationPrediction(**{**common(), "findings": findings, "evidence": (evidence,), **changes})


def segmentation(**changes: Any) -> SegmentationPrediction:
    """A box of probability 0.8 in a volume, and one level."""
    probability = np.zeros(SHAPE, dtype=np.uint8)
    probability[1:3, 1:4, 2:5] = 204
    own = {
        "structure": "lesion",
        "probability_kji": probability,
        "levels_kji": {"80 %": probability // 2},
        "seen_k": np.array([True, True, True, False]),
    }
    return SegmentationPrediction(**{**common(), **own, **changes})


def saliency(**changes: Any) -> SaliencyPrediction:
    """A picture without millimetres."""
    maps = {name: np.full((1, 5, 6), value, dtype=np.uint8) for name, value in (("predicted gaze", 7), ("Grad-CAM", 9))}
    own = {"maps_kji": maps, "findings": Findings(("CHF",), (0.5,)), "shape_kji": (1, 5, 6), "affine_lps": None}
    return SaliencyPrediction(**{**common(), **own, **changes})
