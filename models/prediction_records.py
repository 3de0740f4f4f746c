"""Predictions as plain records for JSON, with every field checked: one for each task, one head for all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.errors import ModelError
from models.packed_arrays import Claim, PackedArray, check_claims, pack
from models.prediction_heads import PredictionHead
from models.predictions import (
    RESEARCH_ONLY,
    ClassificationPrediction,
    Findings,
    SaliencyPrediction,
    SegmentationPrediction,
    SliceEvidence,
    VolumePrediction,
)

MOST_LABELS = 1000
MOST_MAPS = 32

Code = Annotated[str, Field(max_length=200)]
Size = Annotated[int, Field(ge=1, le=65_536)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Plain = str | int | float | bool | None
Share = Annotated[float, Field(ge=0, le=1)]
Task = Literal["scanpath", "classification", "segmentation", "saliency"]
Arrays = Mapping[str, NDArray[Any]]
"""Unpacked, by the name of their claim."""


class Record(BaseModel):
    """Unknown fields, numbers written as text and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Head(Record):
    """What every prediction says of its model, its case and how it was made."""

    TASK: ClassVar[Task]

    schema_version: Literal[1] = Field(alias="schema")
    note: str
    model: Code
    version: Code
    model_sha256: Digest
    case: Code
    patient: Code
    volume_sha256: Digest
    shape_kji: tuple[Size, Size, Size]
    affine_lps: tuple[tuple[float, float, float, float], ...] | None = Field(max_length=4, min_length=4)
    device: Code
    seconds: float | None = Field(default=None, ge=0)
    parameters: dict[Code, Plain | tuple[Plain, ...]]

    @model_validator(mode="after")
    def _in_millimetres(self) -> Head:
        if self.affine_lps is not None and abs(np.linalg.det(np.array(self.affine_lps)[:3, :3])) < 1e-9:
            raise ValueError("affine_lps is no map to millimetres")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """`PredictionHead.names`; raises `ModelError` where labels and probabilities differ in number."""
        raise NotImplementedError

    def claims(self) -> tuple[Claim, ...]:
        """The arrays that stand in the file, and what they must be."""
        return ()

    def head(self) -> PredictionHead:
        """All of it that a list shows; raises `ModelError` as `names` and `check_claims` do."""
        names = ("case", "model", "version", "model_sha256", "volume_sha256", "device", "parameters")
        said: dict[str, Any] = {name: getattr(self, name) for name in names}
        said["seconds"] = math.nan if self.seconds is None else self.seconds
        return PredictionHead(task=self.TASK, names=self.names, size_bytes=check_claims(self.claims()), **said)

    def common(self) -> dict[str, Any]:
        """Arguments of a `VolumePrediction`."""
        names = ("case", "patient", "shape_kji", "model", "version", "model_sha256", "volume_sha256", "device")
        return {
            **{name: getattr(self, name) for name in names},
            "affine_lps": None if self.affine_lps is None else np.array(self.affine_lps),
            "seconds": math.nan if self.seconds is None else self.seconds,
            "parameters": dict(self.parameters),
        }


class FindingsRecord(Record):
    """Labels with their probabilities."""

    labels: tuple[Code, ...] = Field(min_length=1, max_length=MOST_LABELS)
    probabilities: tuple[Share, ...]
    thresholds: tuple[Share, ...] = ()

    def findings(self) -> Findings:
        """As the application knows them; raises `ModelError` where the lists differ in length."""
        return Findings(self.labels, self.probabilities, self.thresholds)


class EvidenceRecord(Record):
    """One method's evidence per slice."""

    method: Code
    contribution_lk: PackedArray
    seen_k: PackedArray


class ClassificationRecord(Head):
    """`ClassificationPrediction`."""

    TASK: ClassVar[Task] = "classification"

    kind: Literal["ctgaze classification prediction"]
    findings: FindingsRecord
    evidence: tuple[EvidenceRecord, ...] = Field(default=(), max_length=MOST_MAPS)

    @property
    def names(self) -> tuple[str, ...]:
        """Labels."""
        return self.findings.findings().labels

    def claims(self) -> tuple[Claim, ...]:
        """Two of each method."""
        slices = self.shape_kji[0]
        shape = (len(self.names), slices)
        return tuple(
            claim
            for n, one in enumerate(self.evidence)
            for claim in (
                Claim(f"evidence.{n}.contribution_lk", one.contribution_lk, "float32", shape),
                Claim(f"evidence.{n}.seen_k", one.seen_k, "bool", (slices,)),
            )
        )

    def prediction(self, arrays: Arrays) -> ClassificationPrediction:
        """With its arrays."""
        evidence = tuple(
            SliceEvidence(one.method, arrays[f"evidence.{n}.contribution_lk"], arrays[f"evidence.{n}.seen_k"])
            for n, one in enumerate(self.evidence)
        )
        return ClassificationPrediction(**self.common(), findings=self.findings.findings(), evidence=evidence)


