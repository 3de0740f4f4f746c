"""The networks of gaze classifiers, and their folders."""

from __future__ import annotations

from pathlib import Path

import torch

from models.card import Card
from models.errors import ModelError
from models.gaze_classifier.image_cnn import Frames, ImageClassifier, Outputs, TemporalClassifier
from models.gaze_classifier.settings import GazeClassifierSettings
from models.gaze_classifier.unet import GazeUnet
from models.model_folder import LoadedModel, built, load_model, save_model, settings_of

ARCHITECTURE = "gaze_classifier"

Classifier = ImageClassifier | TemporalClassifier | GazeUnet
LoadedClassifier = LoadedModel[Classifier]


def make_network(settings: GazeClassifierSettings) -> Classifier:
    """The network of some settings, with random weights."""
    if settings.kind == "baseline":
        return ImageClassifier(settings)
    if settings.kind == "temporal":
        return TemporalClassifier(settings)
    return GazeUnet(settings)


def outputs_of(network: Classifier, pictures: torch.Tensor, frames: Frames | None) -> Outputs:
    """What a network says of (B, 1, size, size) pictures, with gaze or without."""
    found: Outputs = network(pictures, frames)
    return found


def load_classifier(folder: Path) -> LoadedClassifier:
    """The model of a folder; raises `ModelError` as `models.model_folder.load_model`, and for a card whose task is not
    its kind's."""
    return load_model(folder, ARCHITECTURE, _build)


def save_classifier(folder: Path, network: Classifier, card: Card) -> LoadedClassifier:
    """Write the model's folder; raises `ModelError` as `models.model_folder.save_model`."""
    return save_model(folder, network, card, network.settings)


def _build(card: Card, place: str) -> Classifier:
    settings = settings_of(card, GazeClassifierSettings, place=place)
    if card.task != settings.task:
        raise ModelError(
            f"task: a network of the kind {settings.kind} is for {settings.task}, not for {card.task}",
            place=place,
            remedy="correct the card",
        )
    return built(lambda: make_network(settings), place)
