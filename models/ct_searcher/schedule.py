"""How the learning rate goes: a straight rise, then a fall to 0 over the steps that there really are."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import Literal

Schedule = Literal["linear", "cosine", "constant"]


def learning_rate_shares(schedule: Schedule, steps: int, warm_up_share: float) -> Callable[[int], float]:
    """Share of the learning rate at each step, 0-based.

    Parameters
    ----------
    schedule
        After the warm-up: to 0 along a line or half a cosine, or constant.
    steps
        Of the whole run. (The published code counts 100 an epoch, whatever the data; reference: CT-ScanGaze, 3.7.)
    warm_up_share
        Of the steps; the first step has a share above 0, so that it learns.
    """
    warm_up = round(steps * warm_up_share)

    def share(step: int) -> float:
        if step < warm_up:
            return (step + 1) / (warm_up + 1)
        if schedule == "constant":
            return 1.0
        done = min((step - warm_up) / max(steps - warm_up, 1), 1.0)
        return 1.0 - done if schedule == "linear" else 0.5 * (1.0 + cos(pi * done))

    return share
