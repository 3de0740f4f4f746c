"""The setup page asks for what a session needs, says what is wrong, and shows how a stream will be read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from ctgaze_app.acquisition.dialects import EyeChannels, GazeLayout
from ctgaze_app.acquisition.inlet import GazeStreamInfo
from ctgaze_app.ui import setup_page
from ctgaze_app.ui.background import wait_for_left_jobs
from ctgaze_app.ui.case_request import CaseRequest
from ctgaze_app.ui.gaze_source import describe_layout
from ctgaze_app.ui.setup_page import SetupPage
from ctgaze_app.ui.theme import style_sheet
from tests.factories.dicom_series import write_series


def _stream(name: str, source_id: str) -> GazeStreamInfo:
    return GazeStreamInfo(name, "Gaze", source_id, "host", "uid", 600.0, 8, "<info/>", None)


@pytest.fixture
def page(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[SetupPage]:
    """A shown page on a machine with two streams of one name and one microphone less."""
    streams = [_stream("Tobii", "tobii-1"), _stream("Tobii", "tobii-2")]
    monkeypatch.setattr(setup_page, "list_gaze_streams", lambda wait: streams)
    monkeypatch.setattr(setup_page, "look_into_stream", lambda stream, geometry, cancelled: f"read {stream.source_id}")
    monkeypatch.setattr(setup_page, "list_sources", list)
    shown = SetupPage()
    qtbot.addWidget(shown)
    shown.show()
    shown.open()
    qtbot.waitUntil(lambda: shown.tracker.count() == 4)
    yield shown
    shown.shut()
    wait_for_left_jobs()
    shown.close()


def test_two_streams_of_one_name_are_told_apart_and_none_is_guessed_for_the_other(
    page: SetupPage, qtbot: QtBot
) -> None:
    texts = [page.tracker.itemText(index) for index in range(page.tracker.count())]
    assert "tobii-1" in texts[0] and "tobii-2" in texts[1]
    qtbot.waitUntil(lambda: page.tracker_note.text() == "read tobii-1")
    page.tracker.setCurrentIndex(1)
    qtbot.waitUntil(lambda: page.tracker_note.text() == "read tobii-2")


def test_start_without_a_ct_says_so_and_asks_again(page: SetupPage, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(page.start_requested):
        qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert page.problem.text() == "Choose the folder of a CT, or a picture."


def test_a_name_with_a_space_is_no_code(page: SetupPage, qtbot: QtBot, tmp_path: Path) -> None:
    page.ct_path.setText(str(tmp_path))
    page.reader.clear()
    qtbot.keyClicks(page.reader, "Dr Smith")
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert "must not be a name" in page.problem.text()


def test_a_folder_with_two_series_lets_the_user_choose(page: SetupPage, qtbot: QtBot, tmp_path: Path) -> None:
    write_series(tmp_path, slices=3, prefix="A", series=1)
    write_series(tmp_path, slices=4, prefix="B", series=2)
    qtbot.keyClicks(page.ct_path, str(tmp_path))
    qtbot.keyClick(page.ct_path, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.series.count() == 2)
    assert page.series.isEnabled()
    page.series.setCurrentIndex(1)
    page.folder.setText(str(tmp_path / "session"))
    with qtbot.waitSignal(page.start_requested) as started:
        qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    request = started.args[0]
    assert isinstance(request, CaseRequest)
    assert (request.series, request.ct_path, request.tracker.source_id) == (1, tmp_path, "tobii-1")


def test_an_empty_folder_is_named_before_start(page: SetupPage, qtbot: QtBot, tmp_path: Path) -> None:
    qtbot.keyClicks(page.ct_path, str(tmp_path))
    qtbot.keyClick(page.ct_path, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "DICOM" in page.problem.text())


def test_a_changed_screen_size_counts_as_entered(page: SetupPage, tmp_path: Path) -> None:
    page.ct_path.setText(str(tmp_path))
    page.width_mm.setValue(600)
    request = page.request()
    assert (request.size_source, request.width_mm) == ("entered", 600)


def test_a_layout_is_described_with_units_axes_rate_and_doubts() -> None:
    layout = GazeLayout(
        dialect="x",
        eyes={"left": EyeChannels(x=0, y=1), "right": EyeChannels(x=2, y=3)},
        unit="normalized",
        pupil_unit="mm",
        warnings=["says pixels, sends 0 to 1"],
    )
    assert describe_layout(layout, 599.7) == (
        "Read as: left and right eye, 0 to 1 of the screen, y down, pupil in mm, 600 Hz measured."
        " Check: says pixels, sends 0 to 1."
    )


def test_the_numbers_of_the_screen_have_room_in_the_theme(page: SetupPage, qtbot: QtBot) -> None:
    page.setStyleSheet(style_sheet())
    for box in (page.width_mm, page.height_mm, page.distance_mm):
        box.setValue(3000)
        words = box.fontMetrics().horizontalAdvance(box.text())
        qtbot.waitUntil(lambda box=box, words=words: box.lineEdit().contentsRect().width() >= words)


def test_only_the_answer_for_the_last_folder_counts(
    page: SetupPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()

    def listed(path: Path) -> list[str]:
        if path.name == "slow":
            slow.wait(5.0)
            return ["slow 1", "slow 2"]
        return ["quick"]

    monkeypatch.setattr(setup_page, "list_series", listed)
    for name in ("slow", "quick"):
        page.ct_path.setText(str(tmp_path / name))
        page.ct_path.editingFinished.emit()
    qtbot.waitUntil(lambda: page.series.itemText(0) == "quick")
    slow.set()
    wait_for_left_jobs()
    qtbot.wait(50)
    assert [page.series.itemText(index) for index in range(page.series.count())] == ["quick"]


def test_the_suggested_folder_is_named_after_the_reader_until_one_is_chosen(page: SetupPage, qtbot: QtBot) -> None:
    page.reader.setText("r07")
    page.reader.editingFinished.emit()
    assert Path(page.folder.text()).name.startswith("r07_")
    page.folder.setText("mine")
    page.reader.setText("r08")
    page.reader.editingFinished.emit()
    assert page.folder.text() == "mine"


def test_a_picture_is_chosen_as_a_file_and_said_what_it_is(
    page: SetupPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "chest.png"
    Image.fromarray(np.full((30, 40), 9, np.uint8)).save(chosen)
    monkeypatch.setattr(setup_page.QFileDialog, "getOpenFileName", lambda *_: (str(chosen), ""))
    (button,) = [each for each in page.findChildren(QPushButton) if each.text() == "Picture…"]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.series.itemText(0) == "PNG picture, 40 x 30")
    assert not page.series.isEnabled()
    page.folder.setText(str(tmp_path / "session"))
    with qtbot.waitSignal(page.start_requested) as started:
        qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert (started.args[0].ct_path, started.args[0].series) == (chosen, None)


def test_a_file_that_is_no_picture_is_one_line(page: SetupPage, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    page.open(tmp_path / "notes.txt")
    qtbot.waitUntil(lambda: "neither a DICOM picture nor PNG, JPEG or TIFF" in page.problem.text())
