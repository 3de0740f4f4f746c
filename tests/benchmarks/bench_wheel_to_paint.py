"""Wheel event to end of paintEvent, a 512 x 512 slice filling 1600 x 1600 px.

Run `python -m tests.benchmarks.bench_wheel_to_paint`.

The peer in the same run is a bare pyqtgraph `ImageItem` in a `ViewBox`, given the same slices and painted at once.
"""

from __future__ import annotations

import os
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from ctgaze_app.ct.volume import VoiWindow, Volume
from ctgaze_app.ui.slice_view import SliceView
from ctgaze_app.ui.theme import apply_theme
from tests.factories.volumes import make_volume
from tests.ui.view_driving import spin

SIZE_PX = 1600
EVENTS = 300
BUDGET_MS = {"nearest": (4.0, 8.0), "smooth": (8.0, 16.0)}


def noisy_volume() -> Volume:
    """64 slices of 512 x 512 with chest-like values: the lookup table is hit everywhere."""
    random = np.random.default_rng(1)
    base = random.normal(-400, 500, (64, 512, 512))
    return make_volume(np.clip(base, -1024, 3000).astype(np.int16), windows=(VoiWindow(-600.0, 1500.0),))


def wheel_to_paint_ms(volume: Volume, *, smooth: bool) -> np.ndarray:
    """Milliseconds from each wheel event to the end of the paint that it caused, with corner text on."""
    view = SliceView(clock=time.perf_counter)
    view.resize(SIZE_PX, SIZE_PX)
    view.show()
    spin(0.1)
    view.set_volume(volume)
    if view.state.smooth != smooth:
        view.trigger("smooth")
    spin(0.1)
    ends: list[float] = []
    view.painted.connect(lambda _view, end: ends.append(end))
    centre = QPointF(SIZE_PX / 2, SIZE_PX / 2)
    taken = []
    for number in range(EVENTS):
        direction = -1 if (number // 60) % 2 == 0 else 1
        event = QWheelEvent(
            centre,
            centre,
            QPoint(),
            QPoint(0, 120 * direction),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        count, start = len(ends), time.perf_counter()
        QApplication.sendEvent(view.viewport(), event)
        while len(ends) == count:
            QApplication.processEvents()
        taken.append((ends[-1] - start) * 1e3)
        # 40 notches a second: each event finds the view idle, as a hand's does.
        spin(max(start + 0.025 - time.perf_counter(), 0))
    assert view.slices_painted == EVENTS
    view.close()
    return np.array(taken)


def bare_image_item_ms(volume: Volume) -> np.ndarray:
    """The same slices through pyqtgraph's own ImageItem, painted at once."""
    window = pg.GraphicsLayoutWidget()
    box = window.addViewBox(lockAspect=True, enableMenu=False, defaultPadding=0)
    item = pg.ImageItem(axisOrder="row-major")
    box.addItem(item)
    window.resize(SIZE_PX, SIZE_PX)
    window.show()
    item.setImage(volume.voxels[0], levels=(-1350, 150), autoLevels=False)
    spin(0.1)
    taken = []
    for number in range(EVENTS):
        start = time.perf_counter()
        item.setImage(volume.voxels[number % 64], autoLevels=False)
        window.viewport().repaint()
        taken.append((time.perf_counter() - start) * 1e3)
        spin(max(start + 0.025 - time.perf_counter(), 0))
    window.close()
    return np.array(taken)


def main() -> None:
    """Print one table."""
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    apply_theme(application)
    volume = noisy_volume()
    print(f"{'wheel to end of paint, 1600 px':34} {'p50 ms':>8} {'p99 ms':>8}   budget p50, p99 ms")
    for name, smooth in (("nearest", False), ("smooth", True)):
        p50, p99 = np.percentile(wheel_to_paint_ms(volume, smooth=smooth), (50, 99))
        budget = BUDGET_MS[name]
        verdict = "met" if p50 <= budget[0] and p99 <= budget[1] else "MISSED"
        print(f"{'SliceView ' + name:34} {p50:8.2f} {p99:8.2f}   {budget[0]:g}, {budget[1]:g}: {verdict}")
    p50, p99 = np.percentile(bare_image_item_ms(volume), (50, 99))
    print(f"{'bare pyqtgraph ImageItem (nearest)':34} {p50:8.2f} {p99:8.2f}   peer")


if __name__ == "__main__":
    main()
