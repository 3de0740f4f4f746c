"""Data quality of one trial: what the tracker delivered, and what was on the image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.detectors import EyeEvents
from ctgaze_app.gaze.mapping import MappedGaze
from ctgaze_app.gaze.view_track import ViewTrack


@dataclass(frozen=True)
class TrialQuality:
    """Definitions of ETDQualitizer (10.3758/s13428-026-03039-4); None where there is nothing to tell it from.

    Attributes
    ----------
    samples, valid_samples
        Rows received; rows with an eye that counts.
    expected_samples
        Nominal rate x duration; None for irregular streams.
    effective_rate_hz
        Rows received a second of the trial.
    loss_invalid, loss_expected
        Share of rows without an eye; share of expected samples that did not arrive with one (catches missing rows).
    longest_gap_s
        Longest time without any row, the trial's beginning and end included.
    rms_s2s_deg
        Root mean square angle from sample to sample within fixations, of the eye that counts.
    fixations, fixation_time_s
        Number and summed duration.
    on_image_share
        Share of valid samples on the image.
    slices_shown
        Different slices that were on the screen.
    """

    duration_s: float
    samples: int
    valid_samples: int
    expected_samples: int | None
    effective_rate_hz: float | None
    loss_invalid: float | None
    loss_expected: float | None
    longest_gap_s: float
    rms_s2s_deg: float | None
    fixations: int
    fixation_time_s: float
    on_image_share: float | None
    views: int
    slices_shown: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, floats to six decimals."""
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}


def trial_quality(
    mapped: MappedGaze,
    events: EyeEvents,
    views: ViewTrack,
    geometry: ScreenGeometry,
    start_lsl: float,
    end_lsl: float,
    nominal_rate_hz: float,
    direction: NDArray[np.float64] | None = None,
) -> TrialQuality:
    """Quality of one trial over [start, end] in eye time.

    Parameters
    ----------
    views
        The trial's own views.
    nominal_rate_hz
        0 for irregular streams.
    direction
        (N, 3) lines of sight of the samples, where they are known already.
    """
    duration = max(end_lsl - start_lsl, 0.0)
    rows, seen = len(mapped), int(mapped.valid.sum())
    expected = round(nominal_rate_hz * duration) if nominal_rate_hz > 0 else None
    edges = np.concatenate([[start_lsl], mapped.eye_time_lsl, [max(end_lsl, start_lsl)]])
    visible = views.subset(views.visible)
    shown = np.unique(np.stack([visible.integers("series"), visible.integers("slice_index")], axis=1), axis=0)
    spent = float((mapped.eye_time_lsl[events.last] - mapped.eye_time_lsl[events.first]).sum())
    return TrialQuality(
        duration_s=duration,
        samples=rows,
        valid_samples=seen,
        expected_samples=expected,
        effective_rate_hz=rows / duration if duration > 0 else None,
        loss_invalid=1.0 - seen / rows if rows else None,
        loss_expected=max(1.0 - seen / expected, 0.0) if expected else None,
        longest_gap_s=float(np.diff(edges).max()),
        rms_s2s_deg=rms_s2s_deg(geometry.px_to_vector(mapped.px) if direction is None else direction, events),
        fixations=len(events),
        fixation_time_s=spent,
        on_image_share=float(mapped.on_image.sum()) / seen if seen else None,
        views=len(views),
        slices_shown=len(shown),
    )


def rms_s2s_deg(direction: NDArray[np.float64], events: EyeEvents) -> float | None:
    """RMS-S2S in degrees over neighbouring members of the same fixation; None without any pair.

    `direction` (N, 3) are unit lines of sight; the angle is 2 asin(chord / 2).
    """
    pair = events.member[1:] & events.member[:-1] & (events.fixation[1:] == events.fixation[:-1])
    first = np.flatnonzero(pair)
    if len(first) == 0:
        return None
    step = direction[first + 1] - direction[first]
    chord = np.sqrt(np.einsum("ij,ij->i", step, step))
    angle = np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0)))
    return float(np.sqrt(np.mean(angle**2)))
