"""What a demo run may be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NOISE_RMS_S2S_DEG = 0.3
"""White noise of the demo's eye, RMS sample to sample: a mediocre tracker, on purpose."""


@dataclass(frozen=True)
class DemoOptions:
    """Case folder (None: the made-up chest), session folder (None: in the documents), times, rates, reader's code."""

    case: Path | None = None
    out: Path | None = None
    seconds: float = 30.0
    tracker_rate_hz: float = 250.0
    seed: int = 1
    reader: str = "demo"
