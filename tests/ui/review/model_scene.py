"""A closed session in a folder with spaces, made-up predictions of it, and a stand-in for the `ctgaze` command."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ctgaze_app.study.loading import RecordedSession
from ctgaze_app.ui.review.model_choices import ModelChoice, ModelTools
from models.prediction_file import write_prediction
from models.predictions import ScanpathPrediction
from models.scanpath import Scanpath
from tests.factories.volumes import make_volume
from tests.ui.review import scene

NAME, VERSION = "ct-searcher-test", "1.2"
LABEL = f"{NAME} {VERSION} - model, research only"
WEIGHTS, VOLUME = "a" * 64, "b" * 64
SLICES = 30
BROKEN = ModelChoice("torn", "", Path("torn"), problem="model.safetensors: ends too early")

STAND_IN = """
import json, os, pathlib, shutil, sys, time
here = pathlib.Path(__file__).parent
mode = (here / "mode").read_text()
with open(here / "asked", "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
def step(done, what):
    print(json.dumps({"done": done, "total": 4, "what": what}), file=sys.stderr, flush=True)
step(1, "Encoding on CPU (1 thread)")
if mode == "wait":
    (here / "pid").write_text(str(os.getpid()))
    time.sleep(60)
if mode == "killed":
    os.kill(os.getpid(), 9)
if mode == "fails":
    sys.exit("ctgaze: card.toml: no field licence (add it)")
if sys.argv[1] == "compare":
    print((here / "report.json").read_text())
else:
    step(3, "Sampling")
    shutil.copy(here / "made.json", sys.argv[sys.argv.index("--out") + 1])
"""


def prediction(case: str = "case01", count: int = 3, **changes: object) -> ScanpathPrediction:
    """Paths that go down the stack, one fixation every half second, the same place on every slice for each path."""
    slices = np.linspace(0, SLICES - 1, 40)
    paths = tuple(
        Scanpath.from_voxels(
            np.column_stack([np.full(40, 12.0 + 8 * number), np.full(40, 20.0 + number), slices]),
            np.full(40, 0.4),
            shape_kji=(SLICES, 48, 48),
            who=NAME,
            case=case,
            source="model",
            onset_s=np.arange(40) * 0.5,
            trial=f"sample {number + 1}",
        )
        for number in range(count)
    )
    made = ScanpathPrediction(paths, NAME, VERSION, WEIGHTS, VOLUME, "cpu", 3.14, {"seed": 0, "threads": 2})
    return replace(made, **changes)  # type: ignore[arg-type]


class ModelScene:
    """Session, stand-in command and models of one test."""

    def __init__(self, folder: Path) -> None:
        volume = make_volume(slices=SLICES, rows=48, columns=48)
        trials = (scene.replay_trial(volume, 1), scene.replay_trial(volume, 2, seconds=12.0, seed=2))
        recorded = scene.recorded_session(volume, trials)
        self.folder = folder / "a session with spaces"
        self.folder.mkdir()
        self.session: RecordedSession = replace(
            recorded, folder=self.folder, manifest=recorded.manifest.model_copy(update={"state": "complete"})
        )
        self.desk = folder / "the command"
        self.desk.mkdir()
        (self.desk / "stand in.py").write_text(STAND_IN, encoding="utf-8")
        self.set_mode("works")
        write_prediction(self.desk / "made.json", prediction())
        self.models = (ModelChoice(NAME, VERSION, Path("the model"), WEIGHTS), BROKEN)
        self.missing = ""

    @property
    def tools(self) -> ModelTools:
        """For `ReviewWorkspace`."""
        return ModelTools(
            find_models=lambda: self.models,
            missing=lambda: self.missing,
            digest=lambda volume: VOLUME,
            command=(sys.executable, str(self.desk / "stand in.py")),
        )

    def set_mode(self, mode: str) -> None:
        """How the command behaves from now on: works, wait, killed, fails."""
        (self.desk / "mode").write_text(mode, encoding="utf-8")

    def store(self, name: str, made: ScanpathPrediction) -> Path:
        """Put a prediction among the session's."""
        path = self.folder / "derived" / "predictions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_prediction(path, made)
        return path

    @property
    def asked(self) -> list[list[str]]:
        """Arguments of every call of the command."""
        path = self.desk / "asked"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    @property
    def worker_pid(self) -> int:
        """Of the command that waits; 0 before it does."""
        path = self.desk / "pid"
        return int(path.read_text() or 0) if path.exists() else 0
