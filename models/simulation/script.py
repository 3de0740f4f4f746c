"""A scripted reading, planned before it happens: where the reader scrolls and which voxels the eye dwells on.

The plan is truth in voxels and seconds. It knows nothing of screens, trackers or mapping, so that what is measured
later can be held against it.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

SCROLL_RATE_HZ = 36.0
"""Slices per second while scrolling: above ordinary reading (5-10, Atkins 2009), below the limit of a 60 Hz screen."""
DWELL_PERIOD_S = (0.44, 0.60)
"""From one instruction to the next; leaves fixations of about 0.4 to 0.55 s."""
SETTLE_S = 0.45
"""From the instruction to leave the last dwell of a stop to the first wheel notch: reaction, saccade and a margin."""
REST_S = 0.35
"""From the arrival of the last slice to the first dwell instruction, so that each dwell begins on a still slice."""


@dataclass(frozen=True)
class ScriptedScroll:
    """Scroll to `to_slice` one slice at a time, from `onset_s` of the reading."""

    id: str
    onset_s: float
    to_slice: int
    slices_per_s: float


@dataclass(frozen=True)
class ScriptedDwell:
    """Look at a voxel (i, j, k) from `onset_s` for `hold_s`; a `drill` one waits for the scroll that follows."""

    id: str
    onset_s: float
    hold_s: float
    voxel_ijk: tuple[float, float, float]
    drill: bool = False


@dataclass(frozen=True)
class ReadingPlan:
    """Scrolls and dwells in the order of their onset."""

    seconds: float
    seed: int
    shape_kji: tuple[int, int, int]
    steps: tuple[ScriptedScroll | ScriptedDwell, ...]

    @property
    def dwells(self) -> tuple[ScriptedDwell, ...]:
        """The dwells on still slices, without the drill points."""
        return tuple(step for step in self.steps if isinstance(step, ScriptedDwell) and not step.drill)

    def write(self, path: Path) -> None:
        """Write as JSON; refuses to overwrite."""
        record = {
            "schema": 1,
            "seconds": self.seconds,
            "seed": self.seed,
            "shape_kji": self.shape_kji,
            "steps": [{"kind": type(step).__name__, **asdict(step)} for step in self.steps],
        }
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            json.dump(record, stream, indent=1)

    @classmethod
    def read(cls, path: Path) -> ReadingPlan:
        """Read what `write` wrote."""
        record = json.loads(path.read_text(encoding="utf-8"))
        steps: list[ScriptedScroll | ScriptedDwell] = []
        for item in record["steps"]:
            fields = {key: value for key, value in item.items() if key != "kind"}
            if item["kind"] == "ScriptedScroll":
                steps.append(ScriptedScroll(**fields))
            else:
                i, j, k = fields.pop("voxel_ijk")
                steps.append(ScriptedDwell(voxel_ijk=(i, j, k), **fields))
        k, j, i = record["shape_kji"]
        return cls(record["seconds"], record["seed"], (k, j, i), tuple(steps))


def plan_reading(shape_kji: tuple[int, int, int], *, seconds: float, seed: int) -> ReadingPlan:
    """Two passes through the whole stack, down and up, with stops at which the eye dwells on seeded points.

    Parameters
    ----------
    shape_kji
        Slices, rows and columns of the stack.
    seconds
        Reading time; what scrolling leaves goes to the dwells.
    seed
        Of the points and their order.

    Raises
    ------
    ValueError
        When the time does not suffice for both passes and one dwell a stop.
    """
    slices, rows, columns = shape_kji
    rng = np.random.default_rng(seed)
    stops_per_pass = int(np.clip(round(seconds / 10.0), 1, max(1, min(6, slices - 1))))
    down = np.unique(np.round(np.linspace(0, slices - 1, stops_per_pass + 1)[1:]).astype(int))
    up = np.unique(np.round(np.linspace(0, slices - 1, stops_per_pass + 1)[:-1]).astype(int))[::-1]
    stops = [int(k) for k in (*down, *up)]
    travel = [abs(b - a) for a, b in zip([0, *stops], stops, strict=False)]
    fixed = sum(travel) / SCROLL_RATE_HZ + len(stops) * (SETTLE_S + REST_S) + 1.0
    n_dwells = int((seconds - fixed) / (sum(DWELL_PERIOD_S) / 2))
    if n_dwells < len(stops):
        raise ValueError(
            f"{seconds:g} s are too short to scroll {slices} slices twice; "
            f"at least {math.ceil(fixed + len(stops) * sum(DWELL_PERIOD_S) / 2)} s are needed"
        )
    per_stop = [n_dwells // len(stops) + (index < n_dwells % len(stops)) for index in range(len(stops))]

    steps: list[ScriptedScroll | ScriptedDwell] = []
    clock = 0.3
    point = (columns / 2, rows / 2)
    number = 0
    for stop, (k, count, distance) in enumerate(zip(stops, per_stop, travel, strict=True)):
        point = _next_point(rng, point, rows, columns)
        previous = stops[stop - 1] if stop else 0
        steps.append(
            ScriptedDwell(f"drill-{stop:02d}", clock, SETTLE_S, (point[0], point[1], float(previous)), drill=True)
        )
        clock += SETTLE_S
        steps.append(ScriptedScroll(f"scroll-{stop:02d}", clock, k, SCROLL_RATE_HZ))
        clock += distance / SCROLL_RATE_HZ + REST_S
        for _ in range(count):
            point = _next_point(rng, point, rows, columns)
            hold = float(rng.uniform(*DWELL_PERIOD_S))
            steps.append(ScriptedDwell(f"dwell-{number:03d}", clock, hold, (point[0], point[1], float(k))))
            clock += hold
            number += 1
    steps.append(ScriptedDwell("drill-end", clock, SETTLE_S, (columns / 2, rows / 2, float(stops[-1])), drill=True))
    return ReadingPlan(seconds, seed, shape_kji, tuple(steps))


def _next_point(rng: np.random.Generator, last: tuple[float, float], rows: int, columns: int) -> tuple[float, float]:
    """A point in the middle ellipse of the slice, at least a sixth of its size away from the last one."""
    while True:
        radius, angle = np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        i = columns / 2 + 0.36 * columns * radius * np.cos(angle)
        j = rows / 2 + 0.30 * rows * radius * np.sin(angle)
        if np.hypot((i - last[0]) / columns, (j - last[1]) / rows) >= 1 / 6:
            return float(round(i, 2)), float(round(j, 2))
