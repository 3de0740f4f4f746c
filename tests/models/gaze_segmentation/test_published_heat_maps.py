"""The published heat maps, step by step as their programs make them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from models.gaze_segmentation.heat_maps import HeatMapSettings, picture_heat_map
from models.gaze_segmentation.published_heat_maps import _cubic, published_heat_map
from tests.models.gaze_segmentation.test_heat_maps import gaze

ROWS = ((0.0, 0.4, 0.12), (0.31, 0.0, 0.3), (0.5, 0.52, 0.08), (0.77, 0.9, 0.45), (1.0, 1.0, 0.06))


@pytest.mark.parametrize(("preset", "sigma"), [("kvasir", 70), ("prostate", 50)])
def test_canvas_pixels_widths_and_eight_bits_are_as_published(preset: str, sigma: int):
    torch = pytest.importorskip("torch")
    canvas = np.zeros((768, 768), dtype=np.float32)
    for x, y, seconds in ROWS:
        # As published: index -1 wraps to the far edge.
        canvas[round(y * 768) - 1, round(x * 768) - 1] += seconds * 1000
    blurred = ndimage.gaussian_filter(canvas, sigma=sigma)
    share = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    # PyTorch's cubic interpolation is OpenCV's: the same kernel, pixel centres and repeated border.
    expected = torch.nn.functional.interpolate(torch.from_numpy(share)[None, None], (90, 120), mode="bicubic")[0, 0]
    found = published_heat_map(gaze(*ROWS), (90, 120), preset)
    levels = found.share_ji * 255
    assert levels == pytest.approx(np.rint(levels), abs=1e-4)
    assert levels == pytest.approx(np.trunc(expected.numpy() * 255), abs=1.01)
    assert found.fixations == 5


def test_a_share_of_0_wraps_to_the_far_edge_only_where_published():
    wrapped = published_heat_map(gaze((0.0, 0.5, 0.2)), (100, 100), "kvasir").share_ji
    right = picture_heat_map(gaze((0.0, 0.5, 0.2)), (100, 100), HeatMapSettings()).share_ji
    assert wrapped[50, 99] > 0.9 > 0.1 > wrapped[50, 0]
    assert right[50, 0] > 0.9 > 0.1 > right[50, 99]


def test_an_overshoot_below_0_wraps_in_eight_bits():
    # One bright pixel in a row of 12, enlarged to 60: the cubic kernel goes below 0 beside it.
    enlarged = _cubic(60, 12) @ np.eye(12)[5]
    assert enlarged.min() < -0.05
    assert _cubic(60, 12).sum(axis=1) == pytest.approx(1)


def test_the_chest_x_ray_map_counts_rows_whatever_their_duration():
    rows = ((0.1, 0.2, 0.1), (0.5, 0.5, 2.0), (0.52, 0.9, 9.0))
    counted = np.zeros((125, 100), dtype=np.float32)
    for x, y, _ in rows:
        counted[int(y * 125), int(x * 100)] += 1
    blurred = ndimage.gaussian_filter(counted, sigma=150)
    expected = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    assert published_heat_map(gaze(*rows), (125, 100), "egd").share_ji == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("preset", ["kvasir", "egd"])
def test_a_map_without_gaze_is_0_and_not_a_division_by_zero(preset: str):
    found = published_heat_map(None, (48, 64), preset)
    assert not found.share_ji.any()
    assert found.remarks == ("no fixation",)
