"""Published checkpoints of gaze-supervised segmentation as a model folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError
from torch import Tensor

from models.card import Card, InputCard, TrainingCard, imported_card
from models.checkpoints import read_checkpoint
from models.errors import ModelError
from models.gaze_segmentation.levels import PUBLISHED
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.settings import SegmentationSettings
from models.model_folder import LoadedModel, built, fitting_tensors, save_model

ARCHITECTURE = "gaze_segmentation"
KIND = "a gaze segmentation network"

STRUCTURES: Mapping[int, tuple[str, str]] = MappingProxyType({3: ("polyp", "kvasir"), 1: ("prostate", "prostate")})
"""What the published networks segment, and the preset of their thresholds, by channels of the input."""

IMPORT_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "structure": "what it segments (polyp for three channels, prostate for one)",
        "thresholds": "of its levels, as 0.5,0.3 (those published for its structure and number of levels)",
    }
)
_LEVEL = re.compile(r"model\.(\d{1,2})\.")


def import_published(
    path: Path, folder: Path, *, name: str, version: str, options: Mapping[str, str]
) -> LoadedModel[GazeSegmenter]:
    """Make a model folder of a published checkpoint: the faithful network, 224 x 224 pixels, 4 groups.

    Raises
    ------
    ModelError
        As `read_checkpoint`, `imported_card` and `save_model`; unknown options; tensors that are missing, too
        many or of another shape.
    """
    unknown = sorted(set(options) - set(IMPORT_OPTIONS))
    if unknown:
        raise ModelError(f"there is no option {unknown[0][:60]!r}", remedy=f"options: {', '.join(IMPORT_OPTIONS)}")
    place = str(path)
    found = {
        key if key.startswith("model.") else f"model.{key}": value for key, value in read_checkpoint(Path(path)).items()
    }
    settings = _settings_of(found, options, place)
    network = built(lambda: GazeSegmenter(settings), place)
    network.load_state_dict(fitting_tensors(found, network, place=place, kind=KIND))
    return save_model(folder, network, _card(name, version, settings), settings)


def _settings_of(found: Mapping[str, Tensor], options: Mapping[str, str], place: str) -> SegmentationSettings:
    levels = len({match[1] for key in found if (match := _LEVEL.match(key))})

    def width(key: str, axis: int) -> int:
        tensor = found.get(f"model.0.{key}")
        if tensor is None or tensor.ndim != 4:
            raise ModelError(f"holds no model.0.{key}: not {KIND}", place=place, remedy="name another checkpoint")
        return int(tensor.shape[axis])

    channels = width("encoder.conv_0.conv_0.conv.weight", 1)
    if channels not in STRUCTURES or not levels:
        raise ModelError(f"{levels} levels of {channels} channels: not {KIND}", place=place)
    colour = channels == 3
    structure = options.get("structure", STRUCTURES[channels][0])
    if "thresholds" in options:
        thresholds = _thresholds(options["thresholds"])
    else:
        thresholds = _published_thresholds(structure, channels, levels, place)
    if len(thresholds) != levels:
        raise ModelError(f"{len(thresholds)} thresholds for {levels} levels", remedy="name one a level")
    features = [width(f"encoder.{key}.weight", 0) for key in (
        "conv_0.conv_0.conv", *(f"down_{step}.convs.conv_0.conv" for step in (1, 2, 3, 4)), "upcat_1.convs.conv_0.conv",
    )]  # fmt: skip
    try:
        return SegmentationSettings(
            structure=structure,
            values="rgb" if colour else "grey",
            normalisation="imagenet" if colour else "z-score",
            features=(features[0], features[1], features[2], features[3], features[4], features[5]),
            feature_channels=width("encoder.final_conv.weight", 0),
            thresholds=thresholds,
            consistency="propagated" if levels > 1 else "none",
            faithful=True,
        )
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ModelError(f"its sizes are not those of {KIND}: {said}"[:300], place=place) from error


def _published_thresholds(structure: str, channels: int, levels: int, place: str) -> tuple[float, ...]:
    """Those that the levels of a published network learnt from; no others are made up."""
    usual, preset = STRUCTURES[channels]
    found = PUBLISHED[preset].get(levels) if structure == usual else None
    if found is None:
        raise ModelError(
            f"does not tell the thresholds of its {levels} level{'s' if levels > 1 else ''}, and none were published "
            f"for {structure[:60]} with {channels} channel{'s' if channels > 1 else ''}",
            place=place,
            remedy=f"give what it was trained with: --option thresholds={','.join(['0.5'] * levels)}",
        )
    return found


def _thresholds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ModelError(f"thresholds {text[:60]!r}", remedy="write them as 0.5,0.3") from error


def _card(name: str, version: str, settings: SegmentationSettings) -> Card:
    rows, columns = settings.input_rows_columns_px
    return imported_card(
        name=name,
        version=version,
        task="segmentation",
        architecture=ARCHITECTURE,
        licence="As published; ask the authors of the checkpoint.",
        limits=(
            f"Segments a {settings.structure} in pictures like those it was trained on; it draws one in others too.",
            "Its best iteration was chosen on the test set by the publication's own code.",
            "Not a medical device: for research only, and never shown to a reader during a blinded reading.",
        ),
        input=InputCard(
            orientation="axial slices as DICOM stores them, or pictures as they are",
            hu_windows=(),
            spacing=f"every picture is resized to {rows} x {columns} pixels (rows x columns)",
            values=settings.values,
        ),
        training=TrainingCard(data="A published checkpoint; its training is described by its authors."),
        settings={},
    )
