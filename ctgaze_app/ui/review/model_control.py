"""Predictions of the trial under review: which there are, which is shown, and the one that is being made. No widget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import CTGazeError
from ctgaze_app.review.predicted_path import PredictedPath
from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.study.models_extra import is_installed
from ctgaze_app.study.prediction_worker import CTGAZE, Step, WorkerCancelled, predict_in_worker
from ctgaze_app.study.predictions import (
    PredictionRequest,
    StoredPrediction,
    predicted_series,
    prediction_path,
    prediction_places,
    remove_prediction,
    stored_predictions,
    why_hidden,
)
from ctgaze_app.ui.background import BackgroundJob, Progress
from ctgaze_app.ui.review.model_layer import model_label

SEED = 0
USUAL_PATHS = 5
FIRST_PATHS = 2
"""Of a prediction that nobody asked for: it is there soon, and still shows that paths differ."""
TELL_EVERY_S = 0.05
MISSING = 'Predictions need PyTorch, which is not installed here: pip install "ctgaze[models]" adds it.'
STARTING = Step(0, 0, "Starting")


@dataclass(frozen=True)
class ModelChoice:
    """A model that can be chosen, or why it cannot."""

    name: str
    version: str
    folder: Path = field(repr=False)
    sha256: str = ""
    problem: str = ""
    shipped: bool = False

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}".strip()


def what_is_missing() -> str:
    """The sentence that says what to install before anything can be predicted; empty when nothing is missing."""
    return "" if is_installed() else MISSING


def installed_models() -> tuple[ModelChoice, ...]:
    """The models that came with the program and the user's own, broken ones with their reason."""
    from models.registry import find_models

    return tuple(
        ModelChoice(found.folder.name, "", found.folder, problem=found.problem)
        if found.card is None
        else ModelChoice(
            found.card.name,
            found.card.version,
            found.folder,
            found.card.weights_sha256,
            found.problem,
            found.origin == "shipped",
        )
        for found in find_models()
        if found.card is None or found.card.task == "scanpath"
    )


def volume_digest(volume: Volume) -> str:
    """By which a prediction names the volume it was made on (`CtVolume.digest`)."""
    from ctgaze_app.study.model_volumes import volume_for_models

    return volume_for_models(volume).digest()


@dataclass(frozen=True)
class ModelTools:
    """What is outside of this program's process: the models there are, what is not installed, the digest by which a
    prediction names its volume, the worker's command."""

    find_models: Callable[[], Sequence[ModelChoice]] = installed_models
    missing: Callable[[], str] = what_is_missing
    digest: Callable[[Volume], str] = volume_digest
    command: tuple[str, ...] = CTGAZE


@dataclass(frozen=True, eq=False)
class ShownPrediction:
    """The prediction that is drawn: its paths on the trial's clock, and the words that stand beside them."""

    stored: StoredPrediction
    paths: tuple[PredictedPath, ...]
    label: str
    made: str


