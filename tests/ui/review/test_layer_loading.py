"""Stored predictions are read whole only while their layers are visible, and nobody waits for one without need."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.errors import SessionError
from ctgaze_app.study.predictions import PredictionRequest, prediction_path
from ctgaze_app.study.stored_predictions import GAZE_NOT_NOTED, StoredPrediction, load_prediction
from ctgaze_app.ui.background import wait_for_left_jobs
from ctgaze_app.ui.review import layer_loading
from ctgaze_app.ui.review.layer_figures import HIDDEN_LAYER, LOADING_LAYER
from ctgaze_app.ui.review.model_choices import ModelChoice, ModelTools
from ctgaze_app.ui.review.workspace import ReviewWorkspace
from models.errors import Cancelled
from models.predictions import Prediction, SegmentationPrediction
from tests.ui.review.layer_scene import MASK_FILE, classification, segmentation
from tests.ui.review.model_scene import ModelScene, prediction
from tests.ui.review.open_reviews import open_reviews

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
MASK = f"prediction:{MASK_FILE}"
LONGEST_S = 10.0
OLDER_FILE = "1_segmenter-1.0_11111111.json"
OLDER = f"prediction:{OLDER_FILE}"
CLASSIFIER = ModelChoice("classifier", "2.0", Path("x"), "e" * 64, task="classification")
Opened = Callable[[ModelTools], ReviewWorkspace]


class SlowReading:
    """Stands for `load_prediction`: tells half and waits until it may go on, or is cancelled; `LONGEST_S` at most."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_end, self.listens = threading.Event(), True
        self.cancelled = 0

    def __call__(
        self, stored: StoredPrediction, *, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
    ) -> Prediction:
        self.begun.append(stored.path.name)
        progress(1, 2)
        until_s = time.monotonic() + LONGEST_S
        while not self.may_end.wait(0.01) and time.monotonic() < until_s:
            if self.listens and cancelled():
                self.cancelled += 1
                raise Cancelled
        return load_prediction(stored, progress=progress, cancelled=cancelled)


@pytest.fixture
def models(tmp_path: Path) -> ModelScene:
    made = ModelScene(tmp_path)
    made.store(OLDER_FILE, segmentation())
    time.sleep(0.02)
    made.store(MASK_FILE, segmentation())
    return made


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowReading]:
    reading = SlowReading()
    monkeypatch.setattr(layer_loading, "load_prediction", reading)
    yield reading
    reading.may_end.set()
    wait_for_left_jobs()


@pytest.fixture
def opened(qapp: QApplication, qtbot: QtBot, models: ModelScene) -> Iterator[Opened]:
    with open_reviews() as show:

        def open_now(tools: ModelTools) -> ReviewWorkspace:
            workspace = show(models.session, model_tools=tools)
            qtbot.waitUntil(lambda: workspace.models.control.listed, timeout=30_000)
            return workspace

        yield open_now


def _settled(workspace: ReviewWorkspace, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: workspace.models.control.settled, timeout=30_000)


def _switch(workspace: ReviewWorkspace, key: str) -> None:
    QTest.mouseClick(workspace.side.rows.rows[key].eye, LEFT, NONE)


def _map_of(workspace: ReviewWorkspace, key: str) -> weakref.ref[Any]:
    prediction = workspace.models.control.contents[key].prediction
    assert isinstance(prediction, SegmentationPrediction)
    return weakref.ref(prediction.probability_kji)


def _is_gone(found: weakref.ref[Any]) -> bool:
    gc.collect()
    return found() is None


