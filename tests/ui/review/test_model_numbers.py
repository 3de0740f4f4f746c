"""A model's figures beside this reader's in Review: computed in a process, with floors, ceiling, wait and cancel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.ui.background import wait_for_left_jobs
from ctgaze_app.ui.review.model_comparison import figure_text
from ctgaze_app.ui.review.model_numbers import ModelNumbers
from ctgaze_app.ui.review.workspace import ReviewWorkspace
from models.metrics.comparison import compare
from models.scanpath import Scanpath
from tests.ui.review.model_scene import LABEL, SLICES, ModelScene, prediction
from tests.ui.review.scene import manifest

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
FILE = "1_ct-searcher-test-1.2_00000000.json"


def _reader() -> Scanpath:
    rng = np.random.default_rng(3)
    return Scanpath.from_voxels(
        np.column_stack([rng.uniform(5, 43, (20, 2)), np.linspace(0, SLICES - 1, 20)]), np.full(20, 0.3),
        shape_kji=(SLICES, 48, 48), who="r01", case="case01", trial="r01_20260102T030405Z:1",
    )  # fmt: skip


@pytest.fixture(scope="module")
def report() -> str:
    return json.dumps(compare([_reader(), *prediction().paths]).to_dict())


@pytest.fixture
def models(tmp_path: Path, report: str) -> ModelScene:
    made = ModelScene(tmp_path)
    made.store(FILE, prediction())
    (made.desk / "report.json").write_text(report, encoding="utf-8")
    return made


@pytest.fixture
def workspace(qapp: QApplication, qtbot: QtBot, models: ModelScene) -> Iterator[ReviewWorkspace]:
    shown = ReviewWorkspace(models.session, now=lambda: 0.0, model_tools=models.tools)
    shown.resize(1366, 1000)
    shown.show()
    QTest.qWaitForWindowExposed(shown)
    qtbot.waitUntil(lambda: bool(shown.models.shown), timeout=30_000)
    shown.right.setCurrentWidget(shown.figures)
    yield shown
    shown.close_session()
    shown.close()
    shown.deleteLater()
    wait_for_left_jobs()


def _compare(workspace: ReviewWorkspace) -> ModelNumbers:
    numbers = workspace.figures.paths
    QTest.mouseClick(numbers.compare, LEFT, NONE)
    return numbers


def _compared(workspace: ReviewWorkspace, qtbot: QtBot) -> ModelNumbers:
    numbers = _compare(workspace)
    qtbot.waitUntil(lambda: bool(workspace.models.comparison.figures), timeout=60_000)
    return numbers


def test_a_click_compares_the_shown_prediction_with_this_reading(
    workspace: ReviewWorkspace, models: ModelScene, qtbot: QtBot, report: str
) -> None:
    numbers = workspace.figures.paths
    assert numbers.hint.text() == LABEL
    _compared(workspace, qtbot)
    stored = models.folder / "derived" / "predictions" / FILE
    assert models.asked == [["compare", f"{models.folder}:1", str(stored), "--json"]]
    pairs = [pair for pair in json.loads(report)["pairs"] if pair["reference"] == "r01"]
    for key in ("scanmatch", "scanmatch_matched", "edit_similarity", "position", "cc", "nss"):
        mean = float(np.mean([pair["scores"][key] for pair in pairs]))
        assert numbers.cells[key, "model"].text() == figure_text(mean, 2 if key == "nss" else 3)
    assert numbers.cells["scanmatch", "ceiling"].text() == "n/a"
    assert "Ceiling not available: only r01 read these cases" in numbers.note.text()
    assert "mean of 3 paths" in numbers.note.text()
    assert not numbers.compare.isVisible()


def test_every_floor_can_be_looked_at(workspace: ReviewWorkspace, qtbot: QtBot, report: str) -> None:
    numbers = _compared(workspace, qtbot)
    floors = {pair["candidate"]: pair["scores"]["scanmatch"] for pair in json.loads(report)["floor_pairs"]}
    assert numbers.cells["scanmatch", "floor"].text() == figure_text(max(floors.values()), 3)
    numbers.floor.setFocus()
    QTest.keyClick(numbers.floor, Qt.Key.Key_Down)
    assert numbers.floor.currentText() == "Floor: uniform"
    assert numbers.cells["scanmatch", "floor"].text() == figure_text(floors["uniform"], 3)
    QTest.keyClick(numbers.floor, Qt.Key.Key_End)
    assert numbers.cells["scanmatch", "floor"].text() == "n/a"
    assert "another patient" in numbers.note.text()


def test_the_wait_is_told_can_be_cancelled_and_blocks_nothing(
    workspace: ReviewWorkspace, models: ModelScene, qtbot: QtBot
) -> None:
    models.set_mode("wait")
    numbers = _compare(workspace)
    qtbot.waitUntil(lambda: models.worker_pid > 0, timeout=30_000)
    assert numbers.hint.text().startswith("Comparing with this reader, floors and ceiling: ")
    assert numbers.cancel.isVisible()
    QTest.keyClick(workspace, Qt.Key.Key_S)
    assert workspace.cursor_state.fixation == 1
    QTest.mouseClick(numbers.cancel, LEFT, NONE)
    wait_for_left_jobs()
    assert not psutil.pid_exists(models.worker_pid)
    assert numbers.compare.isVisible() and not numbers.cancel.isVisible()


def test_what_was_compared_is_remembered_for_the_trial(
    workspace: ReviewWorkspace, models: ModelScene, qtbot: QtBot
) -> None:
    numbers = _compared(workspace, qtbot)
    workspace.show_trial(2)
    qtbot.waitUntil(lambda: workspace.models.control.settled, timeout=30_000)
    assert not numbers.cells and not numbers.floor.isVisible()
    workspace.show_trial(1)
    qtbot.waitUntil(lambda: bool(workspace.models.shown), timeout=30_000)
    assert numbers.cells and len(models.asked) == 1


def test_every_shown_prediction_of_paths_is_compared_and_stands_in_its_own_column(
    workspace: ReviewWorkspace, models: ModelScene, qtbot: QtBot, report: str
) -> None:
    models.store("1_ct-searcher-test-1.2_11111111.json", prediction(count=1))
    workspace.models.open_trial(workspace.trial)  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: len(workspace.side.rows.rows) == 2, timeout=30_000)
    for key in workspace.side.rows.rows:
        workspace.models.layers.set_visible(key, True)
    qtbot.waitUntil(lambda: len(workspace.models.shown) == 2, timeout=30_000)
    numbers = _compare(workspace)
    qtbot.waitUntil(lambda: len(workspace.models.comparison.figures) == 2, timeout=60_000)
    assert len(models.asked) == 2 and {asked[2].rsplit("_", 1)[1] for asked in models.asked} == {
        "00000000.json",
        "11111111.json",
    }
    assert numbers.cells["cc", "model 1"].text() == numbers.cells["cc", "model 2"].text() != "n/a"
    assert "Model 2: ct-searcher-test 1.2." in numbers.note.text()
    assert not numbers.compare.isVisible()


@pytest.mark.parametrize(("content", "line"), [("{", "cannot be compared"), ('{"pairs": []}', "nothing compares")])
def test_a_report_that_says_nothing_is_one_line(
    workspace: ReviewWorkspace, models: ModelScene, qtbot: QtBot, content: str, line: str
) -> None:
    (models.desk / "report.json").write_text(content, encoding="utf-8")
    numbers = _compare(workspace)
    qtbot.waitUntil(lambda: numbers.problem.isVisible(), timeout=30_000)
    assert line in numbers.problem.text() and "\n" not in numbers.problem.text()


def test_another_readers_session_of_the_case_is_the_ceiling(
    workspace: ReviewWorkspace, models: ModelScene, qtbot: QtBot
) -> None:
    beside = models.folder.parent / "another reader"
    beside.mkdir()
    volume = models.session.volumes[0]
    other = manifest(volume, 1).model_copy(update={"state": "complete", "reader": "r02", "session": "r02_x"})
    (beside / "session.json").write_text(other.model_dump_json(by_alias=True), encoding="utf-8")
    second = replace(_reader(), who="r02", trial="r02_x:1", x_voxel=_reader().x_voxel[::-1])
    text = json.dumps(compare([_reader(), second, *prediction().paths]).to_dict())
    (models.desk / "report.json").write_text(text, encoding="utf-8")
    numbers = _compared(workspace, qtbot)
    assert models.asked[0][3] == f"{beside}:1"
    assert "Ceiling: between readers." in numbers.note.text()
    assert numbers.cells["scanmatch", "ceiling"].text() != "n/a"


def test_figures_are_written_as_the_command_writes_them() -> None:
    assert [figure_text(value, digits) for value, digits in ((0.3456, 3), (-0.05, 3), (1.0, 3), (0.5, 2))] == [
        ".346",
        "-.050",
        "1.000",
        "0.50",
    ]
    assert figure_text(float("nan"), 3) == "n/a"
