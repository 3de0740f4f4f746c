"""The figures of a model's paths beside this reader's, with floors and ceiling: computed in a process of its own."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from ctgaze_app.review.model_figures import ModelFigures, model_figures
from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.study.other_readings import other_readings
from ctgaze_app.study.prediction_worker import CTGAZE, WorkerCancelled, WorkerError, run_command
from ctgaze_app.ui.background import BackgroundJob, Progress
from ctgaze_app.ui.review.model_control import ShownPrediction

TICK_MS = 250


class ModelComparison(QObject):
    """Compares one shown prediction with one reading; remembers what it has found.

    Signals
    -------
    changed()
        Figures, problem or the wait are others.
    """

    changed = Signal()

    def __init__(self, session: RecordedSession, command: tuple[str, ...] = CTGAZE) -> None:
        super().__init__()
        self._session, self._command = session, command
        self._trial: RecordedTrial | None = None
        self.shown: ShownPrediction | None = None
        self.figures: ModelFigures | None = None
        self.problem = ""
        self.busy = False
        self._started_s = 0.0
        self._job: BackgroundJob | None = None
        self._found: dict[tuple[int, str], ModelFigures] = {}
        self._clock = QTimer(self)
        self._clock.setInterval(TICK_MS)
        self._clock.timeout.connect(self.changed)

    @property
    def waited_s(self) -> float:
        """How long the comparison under way has taken."""
        return time.monotonic() - self._started_s if self.busy else 0.0

    def show(self, trial: RecordedTrial | None, shown: ShownPrediction | None) -> None:
        """Another trial or prediction: what is known of it, else nothing; a comparison of the last one stops."""
        if trial is self._trial and shown is self.shown:
            return
        if self.busy:
            self.cancel()
        self._trial, self.shown, self.problem = trial, shown, ""
        self.figures = self._found.get(self._key()) if shown is not None else None
        self.changed.emit()

    def start(self) -> None:
        """Compare what is shown."""
        trial, shown = self._trial, self.shown
        if trial is None or shown is None or shown.stored.prediction is None or self.busy:
            return
        session, command = self._session, self._command
        model = shown.stored.prediction.model
        reading = f"{session.folder}:{trial.record.number}"
        named = f"{session.manifest.session}:{trial.record.number}"

        def work(_progress: Progress, cancelled: Callable[[], bool]) -> ModelFigures | None:
            beside = other_readings(session.folder, session.manifest, trial.record)
            sources = [reading, str(shown.stored.path), *beside]
            try:
                text = run_command(
                    ["compare", *sources, "--json"],
                    progress=lambda step: None,
                    cancelled=cancelled,
                    command=command,
                )
                return model_figures(json.loads(text), named, model)
            except WorkerCancelled:
                return None
            except ValueError as error:
                raise WorkerError(f"cannot be compared: {error}") from error

        self.busy, self.problem, self._started_s = True, "", time.monotonic()
        self._job = BackgroundJob(work, self)
        self._job.succeeded.connect(self._have)
        self._job.failed.connect(self._failed)
        self._job.start()
        self._clock.start()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop comparing."""
        if self._job is not None:
            self._job.leave()
        self._end()
        self.changed.emit()

    def close(self) -> None:
        """Stop and wait; call before this goes."""
        if self._job is not None:
            self._job.cancel()
        self._end()

    def _key(self) -> tuple[int, str]:
        assert self._trial is not None and self.shown is not None
        return self._trial.record.number, self.shown.stored.path.name

    def _have(self, figures: ModelFigures | None) -> None:
        self._end()
        if figures is not None:
            self.figures = self._found[self._key()] = figures
        self.changed.emit()

    def _failed(self, line: str) -> None:
        self._end()
        self.problem = line
        self.changed.emit()

    def _end(self) -> None:
        self._clock.stop()
        self._job, self.busy = None, False


def figure_text(value: float, decimals: int) -> str:
    """A score without its leading zero, as ``ctgaze compare`` writes it; n/a where there is none."""
    if not math.isfinite(value):
        return "n/a"
    text = f"{value:.{decimals}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and decimals >= 3 else text
