"""One prediction after another: nothing of one that was cancelled is told of the next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.study.prediction_worker import Step, WorkerCancelled
from ctgaze_app.study.predictions import PredictionRequest
from ctgaze_app.ui.background import wait_for_left_jobs
from ctgaze_app.ui.review import prediction_job
from ctgaze_app.ui.review.prediction_job import STARTING, PredictionJob

REQUEST = PredictionRequest("m", "1", "ab")


def test_the_last_step_of_a_cancelled_run_is_not_shown_as_the_next_ones(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, may_tell = threading.Event(), threading.Event()

    def run(
        *where: Any, progress: Callable[[Step], None], cancelled: Callable[[], bool], command: tuple[str, ...]
    ) -> Path:
        if command == ("first",):
            progress(Step(1, 2, "first"))
            told.set()
            raise WorkerCancelled
        may_tell.wait(30)
        progress(Step(1, 2, "second"))
        return tmp_path

    monkeypatch.setattr(prediction_job, "predict_in_worker", run)
    job = PredictionJob()
    steps: list[Step] = []
    ends: list[tuple[Path | None, str]] = []
    job.stepped.connect(steps.append)
    job.ended.connect(lambda made, line: ends.append((made, line)))
    job.start(tmp_path, tmp_path, 1, REQUEST, tmp_path / "p.json", ("first",))
    assert told.wait(30)
    job.cancel()
    job.start(tmp_path, tmp_path, 2, REQUEST, tmp_path / "p.json", ("second",))
    QApplication.processEvents()
    assert steps == [] and job.step == STARTING
    may_tell.set()
    qtbot.waitUntil(lambda: bool(ends), timeout=30_000)
    assert steps == [Step(1, 2, "second")] and ends == [(tmp_path, "")]
    wait_for_left_jobs()
