"""Background jobs deliver in the GUI thread, fail in one line, and stop when cancelled."""

from __future__ import annotations

import threading
import time

import pytest
from pytestqt.qtbot import QtBot

from ctgaze_app.errors import SeriesError
from ctgaze_app.ui.background import BackgroundJob


def test_result_and_progress_arrive_in_the_gui_thread(qtbot: QtBot) -> None:
    threads = []
    progress: list[tuple[int, int]] = []

    def work(report, cancelled):  # type: ignore[no-untyped-def]
        threads.append(threading.current_thread())
        report(1, 2)
        report(2, 2)
        return 42

    job = BackgroundJob(work)
    job.progressed.connect(lambda done, total: progress.append((done, total)))
    with qtbot.waitSignal(job.succeeded, timeout=5000) as blocker:
        job.start()
    assert blocker.args == [42]
    assert threads[0] is not threading.current_thread()
    qtbot.waitUntil(lambda: progress == [(1, 2), (2, 2)])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (SeriesError("no DICOM here", place="x", remedy="choose another"), "x: no DICOM here (choose another)"),
        (ZeroDivisionError("oops"), "unexpected ZeroDivisionError: oops"),
    ],
)
def test_a_failure_arrives_as_one_line(qtbot: QtBot, error: Exception, line: str) -> None:
    def work(report, cancelled):  # type: ignore[no-untyped-def]
        raise error

    job = BackgroundJob(work)
    with qtbot.waitSignal(job.failed, timeout=5000) as blocker:
        job.start()
    assert blocker.args == [line]


def test_cancel_stops_the_work_and_delivers_nothing(qtbot: QtBot) -> None:
    stopped = threading.Event()

    def work(report, cancelled):  # type: ignore[no-untyped-def]
        while not cancelled():
            time.sleep(0.005)
        stopped.set()
        return 1

    job = BackgroundJob(work)
    job.succeeded.connect(lambda _: pytest.fail("delivered after cancel"))
    job.start()
    job.cancel()
    assert stopped.is_set()
    qtbot.wait(50)
