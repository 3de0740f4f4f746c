"""Overlays land on the pixel that they are about, at any zoom, and let the slice through."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter, QTransform
from PySide6.QtWidgets import QApplication, QGraphicsItem

from ctgaze_app.review.replay import DrawnFixation
from ctgaze_app.ui.overlays import FixationLayer, GazeDotItem, ScanPathItem
from ctgaze_app.ui.theme import READERS
from tests.review.scene import fixation

BLUE = tuple(int(READERS[0][place : place + 2], 16) for place in (1, 3, 5))


def draw(item: QGraphicsItem, scale: float, size: int = 400) -> np.ndarray:
    """The item on black, `image_px` (0, 0) at pixel (0, 0), `scale` pixels per image pixel: RGB (size, size, 3)."""
    image = QImage(size, size, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    painter.setTransform(QTransform.fromScale(scale, scale))
    item.paint(painter, None, None)
    painter.end()
    raw = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(size, size, 4)
    return raw[..., [2, 1, 0]].copy()


def centre_of(pixels: np.ndarray) -> tuple[float, float]:
    """Middle (x, y) of everything that is not black, in continuous pixels."""
    rows, columns = np.nonzero(pixels.any(axis=2))
    return (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2


@pytest.mark.parametrize("scale", [1.0, 3.7, 20.0])
def test_the_gaze_dot_is_centred_and_of_one_size_at_any_zoom(qapp: QApplication, scale: float) -> None:
    dot = GazeDotItem()
    dot.set_gaze((200 / scale, 100 / scale))
    pixels = draw(dot, scale)
    assert centre_of(pixels) == pytest.approx((200, 100), abs=0.6)
    assert tuple(pixels[100, 200]) == BLUE
    columns = np.nonzero(pixels.any(axis=2))[1]
    assert 15 <= columns.max() - columns.min() + 1 <= 22


def test_no_gaze_draws_nothing(qapp: QApplication) -> None:
    dot = GazeDotItem()
    dot.set_gaze((5.0, 5.0))
    dot.set_gaze(None)
    assert not draw(dot, 10.0).any()


def test_a_tail_breaks_where_gaze_was_lost(qapp: QApplication) -> None:
    dot = GazeDotItem()
    dot.set_gaze(None, np.array([[5.0, 5.0], [10.0, 5.0], [np.nan, np.nan], [20.0, 5.0], [25.0, 5.0]]))
    row = draw(dot, 10.0)[49:52].any(axis=(0, 2))
    assert row[52:98].all() and not row[105:195].any() and row[202:248].all()


def test_circles_have_the_radius_of_their_duration_and_fade(qapp: QApplication) -> None:
    layer = FixationLayer()
    layer.set_fixations([DrawnFixation(fixation(1, 0.0, 0.25, 3, voxel=(20.0, 20.0, 3.0)), 1.0, 30.0)])
    full = draw(layer, 10.0)
    assert tuple(full[200, 200 - 30]) == pytest.approx(BLUE, abs=80)
    ring = np.nonzero((full[200] > 40).any(axis=1))[0]
    assert ring.min() == pytest.approx(200 - 31, abs=2)
    layer.set_fixations([DrawnFixation(fixation(1, 0.0, 0.25, 3, voxel=(20.0, 20.0, 3.0)), 0.3, 30.0)])
    assert draw(layer, 10.0).max() < 0.5 * full.max()


def test_selecting_adds_a_ring_of_its_own(qapp: QApplication) -> None:
    layer, one = FixationLayer(), DrawnFixation(fixation(7, 0.0, 0.25, 3, voxel=(20.0, 20.0, 3.0)), 0.2, 20.0)
    layer.set_fixations([one])
    plain = draw(layer, 10.0)
    layer.set_fixations([one], selected=7)
    chosen = draw(layer, 10.0)
    assert not plain[200, 200 - 24].any() and chosen[200, 200 - 24].min() > 150


def test_the_scan_path_joins_only_successive_fixations_and_stays_outside_their_circles(qapp: QApplication) -> None:
    def at(number: int, i: float, j: float) -> DrawnFixation:
        return DrawnFixation(fixation(number, float(number), 0.25, 3, voxel=(i, j, 3.0)), 1.0, 20.0)

    path = ScanPathItem()
    path.set_fixations([at(1, 5.0, 20.0), at(2, 30.0, 20.0), at(4, 30.0, 5.0)])
    pixels = draw(path, 10.0)
    assert pixels[198:202, 100:250].any(axis=(0, 2)).all()
    assert not pixels[195:205, 45:65].any() and not pixels[80:160, 295:305].any()


def test_overlays_never_catch_the_mouse(qapp: QApplication) -> None:
    for item in (GazeDotItem(), FixationLayer(), ScanPathItem()):
        assert item.shape().isEmpty()
