"""What a training run writes beside the model, and whether it may go on there."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from models.card import WEIGHTS_FILE
from models.datasets.case import PARTS
from models.datasets.splits import Split, read_split, write_split
from models.errors import ModelError
from models.training.recipes import config_text, parse_recipe

CONFIG, SPLIT, TRAINING, FINISHED = "config.toml", "split.csv", "training", "finished.json"
MAY_CHANGE = ("epochs", "patience", "accelerator", "devices", "nodes", "strategy")
"""Of the training table, when a run is resumed."""


class RunFolder:
    """The folder of one run: config.toml, split.csv and training/<stage>/.

    Parameters
    ----------
    folder
        Need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check_place(self, *, resume: bool) -> None:
        """Whether a run may begin here, or there is one to go on with, before any case is made; writes nothing.

        Raises
        ------
        ModelError
            When the folder is not empty or cannot be one, or (to resume) holds no run or a finished one.
        """
        place = str(self.folder)
        if resume:
            if (self.folder / WEIGHTS_FILE).exists():
                raise ModelError(
                    "its training is finished", place=place, remedy="train on from this model in a new folder"
                )
            if not (self.folder / CONFIG).is_file():
                raise ModelError("there is no run to resume", place=place, remedy="start it anew")
            return
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise ModelError("is not empty", place=place, remedy="name a new folder, or resume the run there")
        above = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise ModelError(
                f"cannot be made: {above.name or above} is no folder that you may write to",
                place=place,
                remedy="name another folder",
            )

    def check(self, config: BaseModel, cases: Split[Any], *, resume: bool) -> None:
        """Whether a run may begin here, or go on with this configuration and these cases; writes nothing.

        Raises
        ------
        ModelError
            As `check_place`, and when the run to resume is another one.
        """
        self.check_place(resume=resume)
        if resume:
            self._check_same(config, cases)

    def open(self, config: BaseModel, cases: Split[Any], *, resume: bool) -> None:
        """Begin a run, or let the one that is here go on; raises as `check`, and when the folder refuses."""
        self.check(config, cases, resume=resume)
        try:
            (self.folder / TRAINING).mkdir(parents=True, exist_ok=True)
            (self.folder / CONFIG).write_text(config_text(config), encoding="utf-8")
        except OSError as error:
            raise ModelError(f"cannot be written: {error.strerror or error}", place=str(self.folder)) from error
        write_split(self.folder / SPLIT, cases)

    def stage(self, name: str) -> Path:
        """Folder of a stage."""
        return self.folder / TRAINING / name

    def is_finished(self, stage: str) -> bool:
        """Whether the stage ran to its end."""
        return (self.stage(stage) / FINISHED).is_file()

    def finish(self, stage: str, *, epochs: int, step_s: float) -> None:
        """Note that it did."""
        (self.stage(stage) / FINISHED).write_text(json.dumps({"epochs": epochs, "step_s": step_s}), encoding="utf-8")

    def finished(self, stage: str) -> tuple[int, float]:
        """Epochs that it ran and seconds of a step.

        Raises
        ------
        ModelError
            When the note is broken.
        """
        path = self.stage(stage) / FINISHED
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            return int(said["epochs"]), float(said["step_s"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError("is broken", place=str(path), remedy="delete it and resume") from error

    def checkpoint(self, stage: str, name: str) -> dict[str, Any]:
        """A stage's checkpoint, read without running any code in it.

        Raises
        ------
        ModelError
            When it is missing, broken, or holds more than tensors and plain values.
        """
        path = self.stage(stage) / name
        try:
            found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            message = str(error).strip().splitlines()[0] if str(error).strip() else "broken"
            raise ModelError(
                f"cannot be read: {message}"[:200], place=str(path), remedy="train again in a new folder"
            ) from error
        return found

    def _check_same(self, config: BaseModel, cases: Split[Any]) -> None:
        path = self.folder / CONFIG
        try:
            before = parse_recipe(path.read_bytes(), type(config), place=str(path))
        except OSError as error:
            raise ModelError(f"cannot be read: {error.strerror or error}", place=str(path)) from error
        differ = differences(before, config)
        if differ:
            raise ModelError(
                f"the run was started with another {differ[0]}", place=str(path), remedy="resume it as it was"
            )
        dealt = read_split(self.folder / SPLIT, [case for part in PARTS for case in cases.part(part)])
        for part in PARTS:
            if dealt.patients(part) != cases.patients(part):
                raise ModelError(
                    f"the run was started with other patients in {part}",
                    place=str(self.folder / SPLIT),
                    remedy="resume it with the same sources and split",
                )


def differences(before: BaseModel, now: BaseModel) -> list[str]:
    """Fields that a resumed run must not change and that differ, as ``table.field``."""
    found = []
    for table in type(now).model_fields:
        ours, theirs = (json.loads(config.model_dump_json(include={table}))[table] or {} for config in (now, before))
        free = MAY_CHANGE if table == "training" else ()
        for name in sorted({*ours, *theirs}):
            if name not in free and ours.get(name) != theirs.get(name):
                found.append(f"{table}.{name}")
    return found