def test_listed_predictions_are_loaded_when_their_eye_is_switched_on(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    workspace = opened(models.tools)
    _settled(workspace, qtbot)
    control = workspace.models.control
    assert list(control.loading.found) == [MASK]
    assert control.contents[OLDER].prediction is None
    assert workspace.side.rows.rows[OLDER].note.text() == "research only: nodule"
    _switch(workspace, OLDER)
    _settled(workspace, qtbot)
    assert sorted(control.loading.found) == sorted([MASK, OLDER])
    assert sorted(workspace.models.items.items) == sorted([MASK, OLDER])


def test_arrays_are_given_back_with_their_layer_and_with_their_trial(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    workspace = opened(models.tools)
    _switch(workspace, OLDER)
    _settled(workspace, qtbot)
    workspace.models.layers.select(MASK)
    workspace.go_to_slice(12)
    first, second = _map_of(workspace, MASK), _map_of(workspace, OLDER)
    workspace.figures.details.remove_asked.emit()
    assert MASK not in workspace.side.rows.rows and _is_gone(first) and second() is not None
    workspace.show_trial(2)
    assert _is_gone(second)


def test_hidden_layers_are_kept_only_while_they_take_little(
    opened: Opened, models: ModelScene, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = opened(models.tools)
    _settled(workspace, qtbot)
    _switch(workspace, MASK)
    assert MASK in workspace.models.control.loading.found
    monkeypatch.setattr(layer_loading, "KEPT_BYTES", 100)
    kept = _map_of(workspace, MASK)
    _switch(workspace, OLDER)
    assert _is_gone(kept) and workspace.models.control.contents[MASK].prediction is None
    _settled(workspace, qtbot)
    _switch(workspace, MASK)
    _settled(workspace, qtbot)
    assert [layer.key for layer, _ in workspace.models.shown] == [MASK, OLDER]


def test_waiting_is_said_with_how_far_and_ends_when_the_eye_is_switched_off(
    opened: Opened, models: ModelScene, qtbot: QtBot, slow: SlowReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_loading, "TELL_AFTER_S", -1.0)
    workspace = opened(models.tools)
    workspace.right.setCurrentWidget(workspace.figures)
    note, hint = workspace.side.rows.rows[MASK].note, workspace.figures.hint
    qtbot.waitUntil(lambda: note.text() == "loading, 50 %", timeout=30_000)
    assert not workspace.models.shown and (hint.isVisible(), hint.text()) == (True, LOADING_LAYER)
    _switch(workspace, MASK)
    qtbot.waitUntil(lambda: slow.cancelled == 1, timeout=30_000)
    assert note.text() == "research only: nodule" and hint.text() == HIDDEN_LAYER
    slow.may_end.set()
    _switch(workspace, MASK)
    _settled(workspace, qtbot)
    assert not hint.isVisible() and slow.begun == [MASK_FILE, MASK_FILE]


def test_a_layer_that_was_hidden_while_it_was_read_comes_after_the_one_that_is_wanted(
    opened: Opened, models: ModelScene, qtbot: QtBot, slow: SlowReading
) -> None:
    workspace = opened(models.tools)
    qtbot.waitUntil(lambda: bool(slow.begun), timeout=30_000)
    _switch(workspace, OLDER)
    _switch(workspace, MASK)
    slow.may_end.set()
    _settled(workspace, qtbot)
    assert slow.begun == [MASK_FILE, OLDER_FILE]
    assert list(workspace.models.control.loading.found) == [OLDER]


def test_the_selected_layer_is_read_first_and_then_the_smallest(
    opened: Opened, models: ModelScene, qtbot: QtBot, slow: SlowReading
) -> None:
    models.store("1_ct-searcher-test-1.2_00000000.json", prediction())
    models.store("1_classifier-2.0_33333333.json", classification())
    workspace = opened(models.tools)
    qtbot.waitUntil(lambda: len(slow.begun) == 1, timeout=30_000)
    workspace.models.layers.select(MASK)
    for key in (OLDER, MASK):
        workspace.models.layers.set_visible(key, True)
    slow.may_end.set()
    _settled(workspace, qtbot)
    names = [name.split("_")[1] for name in slow.begun]
    assert names == ["classifier-2.0", "segmenter-1.0", "ct-searcher-test-1.2", "segmenter-1.0"]
    assert slow.begun[1::2] == [MASK_FILE, OLDER_FILE]


@pytest.mark.parametrize("leave", ["close", "another trial"])
def test_nobody_waits_for_a_reading_that_does_not_end(
    opened: Opened, models: ModelScene, qtbot: QtBot, slow: SlowReading, leave: str
) -> None:
    slow.listens = False
    workspace = opened(models.tools)
    qtbot.waitUntil(lambda: bool(slow.begun), timeout=30_000)
    began_s = time.monotonic()
    if leave == "close":
        workspace.close_session()
    else:
        workspace.show_trial(2)
    assert time.monotonic() - began_s < 2
    assert any(thread.name == "ctgaze-job" for thread in threading.enumerate())
    slow.may_end.set()
    wait_for_left_jobs()
    QApplication.processEvents()
    assert workspace.models.control.loading.found == {}


def test_leaving_waits_for_no_digest(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def digest(_volume: object) -> str:
        begun.set()
        may_end.wait(LONGEST_S)
        return ""

    workspace = ReviewWorkspace(models.session, now=lambda: 0.0, model_tools=replace(models.tools, digest=digest))
    qtbot.waitUntil(begun.is_set, timeout=30_000)
    began_s = time.monotonic()
    workspace.close_session()
    assert time.monotonic() - began_s < 2
    may_end.set()
    wait_for_left_jobs()
    workspace.deleteLater()


def test_an_array_that_cannot_be_unpacked_is_one_line_and_spoils_nothing(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    path = models.folder / "derived" / "predictions" / MASK_FILE
    text = path.read_text(encoding="utf-8")
    at = text.index('"zlib": "') + 30
    path.write_text(text[:at] + "AAAA" + text[at + 4 :], encoding="utf-8")
    workspace = opened(models.tools)
    qtbot.waitUntil(lambda: bool(workspace.models.layers[MASK].entry.problem), timeout=30_000)
    row = workspace.side.rows.rows[MASK]
    assert row.note.text() == "cannot be read" and not row.eye.isEnabled()
    said = workspace.models.layers[MASK].entry.problem
    assert said.startswith(f"{MASK_FILE}: probability_kji: is ") and "\n" not in said
    assert workspace.side.models.hint.text() == f"Not shown: {said}. Predict again."
    _switch(workspace, OLDER)
    _settled(workspace, qtbot)
    assert [layer.key for layer, _ in workspace.models.shown] == [OLDER]


def _by_gaze(models: ModelScene, **parameters: object) -> str:
    """Key of a stored prediction of `CLASSIFIER` with the reader's gaze."""
    session = models.session
    said = {"kind": "temporal", "reader": session.manifest.reader, "frames": 3, **parameters}
    request = PredictionRequest("classifier", "2.0", CLASSIFIER.sha256, task="classification")
    path = prediction_path(models.folder, session.manifest, session.trials[0].record, request)
    models.store(path.name, replace(classification(), parameters=said))
    models.models = (CLASSIFIER,)
    return f"prediction:{path.name}"


def test_a_prediction_by_other_fixations_is_out_of_date(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    key = _by_gaze(models, gaze_sha256="1" * 64)
    workspace = opened(replace(models.tools, gaze_digest=lambda *_: "2" * 64))
    _settled(workspace, qtbot)
    row = workspace.side.rows.rows[key]
    assert row.note.text() == "out of date: made with other fixations than this trial has now"
    assert not row.eye.isEnabled() and key not in [layer.key for layer, _ in workspace.models.shown]
    assert workspace.models.layers[MASK].shown


def test_a_prediction_that_says_nothing_of_its_fixations_is_shown_with_the_doubt_and_made_again(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    key = _by_gaze(models)
    workspace = opened(replace(models.tools, gaze_digest=lambda *_: "2" * 64))
    _settled(workspace, qtbot)
    assert workspace.side.rows.rows[key].note.text() == "research only, may be old"
    workspace.models.layers.select(key)
    assert workspace.figures.details.made.text().splitlines()[-1] == GAZE_NOT_NOTED
    assert workspace.figures.findings.bars.count() == 3
    QTest.mouseClick(workspace.side.models.predict, LEFT, NONE)
    qtbot.waitUntil(lambda: bool(models.asked), timeout=30_000)
    qtbot.waitUntil(lambda: workspace.models.control.busy is None, timeout=30_000)


def test_without_fixations_to_compare_with_the_reason_is_said(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    def none(*_: object) -> str:
        raise SessionError("its fixations were not computed yet")

    key = _by_gaze(models, gaze_sha256="1" * 64)
    workspace = opened(replace(models.tools, gaze_digest=none))
    _settled(workspace, qtbot)
    workspace.models.layers.select(key)
    assert "fixations cannot be read: its fixations were not computed yet" in workspace.figures.details.made.text()
