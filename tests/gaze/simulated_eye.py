"""A simulated eye for detector tests: planned fixations, saccades that take time, white noise in degrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SimulatedEye:
    """Samples and the truth: `true_fixations` (F, 2) onset and offset in seconds."""

    time_s: NDArray[np.float64]
    direction: NDArray[np.float64]
    valid: NDArray[np.bool_]
    true_fixations: NDArray[np.float64]


def to_vectors(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Azimuth, elevation (N, 2) to unit vectors."""
    azimuth, elevation = np.radians(degrees).T
    return np.stack(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], axis=-1
    )


def simulate_eye(
    rate_hz: float,
    *,
    fixations: int = 200,
    noise_rms_s2s_deg: float = 0.3,
    eyes: int = 2,
    seed: int = 1,
    stamp_jitter_s: float = 0.0,
) -> SimulatedEye:
    """Fixations of 150 to 600 ms, saccades of 1.5 to 10 degrees lasting 2.2 ms a degree + 21 ms (Carpenter 1988).

    Noise is white: RMS-S2S of both axes together = 2 sigma; two eyes are averaged.
    """
    random = np.random.default_rng(seed)
    knots_t, knots_deg, truth = [0.0], [np.zeros(2)], []
    now, place = 0.0, np.zeros(2)
    for _ in range(fixations):
        duration = random.uniform(0.15, 0.6)
        truth.append((now, now + duration))
        now += duration
        knots_t.append(now)
        knots_deg.append(place)
        while True:
            step = random.uniform(1.5, 10.0)
            angle = random.uniform(0, 2 * np.pi)
            target = place + step * np.array([np.cos(angle), np.sin(angle)])
            if np.abs(target).max() < 15:
                break
        now += 0.021 + 0.0022 * step
        place = target
        knots_t.append(now)
        knots_deg.append(place)
    time = np.arange(0, now, 1 / rate_hz)
    if stamp_jitter_s:
        time = np.sort(time + random.normal(0, stamp_jitter_s, len(time)))
    knots = np.array(knots_deg)
    degrees = np.stack([np.interp(time, knots_t, knots[:, axis]) for axis in range(2)], axis=-1)
    sigma = noise_rms_s2s_deg / 2
    noise = np.mean(random.normal(0, sigma, (eyes, len(time), 2)), axis=0)
    return SimulatedEye(time, to_vectors(degrees + noise), np.ones(len(time), dtype=bool), np.array(truth))


def found_share(truth: NDArray[np.float64], found: NDArray[np.float64], least_overlap: float = 0.5) -> float:
    """Share of true intervals matched one to one with a found one, temporal intersection over union at least so
    much."""
    used: set[int] = set()
    hits = 0
    for onset, offset in truth:
        near = np.flatnonzero((found[:, 0] < offset) & (found[:, 1] > onset))
        best, best_overlap = -1, least_overlap
        for candidate in near:
            both = min(offset, found[candidate, 1]) - max(onset, found[candidate, 0])
            either = max(offset, found[candidate, 1]) - min(onset, found[candidate, 0])
            if candidate not in used and both / either >= best_overlap:
                best, best_overlap = int(candidate), both / either
        if best >= 0:
            used.add(best)
            hits += 1
    return hits / len(truth)
