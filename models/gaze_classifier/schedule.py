"""The published learning rate of both experiments: a triangle over the epochs, lower with every cycle."""

from __future__ import annotations

import math
from typing import Literal


def learning_rate_factor(
    epoch: int,
    *,
    schedule: Literal["cyclic", "cosine", "constant"],
    epochs: int,
    cycle_epochs: int = 5,
    cycle_floor: float = 0.001,
) -> float:
    """What the learning rate is multiplied with in an epoch (from 0).

    ``cyclic`` (reference: chest X-ray study, C9): floor + (1 - floor) * triangle / 2^(cycle - 1), whose triangle rises
    from 0 to 1 in `cycle_epochs` and falls again. So the published run has 1e-6 in epochs 0 and 10, 1e-3 in epoch 5 and
    5e-4 in epoch 15.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * epoch / epochs))
    cycle = 1 + epoch // (2 * cycle_epochs)
    triangle = max(0.0, 1 - abs(epoch / cycle_epochs - 2 * cycle + 1))
    return float(cycle_floor + (1 - cycle_floor) * triangle / 2 ** (cycle - 1))
