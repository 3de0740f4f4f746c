"""Running the demo: guided in a window, or headless with figures."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ctgaze_app.acquisition.clock import configure_lsl, new_session_id
from ctgaze_app.errors import CTGazeError
from ctgaze_app.ui.demo.figures import DemoFigures
from ctgaze_app.ui.demo.offscreen import use_offscreen_screen
from ctgaze_app.ui.demo.options import DemoOptions
from ctgaze_app.ui.platform_check import require_screen

if TYPE_CHECKING:
    from ctgaze_app.ui.demo.driver import DemoDriver
    from ctgaze_app.ui.main_window import MainWindow


def run_guided_demo(options: DemoOptions, report: Callable[[str], None]) -> int:
    """Open the application and let the scripted reader show the main job; ends in replay, stays open."""
    from ctgaze_app.ui.application import run_application

    require_screen()
    configure_lsl(new_session_id())
    return run_application(lambda window: start_guided_demo(window, options, report))  # type: ignore[arg-type]


def start_guided_demo(
    window: MainWindow, options: DemoOptions | None = None, report: Callable[[str], None] | None = None
) -> DemoDriver:
    """Start the demo inside an open window; `report` receives one line per stage."""
    from ctgaze_app.ui.demo.driver import DemoDriver

    driver = DemoDriver(window, options or DemoOptions(), guided=True)
    if report is not None:
        driver.reported.connect(report)
    window.demo = driver
    driver.start()
    return driver


def run_headless_demo(options: DemoOptions, report: Callable[[str], None]) -> DemoFigures:
    """Run the same journey on Qt's offscreen platform.

    Parameters
    ----------
    report
        Receives one line per stage.

    Raises
    ------
    CTGazeError
        With the first thing that went wrong.
    """
    screen_file = use_offscreen_screen()
    try:
        require_screen()
        configure_lsl(new_session_id())
        from PySide6.QtCore import QTimer, qInstallMessageHandler
        from PySide6.QtWidgets import QApplication

        from ctgaze_app.ui.demo.driver import DemoDriver
        from ctgaze_app.ui.interrupt import InterruptWatch
        from ctgaze_app.ui.main_window import MainWindow
        from ctgaze_app.ui.theme import apply_theme

        existing = QApplication.instance()
        application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
        apply_theme(application)
        before = qInstallMessageHandler(_qt_message)
        window = MainWindow()
        window.showFullScreen()
        with tempfile.TemporaryDirectory(prefix="ctgaze_demo_") as scratch:
            driver = DemoDriver(window, options, guided=False, scratch=Path(scratch))
            driver.reported.connect(report)
            driver.ended.connect(lambda: application.exit(0))
            watch = InterruptWatch()
            watch.interrupted.connect(driver.interrupt)
            # Inside the event loop, so that a failure in its first step can end the loop.
            QTimer.singleShot(0, driver, driver.start)
            application.exec()
            window.close()
            watch.close()
        application.processEvents()
        qInstallMessageHandler(before)
    finally:
        screen_file.unlink(missing_ok=True)
        os.environ.pop("QT_QPA_PLATFORM", None)
    if driver.figures is None:
        raise driver.problem or CTGazeError("the demo was stopped before its end")
    return driver.figures


def _qt_message(_kind: object, _context: object, text: str) -> None:
    """Qt's messages to standard error, less the one that its offscreen platform writes for every window shown."""
    if "propagateSizeHints" not in text:
        sys.stderr.write(text + "\n")
