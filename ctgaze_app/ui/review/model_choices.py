"""Which models can be chosen for the series that is shown, and why another cannot; nothing here imports PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ctgaze_app.ct.volume import Volume
from ctgaze_app.study.models_extra import is_installed
from ctgaze_app.study.prediction_worker import CTGAZE
from ctgaze_app.study.predictions import Task
from ctgaze_app.study.session import TrialRecord

Values = Literal["hu", "grey", "rgb"]

MISSING = 'Predictions need PyTorch, which is not installed here: pip install "ctgaze[models]" adds it.'
TASK_NAMES: dict[Task, str] = {
    "scanpath": "scan path",
    "classification": "findings",
    "segmentation": "mask",
    "saliency": "gaze map",
}
VALUE_NAMES: dict[Values, str] = {
    "hu": "CT in Hounsfield units",
    "grey": "grey pictures that are no CT",
    "rgb": "colour pictures",
}


@dataclass(frozen=True)
class ModelChoice:
    """A model that can be chosen, or why it cannot; `values` are what it takes."""

    name: str
    version: str
    folder: Path = field(repr=False)
    sha256: str = ""
    problem: str = ""
    shipped: bool = False
    task: Task = "scanpath"
    values: Values = "hu"

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}".strip()


def what_is_missing() -> str:
    """The sentence that says what to install before anything can be predicted; empty when nothing is missing."""
    return "" if is_installed() else MISSING


def installed_models() -> tuple[ModelChoice, ...]:
    """The models that came with the program and the user's own, broken ones with their reason."""
    from models.families import FAMILIES
    from models.registry import find_models

    choices = []
    for found in find_models():
        card = found.card
        if card is None:
            choices.append(ModelChoice(found.folder.name, "", found.folder, problem=found.problem))
            continue
        problem = found.problem
        if not problem and card.architecture not in FAMILIES:
            problem = f"this version cannot build the architecture {card.architecture!r}"
        choices.append(
            ModelChoice(
                card.name,
                card.version,
                found.folder,
                card.weights_sha256,
                problem,
                found.origin == "shipped",
                card.task,
                card.input.values,
            )
        )
    return tuple(choices)


def values_of(volume: Volume) -> Values:
    """What the voxels of a volume are, in the words of a model's card."""
    if volume.colour is not None:
        return "rgb"
    return "hu" if volume.units == "HU" else "grey"


def why_not(choice: ModelChoice, volume: Volume | None) -> str:
    """Why a model cannot read a series; empty when it can, as far as its card says."""
    if choice.problem:
        return choice.problem
    if volume is None:
        return "the series of this trial is not loaded"
    given = values_of(volume)
    if choice.values != given:
        return f"reads {VALUE_NAMES[choice.values]}; this series is {VALUE_NAMES[given]}"
    return ""


def volume_digest(volume: Volume) -> str:
    """By which a prediction names the volume it was made on (`CtVolume.digest`, `PictureVolume.digest`)."""
    from ctgaze_app.study.model_volumes import input_for_models

    return input_for_models(volume).digest()


def gaze_digest(folder: Path, trial: TrialRecord, shape_kji: tuple[int, int, int]) -> str:
    """By which a prediction names the fixations of a trial's reader; raises `CTGazeError` where there are none."""
    from ctgaze_app.formats.trial_gaze import gaze_digest_of_trial

    return gaze_digest_of_trial(folder, trial, shape_kji)


@dataclass(frozen=True)
class ModelTools:
    """What is outside of this program's process: the models there are, what is not installed, the digests by which a
    prediction names its volume and its gaze, the worker's command."""

    find_models: Callable[[], Sequence[ModelChoice]] = installed_models
    missing: Callable[[], str] = what_is_missing
    digest: Callable[[Volume], str] = volume_digest
    gaze_digest: Callable[[Path, TrialRecord, tuple[int, int, int]], str] = gaze_digest
    command: tuple[str, ...] = CTGAZE
