"""Review windows of a test, closed with all that they started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ctgaze_app.study.loading import RecordedSession
from ctgaze_app.ui.background import wait_for_left_jobs
from ctgaze_app.ui.review.workspace import ReviewWorkspace

Show = Callable[..., ReviewWorkspace]
Opened = Callable[[], ReviewWorkspace]


@contextmanager
def open_reviews() -> Iterator[Show]:
    """Gives what shows a session's Review; the words given go to `ReviewWorkspace`."""
    shown: list[ReviewWorkspace] = []

    def show(session: RecordedSession, **given: Any) -> ReviewWorkspace:
        workspace = ReviewWorkspace(session, now=lambda: 0.0, **given)
        shown.append(workspace)
        workspace.resize(1366, 1000)
        workspace.show()
        QTest.qWaitForWindowExposed(workspace)
        return workspace

    yield show
    for workspace in shown:
        workspace.close_session()
        workspace.close()
        workspace.deleteLater()
    wait_for_left_jobs()


def wait_for_layers(workspace: ReviewWorkspace, qtbot: QtBot) -> None:
    """Until every visible layer is there, or it is said why none is."""
    control = workspace.models.control
    qtbot.waitUntil(lambda: control.settled or bool(control.hidden), timeout=60_000)
