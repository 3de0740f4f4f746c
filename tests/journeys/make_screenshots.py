"""Takes the pictures of the README: the demo's journey, grabbed at its stages.

Usage: python -m tests.journeys.make_screenshots [--out resources/screenshots] [--size 1920x1080] [--scale 1]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ctgaze_app.acquisition.clock import configure_lsl, new_session_id
from ctgaze_app.ui.demo.offscreen import use_offscreen_screen
from ctgaze_app.ui.demo.options import DemoOptions
from tests.journeys.second_reader import add_second_reader

READING_S = 22.0
PICTURE_AT_S = 6.0
REPLAY_AT_S = 5.6


def main() -> None:
    """Parse, run, write PNG files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("resources/screenshots"))
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--case", type=Path)
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.size.split("x"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    screen_file = use_offscreen_screen((width, height))
    os.environ["QT_SCALE_FACTOR"] = str(arguments.scale)
    configure_lsl(new_session_id())
    try:
        with tempfile.TemporaryDirectory() as scratch:
            _run(arguments.out, arguments.case, Path(scratch))
    finally:
        screen_file.unlink()


def _run(out: Path, case: Path | None, scratch: Path) -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from ctgaze_app.ui.calibration.result_view import ResultView
    from ctgaze_app.ui.demo.driver import DemoDriver
    from ctgaze_app.ui.journey import Stage
    from ctgaze_app.ui.main_window import MainWindow
    from ctgaze_app.ui.theme import apply_theme

    application = QApplication([])
    apply_theme(application)
    window = MainWindow()
    window.showFullScreen()

    def grab(name: str) -> None:
        if not window.grab().save(str(out / f"{name}.png")):
            raise SystemExit(f"cannot write {out / name}.png")

    def settle(seconds: float = 0.4) -> None:
        loop_end = QTimer()
        loop_end.setSingleShot(True)
        loop_end.start(int(seconds * 1000))
        while loop_end.isActive():
            application.processEvents()

    def wait_until(done: Callable[[], bool]) -> None:
        while not done():
            settle(0.1)

    settle()
    grab("home")
    window.show_setup(case)
    window.setup.folder.setText("CTGaze/reader-1_20260102T030405Z")
    settle(3.0)
    grab("setup")
    window.show_home()

    driver = DemoDriver(
        window, DemoOptions(case=case, out=scratch / "session", seconds=READING_S), guided=False, scratch=scratch
    )

    def stage_changed(stage: Stage) -> None:
        if stage is Stage.CALIBRATING:
            QTimer.singleShot(5200, lambda: grab("calibration"))
        elif stage is Stage.READING:
            QTimer.singleShot(int(PICTURE_AT_S * 1000), lambda: grab("reading"))

    def page_shown(page: Any, _key: int) -> None:
        if isinstance(page, ResultView) and page.windowTitle() == "Validation":
            QTimer.singleShot(120, lambda: grab("validation"))

    def follow(journey: Any) -> None:
        journey.stage_changed.connect(stage_changed)
        journey.page_shown.connect(page_shown)

    def press_lung() -> None:
        if driver.journey is not None and driver.journey.room is not None:
            driver.journey.room.view.set_window(-600.0, 1500.0)

    driver.journey_started.connect(follow)
    driver.journey_started.connect(
        lambda journey: journey.stage_changed.connect(lambda stage: press_lung() if stage is Stage.READING else None)
    )
    driver.reported.connect(lambda line: sys.stderr.write(line + "\n"))
    driver.ended.connect(lambda: application.exit(0))
    QTimer.singleShot(0, driver, driver.start)
    application.exec()
    if driver.problem is not None or window.workspace is None:
        raise SystemExit(str(driver.problem))
    window.showFullScreen()
    workspace = window.workspace
    workspace.seek(workspace.trial.replay.start_lsl + REPLAY_AT_S)  # type: ignore[union-attr]
    settle(1.0)
    grab("replay")
    models = workspace.models
    wait_until(lambda: models.control.settled)
    workspace.predict_usual()
    wait_until(lambda: models.control.busy is None and models.control.settled)
    if models.control.problem or not models.shown:
        sys.stderr.write(f"no pictures of predictions: {models.control.problem or models.panel.hint.text()}\n")
    else:
        workspace.set_free(True)
        models.comparison.start()
        wait_until(lambda: not models.comparison.busy)
        workspace.right.setCurrentWidget(workspace.figures)
        settle()
        grab("prediction")
    add_second_reader(scratch / "session")
    window.review(scratch / "session")
    wait_until(lambda: window.workspace is not None and window.workspace is not workspace)
    _show_models(window.workspace, wait_until)
    settle()
    grab("models")
    _in_few_colours(out / "models.png")
    window.close()
    sys.stdout.write(f"written to {out}\n")


def _in_few_colours(picture: Path) -> None:
    """Keep 256 colours: a CT's noise would fill the file otherwise."""
    from PIL import Image

    with Image.open(picture) as whole:
        fewer = whole.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    fewer.save(picture, optimize=True)


def _show_models(workspace: Any, wait_until: Callable[[Callable[[], bool]], None]) -> None:
    """Two readers, and the path, mask and findings that shipped models make; the findings in front."""
    control, layers = workspace.models.control, workspace.models.layers
    wait_until(lambda: control.settled)
    order = ("scanpath", "segmentation", "classification")
    for choice in sorted((one for one in control.models if one.task in order), key=lambda one: order.index(one.task)):
        if control.why_not(choice) or not choice.shipped:
            continue
        control.predict(choice, 2)
        wait_until(lambda: control.busy is None and control.settled)
        if control.problem:
            sys.stderr.write(f"{choice.title}: {control.problem}\n")
    for layer in layers.layers:
        if not layer.by_model:
            layers.set_visible(layer.key, True)
    masks = [one.prediction.mask_kji for _, one in workspace.models.shown if hasattr(one.prediction, "mask_kji")]
    busiest = workspace.trial.replay.fixations[len(workspace.trial.replay.fixations) // 2].slice_index
    workspace.go_to_slice(int(masks[0].sum(axis=(1, 2)).argmax()) if masks else busiest)
    workspace.right.setCurrentWidget(workspace.figures)


if __name__ == "__main__":
    main()