class SegmentationRecord(Head):
    """`SegmentationPrediction`."""

    TASK: ClassVar[Task] = "segmentation"

    kind: Literal["ctgaze segmentation prediction"]
    structure: Code
    threshold: Share
    probability_kji: PackedArray
    levels_kji: dict[Code, PackedArray] = Field(default_factory=dict, max_length=MOST_MAPS)
    seen_k: PackedArray

    @property
    def names(self) -> tuple[str, ...]:
        """The structure."""
        return (self.structure,)

    def claims(self) -> tuple[Claim, ...]:
        """The map, its levels, the slices that were looked at."""
        return (
            Claim("probability_kji", self.probability_kji, "uint8", self.shape_kji),
            *_maps(self.levels_kji, "levels_kji", self.shape_kji),
            Claim("seen_k", self.seen_k, "bool", self.shape_kji[:1]),
        )

    def prediction(self, arrays: Arrays) -> SegmentationPrediction:
        """With its arrays."""
        return SegmentationPrediction(
            **self.common(),
            structure=self.structure,
            threshold=self.threshold,
            probability_kji=arrays["probability_kji"],
            levels_kji={name: arrays[f"levels_kji.{name}"] for name in self.levels_kji},
            seen_k=arrays["seen_k"],
        )


class SaliencyRecord(Head):
    """`SaliencyPrediction`."""

    TASK: ClassVar[Task] = "saliency"

    kind: Literal["ctgaze saliency prediction"]
    maps_kji: dict[Code, PackedArray] = Field(min_length=1, max_length=MOST_MAPS)
    findings: FindingsRecord | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the maps."""
        if self.findings is not None:
            self.findings.findings()
        return tuple(self.maps_kji)

    def claims(self) -> tuple[Claim, ...]:
        """The maps."""
        return _maps(self.maps_kji, "maps_kji", self.shape_kji)

    def prediction(self, arrays: Arrays) -> SaliencyPrediction:
        """With its arrays."""
        return SaliencyPrediction(
            **self.common(),
            maps_kji={name: arrays[f"maps_kji.{name}"] for name in self.maps_kji},
            findings=None if self.findings is None else self.findings.findings(),
        )


def head_of(prediction: Any, *, case: str, patient: str, shape: tuple[int, ...], affine: Any) -> dict[str, Any]:
    """Fields of `Head` but for the time that it took."""
    return {
        "schema": 1,
        "note": RESEARCH_ONLY,
        **{name: getattr(prediction, name) for name in ("model", "version", "model_sha256")},
        "case": case,
        "patient": patient,
        "volume_sha256": prediction.volume_sha256,
        "shape_kji": list(shape),
        "affine_lps": None if affine is None else np.asarray(affine, dtype=np.float64).tolist(),
        "device": prediction.device,
        "parameters": prediction.parameters,
    }


def content_of(prediction: VolumePrediction) -> dict[str, Any]:
    """Fields of the record of a prediction on voxels.

    Raises
    ------
    ModelError
        When it is of no known type.
    """
    own: dict[str, Any]
    match prediction:
        case ClassificationPrediction():
            task = "classification"
            own = {
                "findings": _findings(prediction.findings),
                "evidence": [
                    {"method": one.method, "contribution_lk": pack(one.contribution_lk), "seen_k": pack(one.seen_k)}
                    for one in prediction.evidence
                ],
            }
        case SegmentationPrediction():
            task = "segmentation"
            own = {
                "structure": prediction.structure,
                "threshold": prediction.threshold,
                "probability_kji": pack(prediction.probability_kji),
                "levels_kji": {name: pack(array) for name, array in prediction.levels_kji.items()},
                "seen_k": pack(prediction.seen_k),
            }
        case SaliencyPrediction():
            task = "saliency"
            own = {"maps_kji": {name: pack(array) for name, array in prediction.maps_kji.items()}}
            if prediction.findings is not None:
                own["findings"] = _findings(prediction.findings)
        case _:
            raise ModelError(f"no prediction that a file can hold: {type(prediction).__name__}")
    head = head_of(
        prediction, case=prediction.case, patient=prediction.patient, shape=prediction.shape_kji,
        affine=prediction.affine_lps,
    )  # fmt: skip
    return {"kind": f"ctgaze {task} prediction", **head, **own}


def _findings(found: Findings) -> dict[str, Any]:
    return {name: list(getattr(found, name)) for name in ("labels", "probabilities", "thresholds")}


def _maps(arrays: Mapping[str, PackedArray], field: str, shape: tuple[int, ...]) -> tuple[Claim, ...]:
    return tuple(Claim(f"{field}.{name}", array, "uint8", shape) for name, array in arrays.items())
