"""The main window tells faults of a session below its pages, and never on the reader's screen."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.ui.main_window import MainWindow


def test_faults_wait_until_the_reader_has_left_the_full_screen(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    window.show()
    assert not window.statusBar().isVisible()
    window.show_page(window.waiting, full_screen=True)
    window._tell_fault("no gaze for 1 s")
    assert not window.statusBar().isVisible()
    window.show_page(window.waiting)
    QApplication.processEvents()
    assert window.statusBar().isVisible()
    assert window.statusBar().currentMessage() == "During the session: no gaze for 1 s"
    window.show_home()
    assert not window.statusBar().isVisible()
    window.close()
