"""Starting the desktop application."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType

from ctgaze_app.acquisition.clock import configure_lsl
from ctgaze_app.crash_report import tell_unexpected
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

    from ctgaze_app.ui.interrupt import InterruptWatch
    from ctgaze_app.ui.main_window import MainWindow
    from ctgaze_app.ui.theme import apply_theme

    sys.excepthook = _tell_once
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    apply_theme(application)
    window = MainWindow()
    window.show()
    watch = InterruptWatch()
    watch.interrupted.connect(window.close)
    if prepare is not None:
        prepare(window)
    code = application.exec()
    watch.close()
    return code


_told: set[str] = set()


def _tell_once(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """What fails inside a Qt event: one line, once, and the application goes on."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    key = f"{type(error).__name__} {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else repr(error)
    if key not in _told:
        _told.add(key)
        sys.stderr.write(f"ctgaze: {tell_unexpected(error)}\n")
