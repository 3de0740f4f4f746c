"""Gaze samples as arrays, in one shape whatever tracker sent them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EYES = ("left", "right", "combined")


@dataclass(frozen=True, eq=False)
class EyeSamples:
    """One eye: `norm` (N, 2) `screen_norm`, `valid` (N,), `pupil` (N,) in the layout's unit (NaN if none).

    `norm` is what was sent, not refitted, in shares of the screen; NaN where not valid (the recording keeps the rest).
    """

    norm: NDArray[np.float64]
    valid: NDArray[np.bool_]
    pupil: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GazeSamples:
    """N samples of one stream.

    Attributes
    ----------
    time_raw
        (N,) stamps as received, LSL seconds of the sender's clock.
    time_lsl
        (N,) on our clock: raw plus the clock offset of that moment; tracker latency NOT applied.
    eyes
        keys out of `EYES`, only those the stream has.
    frame
        (N,) the sender's frame number, or None when it sends none.
    """

    time_raw: NDArray[np.float64]
    time_lsl: NDArray[np.float64]
    eyes: dict[str, EyeSamples]
    frame: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.time_raw)
