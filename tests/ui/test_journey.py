"""A journey that is left, cancelled or closed ends in order, at whatever stage, and starts nothing new."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ctgaze_app.study.live import SessionState
from ctgaze_app.study.session import read_manifest
from ctgaze_app.ui.case_request import CaseRequest, TrackerChoice
from ctgaze_app.ui.journey import Stage
from ctgaze_app.ui.main_window import MainWindow
from tests.factories.dicom_series import write_series


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    shown = MainWindow()
    qtbot.addWidget(shown)
    shown.show()
    yield shown
    shown.close()


def _request(tmp_path: Path) -> CaseRequest:
    write_series(tmp_path / "ct", slices=3)
    return CaseRequest(
        ct_path=tmp_path / "ct", session_folder=tmp_path / "session", tracker=TrackerChoice("simulate", rate_hz=60.0)
    )


def _reach(qtbot: QtBot, window: MainWindow, tmp_path: Path, stage: Stage) -> list[Stage]:
    """Start a journey and wait for a stage; returns the list that collects the stages from then on."""
    journey = window.read_case(_request(tmp_path))
    qtbot.waitUntil(lambda: journey.stage is stage, timeout=30_000)
    later: list[Stage] = []
    journey.stage_changed.connect(later.append)
    return later


def test_cancel_while_connecting_is_immediate_and_leaves_no_folder(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    _reach(qtbot, window, tmp_path, Stage.CONNECTING)
    qtbot.wait(100)
    began = time.perf_counter()
    window.waiting.cancelled.emit()
    assert time.perf_counter() - began < 0.3
    qtbot.waitUntil(lambda: window.home.isVisible(), timeout=15_000)
    assert not (tmp_path / "session").exists()


def test_cancel_before_the_recorder_is_ready_closes_the_session_and_processes_nothing(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    later = _reach(qtbot, window, tmp_path, Stage.OPENING)
    window.waiting.cancelled.emit()
    qtbot.waitUntil(lambda: window.home.isVisible(), timeout=15_000)
    assert later == [Stage.CLOSING, Stage.STOPPED]
    assert read_manifest(tmp_path / "session").state == "complete"
    assert not any((tmp_path / "session" / "derived").iterdir())


def test_closing_the_window_while_calibrating_starts_no_processing(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    later = _reach(qtbot, window, tmp_path, Stage.CALIBRATING)
    assert window.journey is not None
    window.close()
    qtbot.wait(100)
    assert later == [Stage.STOPPED]
    assert window.journey.session is not None
    assert window.journey.session.state is SessionState.CLOSED
    assert json.loads((tmp_path / "session" / "session.json").read_text(encoding="utf-8"))["parts"][0]["lsl_end"]


def test_going_back_from_a_folder_that_holds_a_session_changes_nothing_in_it(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    request = _request(tmp_path)
    for name in ("dictation", "private"):
        (request.session_folder / name).mkdir(parents=True)
    window.read_case(request)
    assert "already holds" in window.waiting.text
    window.waiting.cancelled.emit()
    assert window.home.isVisible()
    assert sorted(one.name for one in request.session_folder.iterdir()) == ["dictation", "private"]
