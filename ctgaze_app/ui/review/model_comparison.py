"""The figures of models' paths beside this reader's, with floors and ceiling: computed in a process of its own."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from ctgaze_app.review.layers import Layer
from ctgaze_app.review.model_figures import ModelFigures, model_figures
from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.study.other_readings import other_readings
from ctgaze_app.study.prediction_worker import CTGAZE, WorkerCancelled, WorkerError, run_command
from ctgaze_app.ui.background import BackgroundJob, Progress
from ctgaze_app.ui.review.layer_content import LayerContent

TICK_MS = 250
Compared = tuple[Layer, LayerContent]


class ModelComparison(QObject):
    """Compares every shown prediction of paths with one reading; remembers what it has found.

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
        self.shown: tuple[Compared, ...] = ()
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

    @property
    def figures(self) -> tuple[tuple[Layer, ModelFigures], ...]:
        """Of the shown predictions that were compared, in their order."""
        return tuple(
            (layer, found) for layer, _ in self.shown if (found := self._found.get(self._key(layer))) is not None
        )

    @property
    def missing(self) -> tuple[Compared, ...]:
        """The shown predictions that were not compared yet."""
        return tuple(one for one in self.shown if self._key(one[0]) not in self._found)

    def show(self, trial: RecordedTrial | None, shown: Sequence[Compared]) -> None:
        """Another trial or other predictions: what is known of them; a comparison of others stops."""
        keys, before = [one.key for one, _ in shown], [one.key for one, _ in self.shown]
        other = trial is not self._trial or keys != before
        if other and self.busy:
            self.cancel()
        if other:
            self.problem = ""
        self._trial, self.shown = trial, tuple(shown)
        self.changed.emit()

    def start(self) -> None:
        """Compare what is shown and was not compared yet, one prediction after the other."""
        trial, missing = self._trial, self.missing
        if trial is None or not missing or self.busy:
            return
        session, command = self._session, self._command
        reading = f"{session.folder}:{trial.record.number}"
        named = f"{session.manifest.session}:{trial.record.number}"
        wanted = [
            (self._key(layer), str(content.stored.path), content.stored.head.model)
            for layer, content in missing
            if content.stored is not None and content.stored.head is not None
        ]

        def work(_progress: Progress, cancelled: Callable[[], bool]) -> dict[tuple[int, str], ModelFigures] | None:
            beside = other_readings(session.folder, session.manifest, trial.record)
            found = {}
            try:
                for key, path, model in wanted:
                    text = run_command(
                        ["compare", reading, path, *beside, "--json"],
                        progress=lambda step: None,
                        cancelled=cancelled,
                        command=command,
                    )
                    found[key] = model_figures(json.loads(text), named, model)
                return found
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

    def _key(self, layer: Layer) -> tuple[int, str]:
        return (self._trial.record.number if self._trial is not None else 0), layer.key

    def _have(self, found: dict[tuple[int, str], ModelFigures] | None) -> None:
        self._end()
        self._found.update(found or {})
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
