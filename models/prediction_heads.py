"""What a list of predictions says of each: by which model, of what, when it counts; without paths, masks or maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

GAZE_DIGEST = "gaze_sha256"
"""Parameter of a prediction that took a reader's gaze: `models.gaze_classifier.picture_gaze.gaze_digest` of it."""


@dataclass(frozen=True, eq=False)
class PredictionHead:
    """One prediction without what it predicts.

    Attributes
    ----------
    task
        As on cards.
    names
        Of what it holds: its paths, its findings' labels, the structure that it segments, or its maps.
    size_bytes
        Of its arrays, unpacked.
    case, model, version, model_sha256, volume_sha256, device, seconds, parameters
        As in `models.predictions.VolumePrediction`.
    """

    task: Literal["scanpath", "classification", "segmentation", "saliency"]
    names: tuple[str, ...]
    size_bytes: int
    case: str
    model: str
    version: str
    model_sha256: str
    volume_sha256: str
    device: str
    seconds: float
    parameters: Mapping[str, Any] = field(repr=False)

    @property
    def gaze_reader(self) -> str:
        """Code of the reader whose gaze the model took; empty for one that took none."""
        return str(self.parameters.get("reader") or "") if self.parameters.get("frames") else ""

    @property
    def gaze_sha256(self) -> str:
        """Digest of the gaze that the model took; empty where none was taken, or none was noted."""
        return str(self.parameters.get(GAZE_DIGEST, ""))
