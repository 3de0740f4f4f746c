"""What is behind each layer of a trial: a reading's path or a stored prediction, and the words that stand beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ctgaze_app.review.layers import LayerEntry
from ctgaze_app.review.path_beside import PathBeside
from ctgaze_app.study.other_readings import OtherReading
from ctgaze_app.study.stored_predictions import StoredPrediction
from models.prediction_heads import PredictionHead
from models.predictions import (
    RESEARCH_ONLY,
    ClassificationPrediction,
    Findings,
    Prediction,
    SaliencyPrediction,
    ScanpathPrediction,
    warnings_of,
)

UNREADABLE = "cannot be read"
DOUBTFUL = "research only, may be old"


@dataclass(frozen=True, eq=False)
class LayerContent:
    """One layer's paths, or its prediction; `label` names it on the picture, `made` says by what, how fast and what may
    be wrong.

    A stored prediction is only listed until `loaded` gives it; until then `prediction` is None.
    """

    label: str
    paths: tuple[PathBeside, ...] = field(default=(), repr=False)
    stored: StoredPrediction | None = None
    made: str = ""
    prediction: Prediction | None = field(default=None, repr=False)

    @property
    def ready(self) -> bool:
        """Whether it can be drawn."""
        return self.stored is None or self.prediction is not None

    def loaded(self, prediction: Prediction | None, start_lsl: float) -> LayerContent:
        """With a prediction and its paths, as if they had begun at `start_lsl`; None gives them back."""
        paths: tuple[PathBeside, ...] = ()
        if isinstance(prediction, ScanpathPrediction):
            paths = tuple(PathBeside.of(path, number, start_lsl) for number, path in enumerate(prediction.paths, 1))
        return replace(self, paths=paths, prediction=prediction)

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


def layers_of(
    readings: Sequence[ReadingFound],
    stored: Sequence[StoredPrediction],
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
    seen: set[tuple[str, str]] = set()
    for one in stored:
        entry, content = _prediction_layer(one, seen)
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


def _prediction_layer(stored: StoredPrediction, seen: set[tuple[str, str]]) -> tuple[LayerEntry, LayerContent]:
    key, head = f"prediction:{stored.path.name}", stored.head
    if head is None:
        entry = LayerEntry(key, "scanpath", stored.path.stem, UNREADABLE, problem=stored.problem or UNREADABLE)
        return entry, LayerContent(stored.path.name, stored=stored)
    first = not stored.stale and (head.model, head.task) not in seen
    if first:
        seen.add((head.model, head.task))
    note = DOUBTFUL if stored.doubt else f"research only: {_what(head)}"
    entry = LayerEntry(
        key,
        head.task,
        f"{head.model} {head.version}",
        f"out of date: {stored.stale}" if stored.stale else note,
        problem=stored.stale,
        doubt=stored.doubt,
        at_first=first,
    )
    return entry, LayerContent(model_label(head.model, head.version), stored=stored, made=_made(head))


def _what(head: PredictionHead) -> str:
    count = len(head.names)
    if head.task == "scanpath":
        return f"{count} path{'' if count == 1 else 's'}"
    return f"{count} findings" if head.task == "classification" else ", ".join(head.names)


def _made(head: PredictionHead) -> str:
    threads, device = head.parameters.get("threads"), head.device
    if device == "cpu":
        device = f"CPU ({threads} thread{'' if threads == 1 else 's'})" if threads else "CPU"
    lasted = f", {head.seconds:.1f} s" if math.isfinite(head.seconds) else ""
    return "\n".join((f"Made on {device}{lasted}", *warnings_of(head.parameters)))
