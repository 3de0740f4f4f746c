"""Background jobs deliver in the GUI thread, fail in one line, and stop when cancelled."""

from __future__ import annotations

import threading
import time

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from ctgaze_app.errors import SeriesError
from ctgaze_app.ui.background import BackgroundJob, wait_for_left_jobs


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


def test_leaving_waits_for_nothing_and_what_comes_too_late_is_let_go(qtbot: QtBot) -> None:
    may_end = threading.Event()
    let_go: list[object] = []

    def work(report, cancelled):  # type: ignore[no-untyped-def]
        assert may_end.wait(5.0)
        return "an open stream"

    job = BackgroundJob(work, let_go=let_go.append)
    job.succeeded.connect(lambda _: pytest.fail("delivered after leave"))
    job.start()
    job.leave()
    assert let_go == []
    may_end.set()
    wait_for_left_jobs()
    qtbot.wait(50)
    assert let_go == ["an open stream"]


def test_a_result_that_was_ready_but_not_handed_over_is_let_go_too(qtbot: QtBot) -> None:
    let_go: list[object] = []
    job = BackgroundJob(lambda report, cancelled: "an open stream", let_go=let_go.append)
    job.succeeded.connect(lambda _: pytest.fail("delivered after cancel"))
    job.start()
    job.join()
    job.cancel()
    qtbot.waitUntil(lambda: let_go == ["an open stream"])


def test_a_left_job_outlives_the_page_that_wanted_it(qtbot: QtBot) -> None:
    page = QObject()
    may_end = threading.Event()
    job = BackgroundJob(lambda report, cancelled: may_end.wait(5.0), page)
    job.start()
    job.leave()
    del job
    page.deleteLater()
    qtbot.wait(20)
    may_end.set()
    wait_for_left_jobs()
    qtbot.wait(20)
