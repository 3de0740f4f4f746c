"""How the adaptive presets were chosen: one parameter after the other over a coarse grid, nothing held out seen.

The result is a suggestion; the presets round it where the objective is flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ctgaze_app.gaze.agreement import cohens_kappa
from ctgaze_app.gaze.detectors import EYE_STATES, PRESETS, EngbertKlieglParameters, detect_events
from tests.benchmarks.coded_recordings import CLASSES, CODERS, STATES, CodedRecording, at_rate

GRID: Mapping[str, tuple[float, ...]] = {
    "velocity_window_s": (0.008, 0.012, 0.016, 0.020, 0.024, 0.032),
    "threshold_factor": (4, 5, 6, 7, 8, 10, 12, 15),
    "boundary_factor": (2, 2.5, 3, 3.5, 4, 4.5, 5, 6),
    "max_oscillation_s": (0, 0.02, 0.03, 0.04, 0.05, 0.06),
    "oscillation_peak_share": (0.3, 0.5, 0.8, 1.0),
    "merge_angle_deg": (0.0, 0.25, 0.5, 0.75),
    "min_saccade_duration_s": (0.006, 0.008, 0.010, 0.012, 0.016),
    "least_threshold_deg_s": (1, 20, 30, 40, 50),
    "min_saccade_amplitude_deg": (0, 0.2, 0.3, 0.5),
    "blink_margin_s": (0.05, 0.1, 0.15, 0.2),
    "max_gap_fill_s": (0.02, 0.04, 0.075),
}
NOISE_DEG = 0.3
RATES_HZ = (60.0, 120.0, 250.0)
Kappas = dict[tuple[str, str], float]


def kappas(recordings: Sequence[CodedRecording], parameters: EngbertKlieglParameters) -> Kappas:
    """Kappa per coder and class over all samples of the recordings."""
    states = np.concatenate(
        [detect_events(each.time_s, each.direction, each.valid, parameters).eye_state for each in recordings]
    )
    return {
        (coder, name): cohens_kappa(
            states == EYE_STATES.index(STATES[name]),
            np.concatenate([each.labels[coder] for each in recordings]) == code,
        )
        for coder in CODERS
        for name, code in CLASSES.items()
    }


def _mean(found: Kappas, *names: str) -> float:
    return float(np.mean([found[coder, name] for coder in CODERS for name in names]))


def tune(recordings: Sequence[CodedRecording], rounds: int = 3) -> Iterator[str]:
    """Choose both adaptive presets anew; yields lines to print."""
    start = EngbertKlieglParameters(
        velocity_window_s=0.008,
        min_duration_s=0.04,
        boundary_factor=4.0,
        max_oscillation_s=0.04,
        min_saccade_duration_s=0.010,
    )
    yield from _descent("adaptive-500hz", [list(recordings)], start, rounds, oscillation_weight=0.25)
    slower = [[at_rate(each, rate_hz, NOISE_DEG, seed) for seed, each in enumerate(recordings)] for rate_hz in RATES_HZ]
    start = replace(start, velocity_window_s=0.024, threshold_factor=5.0, max_oscillation_s=0.0)
    yield from _descent("adaptive-noisy", slower, start, rounds, oscillation_weight=0.0)


def _descent(
    preset: str,
    sets: list[list[CodedRecording]],
    best: EngbertKlieglParameters,
    rounds: int,
    oscillation_weight: float,
) -> Iterator[str]:
    def gain(parameters: EngbertKlieglParameters) -> float:
        found = [kappas(each, parameters) for each in sets]
        return float(
            np.mean([_mean(each, "fixation", "saccade") + oscillation_weight * _mean(each, "PSO") for each in found])
        )

    value = gain(best)
    yield f"{preset}: start {value:.4f}"
    for _ in range(rounds):
        for name, choices in GRID.items():
            for choice in choices:
                changes: dict[str, Any] = {name: choice}
                try:
                    candidate = replace(best, **changes)
                except ValueError:  # the boundary may not lie above the threshold
                    continue
                new = gain(candidate)
                if new > value + 1e-4:
                    best, value = candidate, new
                    yield f"  {name} = {choice:g}: {value:.4f}"
    yield f"{preset}: {value:.4f} by {best}"
    chosen = PRESETS[preset]
    assert isinstance(chosen, EngbertKlieglParameters)
    yield f"{preset}: {gain(chosen):.4f} as rounded in the package\n"
