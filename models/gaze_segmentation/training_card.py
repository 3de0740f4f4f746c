"""What a trained segmentation network's card says: data, supervision and run, in sentences."""

from __future__ import annotations

from collections import Counter

from models.card import NOT_SAVED, Card, InputCard
from models.datasets.picture_case import PictureCase
from models.datasets.splits import Split
from models.gaze_segmentation.config import SegmentationConfig, SimulatedSlices, Source
from models.gaze_segmentation.published import ARCHITECTURE
from models.gaze_segmentation.settings import SegmentationSettings
from models.training.card import ALL_PARTS, training_card
from models.training.result import TrainingResult

ORIENTATIONS = {
    "hu": "axial slices: columns to the patient's left, rows to the back; volumes stored otherwise are turned",
    "grey": "axial slices with columns to the patient's left and rows to the back; slices of another plane as stored",
    "rgb": "pictures as they are",
}


def card_of(config: SegmentationConfig, cases: Split[PictureCase], result: TrainingResult, *, left_out: int) -> Card:
    """The card of a model that was just trained; `save_model` adds settings and the digest of its weights.

    Parameters
    ----------
    left_out
        Training pictures without what the network learns from.
    """
    settings = config.model.settings
    return Card(
        name=config.model.name,
        version=config.model.version,
        task="segmentation",
        architecture=ARCHITECTURE,
        licence=config.model.licence,
        weights_sha256=NOT_SAVED,
        limits=config.model.limits,
        input=input_card(settings),
        training=training_card(config, cases, data=_sentences(config, cases, result, left_out), seeds=_seeds(config)),
        settings={},
    )


def input_card(settings: SegmentationSettings) -> InputCard:
    """What the network sees of a picture."""
    rows, columns = settings.input_rows_columns_px
    spacing = (
        f"every picture is resized to {rows} x {columns} pixels (rows x columns), whatever its millimetres"
        if settings.spacing_mm is None
        else f"slices are resampled to {settings.spacing_mm:g} mm a pixel and looked at in windows of {rows} x "
        f"{columns} pixels (rows x columns) that overlap by half or more"
    )
    return InputCard(
        orientation=ORIENTATIONS[settings.values],
        hu_windows=() if settings.window_hu is None else (settings.window_hu,),
        spacing=spacing,
        values=settings.values,
    )


def _sentences(config: SegmentationConfig, cases: Split[PictureCase], result: TrainingResult, left_out: int) -> str:
    origins = Counter(case.origin for case in cases.train)
    counted = ", ".join(f"{count} {origin}" for origin, count in sorted(origins.items()))
    figures = ", ".join(f"{name} {value:.4g}" for name, value in sorted(result.figures.items()))
    missing = f" {left_out} of them had nothing to learn from and were left out." if left_out else ""
    return (
        f"{ALL_PARTS}{'; '.join(_source(source) for source in config.data.source)}. "
        f"{len(cases.train)} training pictures ({counted}), split by patient.{missing} {_supervision(config)} "
        f"Epoch {result.best_epoch} was the best on the validation patients by "
        f"{result.monitor.removeprefix('val/')} ({figures})."
    )


def _supervision(config: SegmentationConfig) -> str:
    settings = config.model.settings
    if settings.mode == "full":
        return "It learnt from true masks."
    levels = ", ".join(f"{share:g}" for share in settings.thresholds)
    agreement = (
        ""
        if settings.consistency == "none"
        else (f" with {settings.consistency} consistency of weight {settings.consistency_weight:g} between them")
    )
    masks = (
        "true masks of validation pictures served to choose the epoch"
        if config.training.monitor == "val/dice"
        else "no true mask was opened"
    )
    return f"It learnt from gaze: pseudo-masks at {levels}{agreement}; {masks}."


def _source(source: Source) -> str:
    if isinstance(source, SimulatedSlices):
        return (
            f"{source.count} made patients with {source.finding} (seeds {source.first_seed} to "
            f"{source.first_seed + source.count - 1}), up to {source.slices_per_patient} slices of each, with "
            "simulated gaze that marks it"
        )
    return {"kvasir": "Kvasir-SEG photographs", "prostate": "NCI-ISBI prostate slices"}[source.kind] + " with fixations"


def _seeds(config: SegmentationConfig) -> tuple[int, ...]:
    first = [source.first_seed for source in config.data.source if isinstance(source, SimulatedSlices)]
    return (*first, config.data.split_seed, config.training.seed)
