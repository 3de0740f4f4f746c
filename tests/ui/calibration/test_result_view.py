from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from calibration.fit import fit_eyes
from calibration.procedure import TargetSamples
from calibration.targets import grid_targets, validation_targets
from calibration.validation import judge, validate
from ctgaze_app.ui.calibration.eye_marks import EYE_MARKS
from ctgaze_app.ui.calibration.result_picture import ResultPicture
from ctgaze_app.ui.calibration.result_view import ResultView
from tests.calibration.synthetic_gaze import MONITOR, collected

EIGHT = validation_targets("grid", MONITOR, grid_targets(MONITOR))


def _distort(px: np.ndarray) -> np.ndarray:
    return px * 1.06 + (20.0, -70.0)


def _view(qtbot: QtBot, *, bad_dot: int | None = None, eyes: tuple[str, ...] = ("left", "right")) -> ResultView:
    refits = fit_eyes(collected(grid_targets(MONITOR), _distort, noise_px=6.0, eyes=eyes), MONITOR)
    samples = collected(EIGHT, _distort, noise_px=6.0, bias_px=8.0, seed=3, eyes=eyes)
    if bad_dot is not None:
        for window in samples[bad_dot].eyes.values():
            window.px[:] += (75.0, 0.0)
    corrected, raw = validate(samples, MONITOR, refits), validate(samples, MONITOR)
    view = ResultView(samples, corrected, judge(corrected), raw=raw, refits=refits, patient_mm=4.2)
    qtbot.addWidget(view)
    view.resize(1366, 768)
    view.show()
    return view


def test_the_sentence_says_quality_degrees_and_millimetres_on_the_patient(qtbot: QtBot) -> None:
    view = _view(qtbot)
    assert view.sentence.text() == f"Good: {view.verdict.mean_deg:.1f} degrees, 4 mm on the patient at this zoom."
    assert view.sentence.objectName() == "good"
    assert view.verdict.mean_deg < 0.5


def test_keys_accept_repeat_all_and_repeat_the_worst_dot(qtbot: QtBot) -> None:
    view = _view(qtbot, bad_dot=6)
    heard: list[object] = []
    view.accepted.connect(lambda: heard.append("accepted"))
    view.repeat_requested.connect(lambda: heard.append("repeat"))
    view.repeat_dots_requested.connect(heard.append)
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_R, Qt.Key.Key_D, Qt.Key.Key_X):
        qtbot.keyClick(view, key)
    assert heard == ["accepted", "accepted", "repeat", [6]]
    assert view.sentence.text().endswith("; dot 7 is worse, repeat it?")


def test_escape_leaves(qtbot: QtBot) -> None:
    view = _view(qtbot)
    with qtbot.waitSignal(view.left):
        qtbot.keyClick(view, Qt.Key.Key_Escape)


def test_buttons_do_the_same_and_name_their_keys(qtbot: QtBot) -> None:
    view = _view(qtbot, bad_dot=6)
    heard: list[object] = []
    view.accepted.connect(lambda: heard.append("accepted"))
    view.repeat_requested.connect(lambda: heard.append("repeat"))
    view.repeat_dots_requested.connect(heard.append)
    buttons = (view.continue_button, view.repeat_button, view.repeat_dots_button)
    for button in buttons:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard == ["accepted", "repeat", [6]]
    assert [button.text() for button in buttons] == ["Continue  (Space)", "Repeat all  (R)", "Repeat dot 7  (D)"]


def test_without_a_bad_dot_the_worst_one_is_still_offered(qtbot: QtBot) -> None:
    view = _view(qtbot)
    assert view.verdict.repeat_dots == ()
    assert len(view.dots_to_repeat) == 1


def test_the_table_has_every_dot_both_eyes_and_the_mean_before_and_after(qtbot: QtBot) -> None:
    table = _view(qtbot, bad_dot=6).table
    assert (table.rowCount(), table.columnCount()) == (2 + 8 + 2, 1 + 4 + 4)
    assert (table.text(0, 1), table.text(0, 5)) == ("Left eye", "Right eye")
    assert table.text(8, 0) == "7  repeat"
    assert table.text(10, 0) == "mean"
    assert table.text(11, 0) == "as sent"
    assert float(table.text(11, 1)) > float(table.text(10, 1))
    assert table.text(2, 4) == "0"


def test_nothing_recorded_shows_dashes_and_says_repeat(qtbot: QtBot) -> None:
    samples = collected(EIGHT, without_data=tuple(range(8)))
    validation = validate(samples, MONITOR)
    view = ResultView(samples, validation, judge(validation))
    qtbot.addWidget(view)
    view.show()
    assert view.sentence.text() == "Repeat: no valid gaze was recorded on any dot."
    assert [view.table.text(2, column) for column in range(5)] == ["1  repeat", "–", "–", "–", "100"]
    assert view.continue_button.text() == "Continue anyway  (Space)"
    assert view.repeat_button.objectName() == "primary"


def test_no_stream_at_all_still_gives_a_page(qtbot: QtBot) -> None:
    samples = [TargetSamples(0, (100.0, 100.0), np.empty(0), {}, 0.0, 1.0)]
    validation = validate(samples, MONITOR)
    view = ResultView(samples, validation, judge(validation))
    qtbot.addWidget(view)
    view.show()
    view.grab()
    assert not view.repeat_dots_button.isEnabled()


def test_an_eye_that_only_one_tracker_sends_has_its_own_columns(qtbot: QtBot) -> None:
    assert _view(qtbot, eyes=("combined",)).table.text(0, 1) == "Combined"


@pytest.mark.parametrize("eye", ["left", "right"])
def test_the_picture_shows_each_eyes_mean_where_it_looked(qtbot: QtBot, eye: str) -> None:
    samples = collected(np.array([[480.0, 270.0]]), lambda px: px + 300.0, eyes=(eye,))
    picture = ResultPicture(samples, validate(samples, MONITOR), {})
    qtbot.addWidget(picture)
    picture.resize(962, 540 + 30)
    picture.show()
    image = picture.grab().toImage()
    scale = image.devicePixelRatio()
    # half size: target at 240, 135; gaze at 390, 285; the frame starts at 1, 1
    assert image.pixelColor(round(391 * scale), round(286 * scale)) == QColor(EYE_MARKS[eye].colour)
    assert image.pixelColor(round(600 * scale), round(400 * scale)) == QColor("#303030")
