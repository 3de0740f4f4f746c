from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from calibration.fit import fit_eyes
from calibration.procedure import GazeChunk, Procedure, TargetSamples
from calibration.targets import grid_targets
from calibration.validation import validate
from ctgaze_app.ui.calibration.target_screen import BACKGROUND, STALLED_LINE, TargetScreen
from tests.calibration.synthetic_gaze import MONITOR

RATE_HZ = 100
SHIFT_PX = 60.0


class Reader:
    """A clock that the test turns, and an eye that looks `SHIFT_PX` beside the target last shown."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.sent_s = 50.0
        self.silent = False
        self.at = (0.0, 0.0)
        self.seen: list[dict[str, object]] = []

    def clock(self) -> float:
        return self.now_s

    def poll(self) -> GazeChunk | None:
        if self.silent:
            return None
        first, last = round(self.sent_s * RATE_HZ), round(self.now_s * RATE_HZ)
        self.sent_s = self.now_s
        time_s = np.arange(first, last) / RATE_HZ
        px = np.tile(np.asarray(self.at) + SHIFT_PX, (len(time_s), 1))
        return time_s, {"left": (px, np.ones(len(time_s), dtype=bool))}

    def watch(self, event: dict[str, object]) -> None:
        self.seen.append(event)
        if event["phase"] == "shown":
            self.at = (float(str(event["x_screen_px"])), float(str(event["y_screen_px"])))


def _screen(qtbot: QtBot, reader: Reader, **options: object) -> TargetScreen:
    page = TargetScreen(Procedure(grid_targets(MONITOR)), reader.poll, reader.clock, **options)  # type: ignore[arg-type]
    page.target_event.connect(reader.watch)
    qtbot.addWidget(page)
    page.resize(800, 600)
    page.show()
    return page


def _run(page: TargetScreen, reader: Reader, until: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if until():
            return
        reader.now_s += 0.02
        page.tick()
    pytest.fail("the procedure did not get there in 200 simulated seconds")


def test_a_whole_procedure_gives_samples_markers_and_a_fit_that_undoes_the_shift(qtbot: QtBot) -> None:
    reader = Reader()
    page = _screen(qtbot, reader)
    results: list[tuple[TargetSamples, ...]] = []
    page.finished.connect(results.append)
    page.start()
    assert page.cursor().shape() == Qt.CursorShape.BlankCursor
    _run(page, reader, lambda: not page.is_running)
    assert len(results) == 1
    assert [len(target.time_s) for target in results[0]] == [RATE_HZ] * 9
    assert [event["phase"] for event in reader.seen] == ["shown", "collected", "hidden"] * 9
    assert reader.seen[0] == {
        "kind": "calibration_target",
        "phase": "shown",
        "index": 0,
        "x_screen_px": 960.0,
        "y_screen_px": 540.0,
    }
    refits = fit_eyes(results[0], MONITOR)
    assert refits["left"].kind != "none"
    assert validate(results[0], MONITOR, refits).eyes["left"].mean.accuracy_deg < 1e-6
    assert not page._timer.isActive()


def test_the_timer_runs_only_while_targets_are_shown(qtbot: QtBot) -> None:
    reader = Reader()
    page = _screen(qtbot, reader)
    assert not page._timer.isActive()
    page.start()
    assert page._timer.isActive()
    page.hide()
    assert not page._timer.isActive()
    page.show()
    assert page._timer.isActive()
    page.close()
    assert not page._timer.isActive()
    assert page.procedure.state == "aborted"


def test_escape_aborts_once_and_hides_the_target(qtbot: QtBot) -> None:
    reader = Reader()
    page = _screen(qtbot, reader, kind="validation_target")
    aborted: list[bool] = []
    page.aborted.connect(lambda: aborted.append(True))
    page.finished.connect(lambda _: pytest.fail("aborted is not finished"))
    page.start()
    qtbot.keyClick(page, Qt.Key.Key_Escape)
    qtbot.keyClick(page, Qt.Key.Key_Escape)
    page.stop()
    assert aborted == [True]
    assert [(event["kind"], event["phase"]) for event in reader.seen] == [
        ("validation_target", "shown"),
        ("validation_target", "hidden"),
    ]


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_R])
def test_space_and_r_show_the_current_target_again(qtbot: QtBot, key: Qt.Key) -> None:
    reader = Reader()
    page = _screen(qtbot, reader)
    page.start()
    _run(page, reader, lambda: len(reader.seen) == 4)
    qtbot.keyClick(page, key)
    assert [(event["phase"], event["index"]) for event in reader.seen[3:]] == [
        ("shown", 1),
        ("hidden", 1),
        ("shown", 1),
    ]
    _run(page, reader, lambda: not page.is_running)
    assert [target.attempt for target in page.procedure.samples()] == [1, 2, *[1] * 7]


def test_a_stream_that_stops_is_said_and_does_not_hang(qtbot: QtBot) -> None:
    reader = Reader()
    page = _screen(qtbot, reader)
    page.start()
    _run(page, reader, lambda: len(reader.seen) == 4)
    reader.silent, silent_from_s = True, reader.now_s
    _run(page, reader, lambda: reader.now_s > silent_from_s + 1.9)
    assert page.message != STALLED_LINE
    _run(page, reader, lambda: reader.now_s > silent_from_s + 2.1)
    assert page.message == STALLED_LINE
    reader.silent, reader.sent_s = False, reader.now_s
    _run(page, reader, lambda: reader.now_s > silent_from_s + 2.3)
    assert page.message != STALLED_LINE
    reader.silent = True
    _run(page, reader, lambda: not page.is_running)
    assert not page.procedure.samples()[-1].has_data


def test_targets_stand_at_their_physical_pixel_of_the_monitor(qtbot: QtBot) -> None:
    reader = Reader()
    page = _screen(qtbot, reader)
    page.move(37, 21)
    scale = page.screen().devicePixelRatio()
    origin = page.mapToGlobal(QPointF(0, 0)) - QPointF(page.screen().geometry().topLeft())
    at = page.target_position(400.0, 300.0)
    assert (at.x(), at.y()) == pytest.approx((400.0 / scale - origin.x(), 300.0 / scale - origin.y()))


def test_the_shrunk_target_is_drawn_at_its_pixel_on_a_plain_grey_and_on_a_slice(qtbot: QtBot) -> None:
    bright = QImage(64, 64, QImage.Format.Format_RGB32)
    bright.fill(QColor("#ffffff"))
    for background, behind in ((None, QColor(BACKGROUND)), (bright, QColor("#ffffff"))):
        reader = Reader()
        page = TargetScreen(Procedure([(200.0, 200.0)]), reader.poll, reader.clock, background=background)
        qtbot.addWidget(page)
        page.setGeometry(0, 0, 400, 400)
        page.show()
        page.start()
        reader.now_s += 1.0
        page.tick()
        image = page.grab().toImage()
        at = page.target_position(200.0, 200.0).toPoint() * image.devicePixelRatio()
        assert image.pixelColor(at).lightness() < 60, "the dark centre"
        assert image.pixelColor(at.x() + 3, at.y()).lightness() > 200, "the light dot"
        assert image.pixelColor(at.x() + 5, at.y()).lightness() < 140, "its dark outline"
        assert image.pixelColor(at.x() + 40, at.y()) == behind
        page.stop()
