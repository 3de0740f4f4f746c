"""What is behind each layer of a trial: a reading's path or a stored prediction, and the words that stand beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ctgaze_app.review.layers import LayerEntry, LayerKind
from ctgaze_app.review.path_beside import PathBeside
from ctgaze_app.study.other_readings import OtherReading
from ctgaze_app.study.predictions import StoredPrediction
from models.predictions import (
    RESEARCH_ONLY,
    ClassificationPrediction,
    Findings,
    Prediction,
    SaliencyPrediction,
    ScanpathPrediction,
    SegmentationPrediction,
)

UNREADABLE = "cannot be read"


@dataclass(frozen=True, eq=False)
class LayerContent:
    """One layer's paths, or its prediction; `label` names it on the picture, `made` says by what and how fast."""

    label: str
    paths: tuple[PathBeside, ...] = field(default=(), repr=False)
    stored: StoredPrediction | None = None
    made: str = ""

    @property
    def prediction(self) -> Prediction | None:
        """Of a model's layer that can be read."""
        return self.stored.prediction if self.stored is not None else None

    @property
    def findings(self) -> Findings | None:
        """Of a prediction that has some."""
        prediction = self.prediction
        return prediction.findings if isinstance(prediction, ClassificationPrediction | SaliencyPrediction) else None


@dataclass(frozen=True, eq=False)
class ReadingFound:
    """Another reading of the case: its path, or why it cannot be shown."""

    reading: OtherReading
    path: PathBeside | None = field(default=None, repr=False)
    problem: str = ""


Layers = tuple[tuple[LayerEntry, ...], Mapping[str, LayerContent]]


def model_label(model: str, version: str) -> str:
    """Name, version and what it is good for: stands wherever a prediction is shown."""
    return f"{model} {version} - {RESEARCH_ONLY}"


def kind_of(prediction: Prediction) -> LayerKind:
    """The kind of layer that draws it."""
    if isinstance(prediction, ScanpathPrediction):
        return "scanpath"
    if isinstance(prediction, ClassificationPrediction):
        return "classification"
    return "segmentation" if isinstance(prediction, SegmentationPrediction) else "saliency"


def layers_of(
    readings: Sequence[ReadingFound],
    stored: Sequence[StoredPrediction],
    start_lsl: float,
    reader: str,
    readers: Sequence[str],
) -> Layers:
    """Entries and contents of a trial, readings first.

    Parameters
    ----------
    stored
        The newest first: of each model and task only the newest that can be shown is visible at first.
    reader
        Code of who read the trial itself.
    readers
        All codes of the study, whose order gives the colours.
    """
    entries: list[LayerEntry] = []
    contents: dict[str, LayerContent] = {}
    for found in readings:
        entry, content = _reading_layer(found, reader, readers)
        entries.append(entry)
        contents[entry.key] = content
    seen: set[tuple[str, LayerKind]] = set()
    for one in stored:
        entry, content = _prediction_layer(one, start_lsl, seen)
        entries.append(entry)
        contents[entry.key] = content
    return tuple(entries), contents


def _reading_layer(found: ReadingFound, reader: str, readers: Sequence[str]) -> tuple[LayerEntry, LayerContent]:
    reading = found.reading
    again = " again" if reading.reader == reader else ""
    entry = LayerEntry(
        f"reading:{reading.session}:{reading.trial}",
        "reading",
        f"{reading.reader}{again}",
        found.problem or "another reading of this case",
        problem=found.problem,
        colour=readers.index(reading.reader) if reading.reader in readers else len(readers),
        at_first=False,
    )
    return entry, LayerContent(f"{reading.reader}{again}", (found.path,) if found.path is not None else ())


def _prediction_layer(
    stored: StoredPrediction, start_lsl: float, seen: set[tuple[str, LayerKind]]
) -> tuple[LayerEntry, LayerContent]:
    key, prediction = f"prediction:{stored.path.name}", stored.prediction
    if prediction is None:
        entry = LayerEntry(key, "scanpath", stored.path.stem, UNREADABLE, problem=stored.problem or UNREADABLE)
        return entry, LayerContent(stored.path.name, stored=stored)
    kind = kind_of(prediction)
    first = not stored.stale and (prediction.model, kind) not in seen
    if first:
        seen.add((prediction.model, kind))
    note = f"research only: {_what(prediction)}"
    entry = LayerEntry(
        key,
        kind,
        f"{prediction.model} {prediction.version}",
        f"out of date: {stored.stale}" if stored.stale else note,
        problem=stored.stale,
        at_first=first,
    )
    paths: tuple[PathBeside, ...] = ()
    if isinstance(prediction, ScanpathPrediction) and not stored.stale:
        paths = tuple(PathBeside.of(path, number, start_lsl) for number, path in enumerate(prediction.paths, 1))
    return entry, LayerContent(model_label(prediction.model, prediction.version), paths, stored, _made(prediction))


def _what(prediction: Prediction) -> str:
    if isinstance(prediction, ScanpathPrediction):
        count = len(prediction.paths)
        return f"{count} path{'' if count == 1 else 's'}"
    if isinstance(prediction, ClassificationPrediction):
        return f"{len(prediction.findings.labels)} findings"
    if isinstance(prediction, SegmentationPrediction):
        return prediction.structure
    return ", ".join(prediction.maps_kji)


def _made(prediction: Prediction) -> str:
    threads, device = prediction.parameters.get("threads"), prediction.device
    if device == "cpu":
        device = f"CPU ({threads} thread{'' if threads == 1 else 's'})" if threads else "CPU"
    lasted = f", {prediction.seconds:.1f} s" if math.isfinite(prediction.seconds) else ""
    return f"Made on {device}{lasted}"
