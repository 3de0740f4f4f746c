"""What every test shares: a private LSL session, the offscreen platform, the real data, and a leak check."""

from __future__ import annotations

import gc
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["CTGAZE_LSL_SESSION"] = f"test-{uuid.uuid4().hex[:12]}"
os.environ.pop("LSLAPICFG", None)
# Networks compute on one core, so that tests in another process that measure time keep theirs.
os.environ.setdefault("OMP_NUM_THREADS", "1")


IN_REAL_TIME = ("acquisition", "calibration", "journeys", "ui", "study/test_live.py", "cli/test_tracker.py")
WITH_MODELS = ("journeys/test_field_models.py", "journeys/test_picture.py", "journeys/test_prediction.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what measures time, streams or paints in one process when tests run in several (pytest-xdist).

    Journeys that compute most of the time form a second group: together they would take twice as long.
    """
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here).as_posix()
        if place.startswith(WITH_MODELS):
            item.add_marker(pytest.mark.xdist_group("with-models"))
        elif place.startswith(IN_REAL_TIME):
            item.add_marker(pytest.mark.xdist_group("real-time"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real CT and gaze recordings beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real recordings are not here: no folder {folder.parent.name}/{folder.name} beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    """Fail a test that leaves a window, an active timer or a thread behind."""
    threads_before = set(threading.enumerate())
    yield
    left = [
        thread.name for thread in set(threading.enumerate()) - threads_before if thread.is_alive() and not thread.daemon
    ]
    assert not left, f"threads left behind: {left}"
    import sys

    if "PySide6.QtWidgets" not in sys.modules:
        return
    from PySide6.QtCore import QCoreApplication, QEvent, QTimer
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance()
    if not isinstance(application, QApplication):
        return
    gc.collect()
    gc.freeze()  # what lives on is not looked through again after every later test: that took half of the suite's time
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    application.processEvents()
    windows = [repr(widget) for widget in application.topLevelWidgets() if widget.isVisible()]
    timers = [repr(timer) for timer in QCoreApplication.instance().findChildren(QTimer) if timer.isActive()]  # type: ignore[union-attr]
    assert not windows, f"windows left open: {windows}"
    assert not timers, f"timers left running: {timers}"