class ModelControl(QObject):
    """Lists, shows, makes and removes predictions; work that takes long runs in a thread or a process.

    Signals
    -------
    changed()
        Something but the progress is another.
    stepped(Step)
        How far the prediction that is being made is.
    """

    changed = Signal()
    stepped = Signal(object)
    _worker_stepped = Signal(object)

    def __init__(self, session: RecordedSession, tools: ModelTools | None = None) -> None:
        super().__init__()
        self.session, self.tools = session, tools or ModelTools()
        self.missing = self.tools.missing()
        self.models: tuple[ModelChoice, ...] = ()
        self.trial: RecordedTrial | None = None
        self.hidden = ""
        self.problem = ""
        self.stored: tuple[StoredPrediction, ...] = ()
        self.shown: ShownPrediction | None = None
        self.emphasised = 0
        self.busy: Step | None = None
        self.busy_trial = 0
        self.listed = False
        self._predicting: BackgroundJob | None = None
        self._listing: BackgroundJob | None = None
        self._volume_digests: dict[int, str] = {}
        self._wanted: Path | None = None
        self._when_listed: Callable[[], None] | None = None
        self._worker_stepped.connect(self._step)

    @property
    def usable(self) -> tuple[StoredPrediction, ...]:
        """The predictions that may be drawn over what is shown."""
        return tuple(one for one in self.stored if one.prediction is not None and not one.stale)

    @property
    def series(self) -> int:
        """Index of the series that predictions are about; -1 for none."""
        return -1 if self.trial is None else predicted_series(self.session.manifest, self.trial.record)

    def open_trial(self, trial: RecordedTrial) -> None:
        """Show another trial: its predictions are listed and the newest is shown at once, if they may be seen."""
        self._stop_listing()
        self.trial = trial
        self.hidden = why_hidden(self.session.manifest, trial.record)
        self.stored, self.shown, self.problem, self.emphasised, self._wanted = (), None, "", 0, None
        self.changed.emit()
        if not self.hidden:
            self._list()

    def predict(self, choice: ModelChoice, count: int) -> None:
        """Make `count` paths of the trial with a model, in a process of its own; shows them when it is done."""
        trial = self.trial
        if trial is None or self.hidden or self.missing or choice.problem or self.busy is not None:
            return
        request = PredictionRequest(choice.name, choice.version, choice.sha256, count, SEED)
        out = prediction_path(self.session.folder, self.session.manifest, trial.record, request)
        self.problem = ""
        if any(one.path == out for one in self.usable):
            self.choose(next(one for one in self.stored if one.path == out))
            return
        self.busy, self.busy_trial = STARTING, trial.record.number
        last_told_s = 0.0

        def tell(step: Step) -> None:
            nonlocal last_told_s
            now_s = time.monotonic()
            if now_s - last_told_s >= TELL_EVERY_S or step.done >= step.total:
                last_told_s = now_s
                self._worker_stepped.emit(step)

        def work(_progress: Progress, cancelled: Callable[[], bool]) -> Path | None:
            try:
                return predict_in_worker(
                    choice.folder,
                    self.session.folder,
                    trial.record.number,
                    request,
                    out,
                    progress=tell,
                    cancelled=cancelled,
                    command=self.tools.command,
                )
            except WorkerCancelled:
                return None

        self._predicting = BackgroundJob(work, self)
        self._predicting.succeeded.connect(self._predicted)
        self._predicting.failed.connect(self._failed)
        self._predicting.start()
        self.changed.emit()

    def predict_usual(self) -> None:
        """Once the models are known: show what the one that came with the program predicts, unless something is shown.

        Without such a model the user's first one that works is taken; without any nothing happens.
        """
        if not self.listed and not self.hidden and self.trial is not None:
            self._when_listed = self.predict_usual
            return
        working = next(
            iter(sorted((one for one in self.models if not one.problem), key=lambda one: not one.shipped)), None
        )
        if working is not None and self.shown is None:
            self.predict(working, FIRST_PATHS)

    def cancel(self) -> None:
        """Stop the prediction that is being made; its process ends on its own."""
        if self._predicting is not None:
            self._predicting.leave()
        self._predicting, self.busy = None, None
        self.changed.emit()

    def choose(self, stored: StoredPrediction | None) -> None:
        """Draw this prediction, or none."""
        self.shown = None if stored is None else self._prepared(stored)
        self.emphasised = 0
        self.changed.emit()

    def emphasise(self, number: int) -> None:
        """Bring one of the sampled paths (from 0) to the front."""
        if self.shown is not None and 0 <= number < len(self.shown.paths) and number != self.emphasised:
            self.emphasised = number
            self.changed.emit()

    def remove(self, stored: StoredPrediction) -> None:
        """Delete a prediction; the next one, if any, is shown."""
        try:
            remove_prediction(stored)
        except CTGazeError as error:
            self.problem = str(error)
            self.changed.emit()
            return
        self.stored = tuple(one for one in self.stored if one is not stored)
        if self.shown is None or self.shown.stored is stored:
            self.choose(next(iter(self.usable), None))
        else:
            self.changed.emit()

    def close(self) -> None:
        """Stop and wait for everything; call before this goes."""
        for job in (self._predicting, self._listing):
            if job is not None:
                job.cancel()
        self._predicting = self._listing = None

    def _list(self) -> None:
        trial, series = self.trial, self.series
        assert trial is not None
        self.listed = False
        volume, known = self.session.volumes.get(series), self._volume_digests.get(series, "")
        models = self.models

        def work(_progress: Progress, cancelled: Callable[[], bool]) -> object:
            found = models or tuple(self.tools.find_models())
            digest = known
            places = prediction_places(self.session.folder, trial.record)
            if not digest and volume is not None and places and not cancelled():
                digest = self.tools.digest(volume)
            weights: dict[tuple[str, str], set[str]] = {}
            for one in found:
                if not one.problem:
                    weights.setdefault((one.name, one.version), set()).add(one.sha256)
            stored = stored_predictions(self.session.folder, trial.record, volume_sha256=digest, weights=weights)
            return found, digest, stored

        self._stop_listing()
        self._listing = BackgroundJob(work, self)
        self._listing.succeeded.connect(self._have_listed)
        self._listing.failed.connect(self._failed_listing)
        self._listing.start()

    def _stop_listing(self) -> None:
        # Not waited for: the digest of a large CT would hold up the window.
        if self._listing is not None:
            self._listing.leave()
        self._listing, self._when_listed = None, None

    def _have_listed(self, found: tuple[tuple[ModelChoice, ...], str, tuple[StoredPrediction, ...]]) -> None:
        self._listing = None
        self.models, digest, self.stored = found
        if digest:
            self._volume_digests[self.series] = digest
        wanted = next((one for one in self.usable if one.path == self._wanted), None)
        self._wanted, self.listed = None, True
        self.choose(wanted or next(iter(self.usable), None))
        then, self._when_listed = self._when_listed, None
        if then is not None:
            then()

    def _failed_listing(self, line: str) -> None:
        self._listing, self.problem, self.listed = None, line, True
        self.changed.emit()

    def _predicted(self, out: Path | None) -> None:
        self._predicting, self.busy = None, None
        self.changed.emit()
        if out is not None and self.trial is not None and self.trial.record.number == self.busy_trial:
            self._wanted = out
            self._list()

    def _failed(self, line: str) -> None:
        elsewhere = self.trial is None or self.trial.record.number != self.busy_trial
        self.problem = f"Trial {self.busy_trial}: {line}" if elsewhere else line
        self._predicting, self.busy = None, None
        self.changed.emit()

    def _step(self, step: Step) -> None:
        if self.busy is not None:
            self.busy = step
            self.stepped.emit(step)

    def _prepared(self, stored: StoredPrediction) -> ShownPrediction | None:
        prediction = stored.prediction
        if prediction is None or stored.stale or self.trial is None or self.hidden:
            return None
        start_lsl = self.trial.replay.start_lsl
        paths = tuple(PredictedPath.of(path, number, start_lsl) for number, path in enumerate(prediction.paths, 1))
        threads = prediction.parameters.get("threads")
        device = prediction.device
        if device == "cpu":
            device = f"CPU ({threads} thread{'' if threads == 1 else 's'})" if threads else "CPU"
        label = model_label(prediction.model, prediction.version)
        made = f"{device}, {prediction.seconds:.1f} s" if math.isfinite(prediction.seconds) else device
        return ShownPrediction(stored, paths, label, f"Made on {made}")
