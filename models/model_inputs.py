"""What a model reads: which kind of values, whether a volume has them, whether it needs gaze too; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from models.card import Card
from models.errors import ModelError
from models.volumes import CtVolume, PictureVolume

Values = Literal["hu", "grey", "rgb"]
WORDS: Mapping[Values, str] = MappingProxyType(
    {
        "hu": "CT in Hounsfield units",
        "grey": "grey pictures without Hounsfield units",
        "rgb": "colour pictures",
    }
)


def values_of(volume: CtVolume | PictureVolume) -> Values:
    """The kind of a volume's values, as `models.card.InputCard.values` names it."""
    if isinstance(volume, CtVolume):
        return "hu"
    return "rgb" if volume.is_colour else "grey"


def needs_gaze(card: Card) -> bool:
    """Whether a model takes a reader's fixations on the image, as its option ``fixations``."""
    return card.architecture == "gaze_classifier" and card.settings.get("kind") == "temporal"


def refuse_other_values(card: Card, volume: CtVolume | PictureVolume) -> None:
    """Refuse a volume of another kind than the model was made for.

    Raises
    ------
    ModelError
        Says what the model reads and what this is.
    """
    found = values_of(volume)
    if found != card.input.values:
        this = "a colour picture" if found == "rgb" else WORDS[found] if found == "hu" else "a grey picture, no CT"
        raise ModelError(
            f"{card.name} reads {WORDS[card.input.values]}, and this is {this}",
            place=volume.case,
            remedy="choose another model or another image",
        )
