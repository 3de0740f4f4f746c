"""A CT-Scroll in its folder, and what its card says of its input."""

from __future__ import annotations

from pathlib import Path

from models.card import Card, InputCard
from models.ct_scroll.network import CtScroll
from models.ct_scroll.settings import ScrollSettings
from models.model_folder import LoadedModel, built, load_model, settings_of

ARCHITECTURE = "ct_scroll"


def load_scroll(folder: Path) -> LoadedModel[CtScroll]:
    """The model of a folder; raises `ModelError` as `models.model_folder.load_model`."""
    return load_model(folder, ARCHITECTURE, _build)


def input_card(settings: ScrollSettings) -> InputCard:
    """What a CT-Scroll is given, in sentences."""
    shape = " x ".join(str(size) for size in settings.input_shape_slp)
    spacing = " x ".join(f"{step:g}" for step in settings.spacing_slp_mm)
    return InputCard(
        orientation="caudal to cranial, right to left, anterior to posterior, by the affine; a tilt is kept",
        hu_windows=(settings.hu_range,),
        spacing=f"resampled to {spacing} mm, the middle cropped or padded with air to {shape} voxels",
    )


def _build(card: Card, place: str) -> CtScroll:
    settings = settings_of(card, ScrollSettings, place=place, optional=("thresholds",))
    return built(lambda: CtScroll(settings), place)
