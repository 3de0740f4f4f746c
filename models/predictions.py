"""What models predict: one type for each task, with what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.scanpath import Scanpath

RESEARCH_ONLY = "model, research only"
"""Stands beside every prediction that is shown."""


@dataclass(frozen=True, eq=False)
class ScanpathPrediction:
    """Sampled scan paths of one volume.

    Attributes
    ----------
    paths
        Sampled independently (with a consensus: each chosen from several samples), `source` "model", `who` the model's
        name; trial ``sample 1``, ``sample 2``, ...
    model, version, model_sha256
        Which weights.
    volume_sha256
        Of the volume that was predicted on (`CtVolume.digest`).
    device
        ``cpu`` or the GPU's name.
    seconds
        Encoding and sampling together; not part of what must repeat.
    parameters
        Seed, count, length, temperature, consensus, reader, task, torch version and threads.
    """

    paths: tuple[Scanpath, ...] = field(repr=False)
    model: str
    version: str
    model_sha256: str
    volume_sha256: str
    device: str
    seconds: float
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """Labels and how probable a model takes each to be; they do not exclude each other.

    Attributes
    ----------
    labels
        In the model's order.
    probabilities
        0..1, one a label.
    thresholds
        From which probability on a label counts as found, chosen on validation patients; empty where nobody chose.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    thresholds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.probabilities) or len(self.thresholds) not in (0, len(self.labels)):
            raise ModelError(f"{len(self.labels)} labels, {len(self.probabilities)} probabilities")


@dataclass(frozen=True, eq=False)
class SliceEvidence:
    """What each stored slice contributed to each label's logit, spread evenly over the slices that a token saw.

    Attributes
    ----------
    method
        ``gradient x input`` or ``leave one out``.
    contribution_lk
        (labels, slices k as stored) float32, in logits; 0 where the network did not look (cropped slices).
    seen_k
        (slices,) bool: slices that the network looked at.
    """

    method: str
    contribution_lk: NDArray[np.float32] = field(repr=False)
    seen_k: NDArray[np.bool_] = field(repr=False)


def warnings_of(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """What a prediction's parameters say may be wrong with it; a file may say anything there."""
    found = parameters.get("warnings")
    return tuple(str(one) for one in found) if isinstance(found, list | tuple) else ()


@dataclass(frozen=True, eq=False, kw_only=True)
class VolumePrediction:
    """What every prediction on a volume's own voxels says.

    Attributes
    ----------
    case, patient, shape_kji, affine_lps
        Of the volume as it is stored; the affine is None where nobody knows it (a photograph).
    model, version, model_sha256, volume_sha256, device, seconds, parameters
        As in `ScanpathPrediction`.
    """

    case: str
    patient: str
    shape_kji: tuple[int, int, int]
    affine_lps: NDArray[np.float64] | None = field(default=None, repr=False)
    model: str
    version: str
    model_sha256: str
    volume_sha256: str
    device: str
    seconds: float
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what may be wrong with it."""
        return warnings_of(self.parameters)

    def _check(self, name: str, array: NDArray[Any]) -> None:
        if array.shape != self.shape_kji or array.dtype != np.uint8:
            raise ModelError(f"{name}: {array.dtype} {array.shape}, not uint8 {self.shape_kji}", place=self.case)


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassificationPrediction(VolumePrediction):
    """Which findings a volume or picture has.

    Attributes
    ----------
    findings
        Of the whole volume.
    evidence
        By method; empty for a network that has none.
    """

    findings: Findings
    evidence: tuple[SliceEvidence, ...] = ()

    def __post_init__(self) -> None:
        for one in self.evidence:
            if one.contribution_lk.shape != (len(self.findings.labels), self.shape_kji[0]):
                raise ModelError(f"evidence of the shape {one.contribution_lk.shape}", place=self.case)


@dataclass(frozen=True, eq=False, kw_only=True)
class SegmentationPrediction(VolumePrediction):
    """Where a structure is.

    Attributes
    ----------
    structure
        What is segmented, in plain words: ``lesion``, ``polyp``, ``prostate``.
    probability_kji
        (K, J, I) uint8: 255 times the probability.
    threshold
        The mask is where the probability is at least this.
    levels_kji
        The same of each level of a network that has several, by name: they may disagree, and one may have collapsed.
    seen_k
        (K,) bool: slices that the network was asked about.
    """

    structure: str
    probability_kji: NDArray[np.uint8] = field(repr=False)
    threshold: float = 0.5
    levels_kji: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict, repr=False)
    seen_k: NDArray[np.bool_] = field(repr=False)

    def __post_init__(self) -> None:
        self._check("probability", self.probability_kji)
        for name, level in self.levels_kji.items():
            self._check(name, level)

    @property
    def mask_kji(self) -> NDArray[np.bool_]:
        """(K, J, I) where the structure is."""
        return self.probability_kji >= self.least_value

    def level_mask_kji(self, name: str) -> NDArray[np.bool_]:
        """(K, J, I) where one level alone says the structure is."""
        return self.levels_kji[name] >= self.least_value

    @property
    def least_value(self) -> np.uint8:
        """The mask is where a map is at least this, in 1..255."""
        return np.uint8(max(1, round(255 * self.threshold)))


@dataclass(frozen=True, eq=False, kw_only=True)
class SaliencyPrediction(VolumePrediction):
    """Where people would look, and what the network itself looked at.

    Attributes
    ----------
    maps_kji
        (K, J, I) uint8 by name (``predicted gaze``, ``Grad-CAM``): 255 is the map's own largest value.
    findings
        Of a network that also classifies; else None.
    """

    maps_kji: Mapping[str, NDArray[np.uint8]] = field(repr=False)
    findings: Findings | None = None

    def __post_init__(self) -> None:
        for name, one in self.maps_kji.items():
            self._check(name, one)


Prediction = ScanpathPrediction | ClassificationPrediction | SegmentationPrediction | SaliencyPrediction
"""One type for each task of a card."""
