"""Starting the desktop application."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ctgaze_app.acquisition.clock import configure_lsl
from ctgaze_app.ui.platform_check import require_screen


def run_application(prepare: Callable[[object], None] | None = None) -> int:
    """Open the main window and run until it closes; returns the exit code.

    Parameters
    ----------
    prepare
        Called with the shown `MainWindow` before the event loop starts (the demo uses it).

    Raises
    ------
    DeviceError
        When Qt cannot start here; says which package is missing.
    """
    require_screen()
    configure_lsl()
    from PySide6.QtWidgets import QApplication

    from ctgaze_app.ui.main_window import MainWindow
    from ctgaze_app.ui.theme import apply_theme

    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    apply_theme(application)
    window = MainWindow()
    window.show()
    if prepare is not None:
        prepare(window)
    return application.exec()
