"""What gaze classifiers offer to the commands and the application (`models.families.Family`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from models.errors import ModelError
from models.families import Progress, Stop
from models.gaze_classifier.config import ClassifierConfig, read_config
from models.gaze_classifier.evaluation import evaluate
from models.gaze_classifier.files import LoadedClassifier, load_classifier
from models.gaze_classifier.picture_gaze import read_fixations
from models.gaze_classifier.prediction import predict_picture
from models.gaze_classifier.training import train
from models.gaze_classifier.training_cases import cases_of
from models.predictions import ClassificationPrediction, SaliencyPrediction
from models.volumes import CtVolume, PictureVolume

__all__ = (
    "IMPORT_OPTIONS", "PREDICT_OPTIONS", "cases_of", "evaluate", "import_published", "load", "predict", "read_recipe",
    "train",
)  # fmt: skip

PREDICT_OPTIONS: Mapping[str, str] = {
    "fixations": "a reader's gaze on this picture, for the temporal model: a CSV in GazeMedSeg's columns",
    "picture": "what that CSV calls this picture (the case's name, or that of the file)",
    "finding": "label whose Grad-CAM is shown, for a U-Net; by default the most probable one",
}
IMPORT_OPTIONS: Mapping[str, str] = {}


def load(folder: Path) -> LoadedClassifier:
    """The model of a folder."""
    return load_classifier(folder)


def predict(
    model: LoadedClassifier,
    volume: CtVolume | PictureVolume,
    *,
    options: Mapping[str, str],
    device: str = "auto",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> ClassificationPrediction | SaliencyPrediction:
    """Findings of one radiograph; of a U-Net with maps. Options: `PREDICT_OPTIONS`."""
    unknown = sorted(set(options) - set(PREDICT_OPTIONS))
    if unknown:
        raise ModelError(f"no option {unknown[0][:60]!r}", remedy=f"known: {', '.join(PREDICT_OPTIONS)}")
    gaze = None
    if "fixations" in options:
        gaze = read_fixations(Path(options["fixations"]), options.get("picture", volume.case), volume.shape_kji[1:])
    elif "picture" in options:
        raise ModelError("the option picture says whose rows of fixations count", remedy="give fixations, too")
    return predict_picture(
        model,
        volume,
        gaze=gaze,
        finding=options.get("finding"),
        device=device,
        progress=progress,
        cancelled=cancelled,
    )


def import_published(
    path: Path, folder: Path, *, name: str, version: str, options: Mapping[str, str]
) -> LoadedClassifier:
    """Always refuses: nobody published weights of these networks."""
    raise ModelError(
        "weights of the chest X-ray study's classifiers were never published, so that nothing can be imported",
        place=str(path),
        remedy="train one: ctgaze model train gaze-classifier",
    )


def read_recipe(name: str) -> ClassifierConfig:
    """The training configuration of a file or of a shipped recipe."""
    return read_config(name)
