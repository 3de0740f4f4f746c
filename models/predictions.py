"""What models predict: one type for each task, with what made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
