"""One prediction that is being made in a process of its own: how far it is, its end, its one-line failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ctgaze_app.study.prediction_worker import Step, WorkerCancelled, predict_in_worker
from ctgaze_app.study.predictions import PredictionRequest
from ctgaze_app.ui.background import BackgroundJob, Progress

TELL_EVERY_S = 0.05
STARTING = Step(0, 0, "Starting")


class PredictionJob(QObject):
    """Runs one prediction at a time.

    Signals
    -------
    stepped(Step)
        How far it is.
    ended(object, str)
        The file that was made, or None with the reason; nothing after `cancel`.
    """

    stepped = Signal(object)
    ended = Signal(object, str)
    _worker_stepped = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.step: Step | None = None
        self.trial = 0
        self._run = 0
        self._job: BackgroundJob | None = None
        self._worker_stepped.connect(self._show_step)

    @property
    def busy(self) -> bool:
        """Whether one is being made."""
        return self.step is not None

    def start(
        self,
        model: Path,
        session: Path,
        trial: int,
        request: PredictionRequest,
        out: Path,
        command: Sequence[str],
    ) -> None:
        """Begin; call only when none is being made."""
        assert not self.busy
        self.step, self.trial = STARTING, trial
        self._run += 1
        run, last_told_s = self._run, 0.0

        def tell(step: Step) -> None:
            nonlocal last_told_s
            now_s = time.monotonic()
            if now_s - last_told_s >= TELL_EVERY_S or step.done >= step.total:
                last_told_s = now_s
                self._worker_stepped.emit(run, step)

        def work(_progress: Progress, cancelled: Callable[[], bool]) -> Path | None:
            try:
                return predict_in_worker(
                    model, session, trial, request, out, progress=tell, cancelled=cancelled, command=command
                )
            except WorkerCancelled:
                return None

        self._job = BackgroundJob(work, self)
        self._job.succeeded.connect(lambda made: self._end(made, ""))
        self._job.failed.connect(lambda line: self._end(None, line))
        self._job.start()

    def cancel(self) -> None:
        """Stop; the process ends on its own."""
        if self._job is not None:
            self._job.leave()
        self._job = self.step = None

    def close(self) -> None:
        """Stop and wait; call before this goes."""
        if self._job is not None:
            self._job.cancel()
        self._job = self.step = None

    def _show_step(self, run: int, step: Step) -> None:
        # A run that was cancelled may have told its last step on the way here.
        if self.step is not None and run == self._run:
            self.step = step
            self.stepped.emit(step)

    def _end(self, made: Path | None, line: str) -> None:
        self._job = self.step = None
        self.ended.emit(made, line)
