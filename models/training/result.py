"""What a training run tells while it goes, and what it has made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TrainingState:
    """Where a run is.

    Attributes
    ----------
    stage
        ``supervised``, or a later stage of an architecture that has several.
    epoch, epochs, step, steps
        Epoch from 1 and how many there can be; steps done and steps in all.
    values
        The last logged values, such as ``train/total`` and ``val/place``.
    validated
        Whether the epoch is done and its validation is among the values.
    """

    stage: str
    epoch: int
    epochs: int
    step: int
    steps: int
    values: dict[str, float] = field(default_factory=dict)
    validated: bool = False


Watcher = Callable[[TrainingState], None]


@dataclass(frozen=True)
class TrainingResult:
    """What a run made.

    Attributes
    ----------
    folder
        With model.safetensors, card.toml, config.toml, split.csv and training/.
    best_epoch
        From 1, of the last stage; its weights are the model's.
    monitor
        What the best epoch was chosen by.
    figures
        Values of that epoch on the validation part.
    epochs
        That were trained, of the last stage.
    stopped_early
        Whether fewer than the configuration allows.
    seconds, step_s
        Of this run, and the median of a training step, from batch to updated weights.
    """

    folder: Path
    best_epoch: int
    monitor: str
    figures: dict[str, float] = field(default_factory=dict)
    epochs: int = 0
    stopped_early: bool = False
    seconds: float = 0.0
    step_s: float = 0.0
