"""The recordings of Andersson et al. 2017 (lund2013) with both experts' labels, as they are and at other rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from calibration.geometry import ScreenGeometry

CODERS = ("MN", "RA")
CLASSES = {"fixation": 1, "saccade": 2, "PSO": 3}
"""The experts' codes of what is compared; 4 is pursuit, 5 blink, 6 undefined."""
STATES = {"fixation": "fixation", "saccade": "saccade", "PSO": "post_saccadic_oscillation"}
"""The same in `EYE_STATES`."""


@dataclass(frozen=True, eq=False)
class CodedRecording:
    """One recording, cut to the shorter of the two label files."""

    name: str
    screen: ScreenGeometry
    rate_hz: float
    time_s: NDArray[np.float64]
    px: NDArray[np.float64]
    valid: NDArray[np.bool_]
    labels: dict[str, NDArray[np.int64]]

    @property
    def direction(self) -> NDArray[np.float64]:
        """(N, 3) unit line-of-sight vectors."""
        return self.screen.px_to_vector(self.px)


def read_recordings(folder: Path) -> list[CodedRecording]:
    """All recordings of a folder, by name. A sample at (0, 0) or not finite is lost."""
    found = []
    for path in sorted(folder.glob(f"*_labelled_{CODERS[0]}.mat")):
        records = {
            coder: loadmat(path.with_name(path.name.replace(f"_{CODERS[0]}.mat", f"_{coder}.mat")), squeeze_me=True)[
                "ETdata"
            ]
            for coder in CODERS
        }
        record = records[CODERS[0]]
        positions = {coder: np.asarray(each["pos"][()], dtype=np.float64) for coder, each in records.items()}
        count = min(len(each) for each in positions.values())
        width_mm, height_mm = np.asarray(record["screenDim"][()], dtype=np.float64) * 1000
        width_px, height_px = (int(size) for size in record["screenRes"][()])
        px = positions[CODERS[0]][:count, 3:5]
        rate_hz = float(record["sampFreq"][()])
        found.append(
            CodedRecording(
                path.name.removesuffix(f"_labelled_{CODERS[0]}.mat"),
                ScreenGeometry(width_px, height_px, width_mm, height_mm, float(record["viewDist"][()]) * 1000),
                rate_hz,
                np.arange(count) / rate_hz,
                px,
                np.isfinite(px).all(axis=1) & (px != 0).any(axis=1),
                {coder: each[:count, 5].astype(np.int64) for coder, each in positions.items()},
            )
        )
    return found


def halves(recordings: list[CodedRecording]) -> tuple[list[CodedRecording], list[CodedRecording]]:
    """The half that parameters are chosen on and the half that they are reported on: by name, every second."""
    ordered = sorted(recordings, key=lambda each: each.name)
    return ordered[0::2], ordered[1::2]


def at_rate(recording: CodedRecording, rate_hz: float, noise_rms_s2s_deg: float, seed: int) -> CodedRecording:
    """The recording as a slower tracker would give it: nearest sample for gaze and labels, white noise added.

    The noise is Gaussian on both axes at the new rate; `noise_rms_s2s_deg` is its own RMS-S2S of both axes together,
    2 sigma.
    """
    last = (len(recording.time_s) - 1) / recording.rate_hz
    time = np.arange(int(last * rate_hz + 1e-9) + 1) / rate_hz
    index = np.minimum(np.rint(time * recording.rate_hz).astype(np.intp), len(recording.time_s) - 1)
    degrees = recording.screen.px_to_deg(recording.px[index])
    noise = np.random.default_rng(seed).normal(0.0, noise_rms_s2s_deg / 2, degrees.shape)
    return replace(
        recording,
        rate_hz=rate_hz,
        time_s=time,
        px=recording.screen.deg_to_px(degrees + noise),
        valid=recording.valid[index],
        labels={coder: labels[index] for coder, labels in recording.labels.items()},
    )
