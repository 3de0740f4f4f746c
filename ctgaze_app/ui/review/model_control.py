"""What stands beside the trial under review, models and other readings, and the prediction that is made. No widget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import CTGazeError
from ctgaze_app.review.layers import Layer
from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.study.other_readings import reader_codes
from ctgaze_app.study.prediction_worker import Step
from ctgaze_app.study.predictions import PredictionRequest, predicted_series, prediction_path, why_hidden
from ctgaze_app.study.stored_predictions import remove_prediction
from ctgaze_app.ui.background import BackgroundJob, Progress
from ctgaze_app.ui.review.layer_content import LayerContent, layers_of
from ctgaze_app.ui.review.listed_layers import ListedLayers
from ctgaze_app.ui.review.model_choices import ModelChoice, ModelTools, why_not
from ctgaze_app.ui.review.prediction_job import PredictionJob
from ctgaze_app.ui.review.trial_listing import TrialListing, list_trial
from models.errors import Cancelled

SEED = 0
USUAL_PATHS = 5
FIRST_PATHS = 2
"""Of a prediction that nobody asked for: it is there soon, and still shows that paths differ."""


class ModelControl(QObject):
    """Lists, makes and removes predictions; work that takes long runs in a thread or a process.

    Signals
    -------
    changed()
        Something but the progress and the layers' looks is another.
    stepped(Step), loading.stepped()
        How far the prediction that is being made is, and a stored one that is being loaded.
    made(str)
        Key of the layer that was just predicted and is listed now.
    """

    changed = Signal()
    stepped = Signal(object)
    made = Signal(str)

    def __init__(self, session: RecordedSession, tools: ModelTools | None = None) -> None:
        super().__init__()
        self.session, self.tools = session, tools or ModelTools()
        self.missing = self.tools.missing()
        self.readers = reader_codes(session.folder, session.manifest)
        self.models: tuple[ModelChoice, ...] = ()
        self.trial: RecordedTrial | None = None
        self.hidden = self.problem = ""
        self._listed_layers = ListedLayers(self)
        self._listed_layers.changed.connect(self.changed)
        self.layers, self.loading = self._listed_layers.layers, self._listed_layers.loading
        self.another_k: NDArray[np.float64] | None = None
        self.another_name = ""
        self.listed = False
        self._job = PredictionJob(self)
        self._job.stepped.connect(self.stepped)
        self._job.ended.connect(self._predicted)
        self._listing: BackgroundJob | None = None
        self._volume_digests: dict[int, str] = {}
        self._wanted = ""
        self._when_listed: Callable[[], None] | None = None

    @property
    def busy(self) -> Step | None:
        """How far the prediction that is being made is; None when none is."""
        return self._job.step

    @property
    def busy_trial(self) -> int:
        """Number of the trial that it is about."""
        return self._job.trial

    @property
    def series(self) -> int:
        """Index of the series that predictions are about; -1 for none."""
        return -1 if self.trial is None else predicted_series(self.session.manifest, self.trial.record)

    @property
    def volume(self) -> Volume | None:
        """That series' volume."""
        return self.session.volumes.get(self.series)

    @property
    def reader_colour(self) -> int:
        """Of this session's reader, in the readers' palette."""
        return self.readers.index(self.session.manifest.reader)

    @property
    def contents(self) -> Mapping[str, LayerContent]:
        """What is behind each layer, by its key."""
        return self._listed_layers.contents

    @property
    def shown(self) -> tuple[tuple[Layer, LayerContent], ...]:
        """As `ListedLayers.shown`."""
        return self._listed_layers.shown

    @property
    def settled(self) -> bool:
        """Whether everything is listed, and loaded if it is visible."""
        return self.listed and not self.loading.busy

    @property
    def model_visible(self) -> bool:
        """As `ListedLayers.model_visible`."""
        return self._listed_layers.model_visible

    def why_not(self, choice: ModelChoice) -> str:
        """Why a model cannot be used on this trial; empty when it can."""
        return why_not(choice, self.volume)

    def open_trial(self, trial: RecordedTrial) -> None:
        """Show another trial: what can be shown beside it is listed, if it may be seen."""
        self._stop_listing()
        self.trial = trial
        self.hidden = why_hidden(self.session.manifest, trial.record)
        self.problem = self._wanted = ""
        self._forget()
        self.changed.emit()
        if not self.hidden:
            self._list()

    def predict(self, choice: ModelChoice, count: int) -> None:
        """Predict the trial with a model in a process of its own; `count` paths of one that predicts paths."""
        trial = self.trial
        if trial is None or self.hidden or self.missing or self.busy is not None or self.why_not(choice):
            return
        request = PredictionRequest(choice.name, choice.version, choice.sha256, count, SEED, choice.task)
        out = prediction_path(self.session.folder, self.session.manifest, trial.record, request)
        self.problem = ""
        key = f"prediction:{out.name}"
        known = (one.entry for one in self.layers.layers if one.key == key)
        if any(not (entry.problem or entry.doubt) for entry in known):
            self.layers.set_visible(key, True)
            self.layers.select(key)
            return
        self._job.start(choice.folder, self.session.folder, trial.record.number, request, out, self.tools.command)
        self.changed.emit()

    def predict_usual(self) -> None:
        """Once the models are known: show the path that the model that came with the program predicts, unless a
        model's layer is shown.

        Without such a model the user's first one that works is taken; without any nothing happens.
        """
        if not self.listed and not self.hidden and self.trial is not None:
            self._when_listed = self.predict_usual
            return
        working = [one for one in self.models if one.task == "scanpath" and not self.why_not(one)]
        first = min(working, key=lambda one: not one.shipped, default=None)
        if first is not None and not self.model_visible:
            self.predict(first, FIRST_PATHS)

    def cancel(self) -> None:
        """Stop the prediction that is being made."""
        self._job.cancel()
        self.changed.emit()

    def remove(self, key: str) -> None:
        """Delete the file of a prediction; a reading is only hidden."""
        stored = self.contents[key].stored
        if stored is None:
            self.layers.set_visible(key, False)
            return
        try:
            remove_prediction(stored)
        except CTGazeError as error:
            self.problem = str(error)
            self.changed.emit()
            return
        self._listed_layers.remove(key)
        self.changed.emit()

    def close(self) -> None:
        """Stop everything, wait for the process that predicts and leave what reads; call before this goes."""
        self._stop_listing()
        self._listed_layers.close()
        self._job.close()

    def _list(self) -> None:
        trial, models, digest = self.trial, self.models, self._volume_digests.get(self.series, "")
        assert trial is not None
        session, tools = self.session, self.tools
        self.listed = False

        def work(_progress: Progress, cancelled: Callable[[], bool]) -> TrialListing | None:
            try:
                return list_trial(session, trial, tools, models=models, digest=digest, cancelled=cancelled)
            except Cancelled:
                return None

        self._stop_listing()
        self._listing = BackgroundJob(work, self)
        self._listing.succeeded.connect(self._have_listed)
        self._listing.failed.connect(self._failed_listing)
        self._listing.start()

    def _stop_listing(self) -> None:
        # Not waited for: it looks between pieces whether it is wanted, but the digest of a large CT is one piece.
        if self._listing is not None:
            self._listing.leave()
        self._listing, self._when_listed = None, None

    def _have_listed(self, found: TrialListing) -> None:
        assert self.trial is not None
        self._listing = None
        self.models = found.models
        if found.digest:
            self._volume_digests[self.series] = found.digest
        self.another_k, self.another_name = found.another_k, found.another_name
        reader = self.session.manifest.reader
        entries, contents = layers_of(found.readings, found.stored, reader, self.readers)
        self._listed_layers.show(entries, contents, self.trial.replay.start_lsl)
        wanted, self._wanted, self.listed = self._wanted, "", True
        if wanted in self.contents:
            self.layers.set_visible(wanted, True)
            self.layers.select(wanted)
            self.made.emit(wanted)
        self.changed.emit()
        then, self._when_listed = self._when_listed, None
        if then is not None:
            then()

    def _failed_listing(self, line: str) -> None:
        self._listing, self.problem, self.listed = None, line, True
        self.changed.emit()

    def _forget(self) -> None:
        self.another_k, self.another_name = None, ""
        self._listed_layers.show((), {})

    def _predicted(self, out: Path | None, line: str) -> None:
        here = self.trial is not None and self.trial.record.number == self.busy_trial
        if line:
            self.problem = line if here else f"Trial {self.busy_trial}: {line}"
        self.changed.emit()
        if out is not None and here:
            self._wanted = f"prediction:{out.name}"
            self._list()
