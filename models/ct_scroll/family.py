"""What commands and the application call of CT-Scroll (`models.families.Family`)."""

from __future__ import annotations

from pathlib import Path

from models.card import Card
from models.ct_scroll.network import CtScroll
from models.ct_scroll.prediction import PREDICT_OPTIONS
from models.ct_scroll.prediction import predict_findings as predict
from models.ct_scroll.published import ARCHITECTURE, IMPORT_OPTIONS
from models.ct_scroll.published import import_scroll as import_published
from models.ct_scroll.settings import ScrollSettings
from models.model_folder import LoadedModel, built, load_model, settings_of

__all__ = ["IMPORT_OPTIONS", "PREDICT_OPTIONS", "import_published", "load", "predict"]


def load(folder: Path) -> LoadedModel[CtScroll]:
    """The model of a folder; raises `ModelError` as `models.model_folder.load_model`."""
    return load_model(folder, ARCHITECTURE, _build)


def _build(card: Card, place: str) -> CtScroll:
    settings = settings_of(card, ScrollSettings, place=place, optional=("thresholds",))
    return built(lambda: CtScroll(settings), place)
