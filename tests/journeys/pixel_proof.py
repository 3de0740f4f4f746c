"""A whole headless journey on a series whose pixels say which slice they are; run as a program, prints one JSON object.

After every paint the pane's pixels are grabbed and the slice is read from them, to be held against the View sample that
left. Afterwards the session is opened for replay, and at twenty random times the replayed view must have the very
pixels that were grabbed when it was shown.

Usage: python -m tests.journeys.pixel_proof FOLDER
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ctgaze_app.acquisition.clock import configure_lsl, new_session_id
from ctgaze_app.ui.demo.offscreen import use_offscreen_screen
from ctgaze_app.ui.demo.options import DemoOptions
from tests.factories.dicom_series import read_slice_number, write_series

SLICES = 40
SECONDS = 14.0
REPLAYED_TIMES = 20


def run(folder: Path) -> dict[str, Any]:
    """Write the series, read it, compare pixels; returns counts."""
    case = folder / "case"
    case.mkdir()
    write_series(case, slices=SLICES, rows=128, columns=128, pixels="slice_number")
    screen_file = use_offscreen_screen()
    configure_lsl(new_session_id())
    from PySide6.QtCore import QPoint, QRect, QTimer
    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QApplication, QWidget

    from ctgaze_app.study.loading import open_session
    from ctgaze_app.ui.demo.driver import DemoDriver
    from ctgaze_app.ui.journey import Stage
    from ctgaze_app.ui.main_window import MainWindow
    from ctgaze_app.ui.slice_view import SliceView
    from ctgaze_app.ui.theme import apply_theme

    application = QApplication([])
    apply_theme(application)
    window = MainWindow()
    window.showFullScreen()
    grabbed: dict[int, QImage] = {}
    slices_seen: list[tuple[int, int]] = []
    overtaken: list[int] = []
    newest = [0]

    def grey(image: QImage) -> np.ndarray[Any, Any]:
        flat = image.convertToFormat(QImage.Format.Format_Grayscale8)
        rows = np.frombuffer(flat.constBits(), dtype=np.uint8).reshape(flat.height(), flat.bytesPerLine())
        return rows[:, : flat.width()].copy()

    def on_screen(widget: QWidget) -> QImage:
        """The widget's pixels out of its window as flushed to the screen, not painted again."""
        shot = widget.screen().grabWindow(widget.window().winId()).toImage()
        corner = widget.mapTo(widget.window(), QPoint(0, 0))
        return shot.copy(QRect(corner, widget.size()))

    def painted(view: Any, _time_lsl: float) -> None:
        newest[0] = view.paint
        QTimer.singleShot(0, lambda: look(view))

    def look(view: Any) -> None:
        room = driver.journey.room if driver.journey is not None else None
        if room is None or newest[0] != view.paint:
            overtaken.append(view.paint)
            return
        image = on_screen(room.view)
        grabbed[view.paint] = image
        if view.image_visible:
            left, top = np.linalg.solve(view.voxel_from_screen[:2, :2], [-0.5, -0.5] - view.voxel_from_screen[:2, 2])
            right, bottom = np.linalg.solve(
                view.voxel_from_screen[:2, :2], [127.5, 127.5] - view.voxel_from_screen[:2, 2]
            )
            x, y = view.pane_rect_px[:2]
            pixels = grey(image)[round(top - y) : round(bottom - y), round(left - x) : round(right - x)]
            slices_seen.append((view.slice_index, read_slice_number(pixels)))

    def follow(stage: Stage) -> None:
        if stage is Stage.READING:
            room = driver.journey.room  # type: ignore[union-attr]
            room.view.corner_text_visible = False
            room.view.set_window(0.0, 2000.0)
            room.view.painted.connect(painted)

    with tempfile.TemporaryDirectory() as scratch:
        driver = DemoDriver(
            window,
            DemoOptions(case=case, out=folder / "session", seconds=SECONDS, seed=5),
            guided=False,
            scratch=Path(scratch),
        )
        driver.ended.connect(lambda: application.exit(0))
        driver.journey_started.connect(lambda journey: journey.stage_changed.connect(follow))
        QTimer.singleShot(0, driver, driver.start)
        application.exec()
    if driver.problem is not None or driver.figures is None:
        raise SystemExit(str(driver.problem))
    volume = driver.journey.volumes[0]  # type: ignore[union-attr]
    window.close()

    trial = open_session(folder / "session", {0: volume}).trials[0].replay
    times = np.random.default_rng(11).uniform(trial.start_lsl + 0.5, trial.end_lsl - 0.1, REPLAYED_TIMES)
    replay = SliceView()
    replay.interactive = False
    replay.corner_text_visible = False
    replay.set_volume(volume)
    same = compared = 0
    for time_lsl in times:
        view = trial.view_at(float(time_lsl))
        if view is None or view.paint not in grabbed:
            continue
        image = grabbed[view.paint]
        replay.resize(image.width(), image.height())
        replay.show()
        replay.apply_view(view, scale_to_fit=False)
        for _ in range(20):
            application.processEvents()
        compared += 1
        same += bool(np.array_equal(grey(on_screen(replay)), grey(image)))
    replay.close()
    screen_file.unlink()
    return {
        **driver.figures.as_json(),
        "paints_overtaken": len(overtaken),
        "paints_checked": len(slices_seen),
        "paints_wrong": sum(told != seen for told, seen in slices_seen),
        "slices_distinct": len({told for told, _ in slices_seen}),
        "replays_compared": compared,
        "replays_same_pixels": same,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Path(sys.argv[1]))) + "\n")
