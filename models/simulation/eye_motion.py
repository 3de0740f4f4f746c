"""How an eye moves from one place to another and wanders while it rests: pure functions of time, in degrees.

Sources: main sequence, duration = 2.2 ms/deg x amplitude + 21 ms (Carpenter, Movements of the Eyes, 1988); minimum-jerk
profile 10 u^3 - 15 u^4 + 6 u^5 (Flash and Hogan 1985); drift and tremor sizes after Martinez-Conde et al. 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SACCADE_BASE_S = 0.021
SACCADE_S_PER_DEG = 0.0022

_DRIFT_HZ = np.array([0.4, 0.9, 1.7])
_DRIFT_DEG = np.array([0.02, 0.012, 0.006])
_TREMOR_HZ = 83.0
_TREMOR_DEG = 0.0007


def saccade_duration_s(amplitude_deg: float) -> float:
    """Duration in seconds of a saccade of `amplitude_deg` on the main sequence."""
    return SACCADE_BASE_S + SACCADE_S_PER_DEG * abs(amplitude_deg)


def minimum_jerk(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the way done (0..1) at `phase` (0..1) of the movement; clipped outside."""
    u = np.clip(phase, 0.0, 1.0)
    return u**3 * (10.0 + u * (6.0 * u - 15.0))


@dataclass(frozen=True, eq=False)
class FixationalMotion:
    """Slow drift and tiny tremor of one fixation, zero at its start: a sum of sines with random phases.

    `phases` is (2, 4): azimuth and elevation, three drift waves and the tremor. The motion is bounded (under 0.08 deg
    from its start on each axis), so that the middle of a fixation stays where the reader looked.
    """

    phases: NDArray[np.float64]
    scale: float = 1.0

    @classmethod
    def drawn(cls, random: np.random.Generator, scale: float = 1.0) -> FixationalMotion:
        """New phases from `random`."""
        return cls(random.uniform(0.0, 2.0 * np.pi, size=(2, len(_DRIFT_HZ) + 1)), scale)

    def at(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacement (N, 2) in degrees, `elapsed_s` (N,) after the fixation began."""
        frequency = np.append(_DRIFT_HZ, _TREMOR_HZ)
        amplitude = np.append(_DRIFT_DEG, _TREMOR_DEG) * self.scale
        angle = 2.0 * np.pi * frequency * np.asarray(elapsed_s, dtype=np.float64)[:, None]
        displacement = np.empty((len(angle), 2))
        for axis in (0, 1):
            phase = self.phases[axis]
            displacement[:, axis] = ((np.sin(angle + phase) - np.sin(phase)) * amplitude).sum(axis=1)
        return displacement


@dataclass(frozen=True, eq=False)
class FixationSegment:
    """The eye rests near `place_deg` (azimuth, elevation) from `start_s` until `end_s` (infinite while it goes on)."""

    start_s: float
    end_s: float
    place_deg: NDArray[np.float64]
    motion: FixationalMotion
    id: str = ""

    def at(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction (N, 2) in degrees at `times_s` (N,)."""
        return self.place_deg + self.motion.at(times_s - self.start_s)

    def mean_deg(self, end_s: float) -> NDArray[np.float64]:
        """Mean direction (2,) in degrees until `end_s`."""
        return self.at(np.linspace(self.start_s, end_s, 65)).mean(axis=0)


@dataclass(frozen=True, eq=False)
class SaccadeSegment:
    """The eye moves from `from_deg` to `to_deg` between `start_s` and `end_s`."""

    start_s: float
    end_s: float
    from_deg: NDArray[np.float64]
    to_deg: NDArray[np.float64]

    def at(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction (N, 2) in degrees at `times_s` (N,)."""
        share = minimum_jerk((times_s - self.start_s) / (self.end_s - self.start_s))
        return self.from_deg + share[:, None] * (self.to_deg - self.from_deg)


@dataclass(frozen=True, eq=False)
class PursuitSegment:
    """The eye follows something smoothly from `from_deg` at `velocity_deg_s` (both (2,)) until `end_s`."""

    start_s: float
    end_s: float
    from_deg: NDArray[np.float64]
    velocity_deg_s: NDArray[np.float64]

    def at(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction (N, 2) in degrees at `times_s` (N,)."""
        return self.from_deg + (times_s - self.start_s)[:, None] * self.velocity_deg_s


@dataclass(frozen=True, eq=False)
class BlinkSegment:
    """The lids are closed from `start_s` to `end_s` while the eye stays at `place_deg`."""

    start_s: float
    end_s: float
    place_deg: NDArray[np.float64]

    def at(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction (N, 2) in degrees at `times_s` (N,); nobody can see it."""
        return np.broadcast_to(self.place_deg, (len(times_s), 2))
