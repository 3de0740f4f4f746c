"""Large pictures in windows: every pixel is seen, what the windows agree on is unchanged."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.windows import logits_of, window_starts
from tests.models.gaze_segmentation.tiny_segmenters import tiny_settings


@pytest.mark.parametrize(
    ("size", "window", "starts"),
    [(32, 32, [0]), (33, 32, [0, 1]), (48, 32, [0, 16]), (49, 32, [0, 8, 17]), (100, 32, [0, 14, 27, 41, 54, 68])],
)
def test_windows_reach_both_ends_and_overlap_by_half(size: int, window: int, starts: list[int]):
    assert window_starts(size, window) == starts
    assert all(later - sooner <= window // 2 for sooner, later in pairwise(starts))


def test_a_picture_smaller_than_a_window_is_refused():
    with pytest.raises(ValueError, match="fewer than a window"):
        window_starts(31, 32)


def test_a_picture_of_the_networks_size_is_looked_at_once_and_a_larger_one_everywhere():
    torch.manual_seed(1)
    network = GazeSegmenter(tiny_settings()).eval()
    picture = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(logits_of(network, picture), network(picture).plain)
        flat = logits_of(network, torch.full((1, 1, 50, 70), 0.5))
        assert flat.shape == (2, 1, 50, 70)
        assert torch.isfinite(flat).all()
        wide = torch.rand(1, 1, 32, 48)
        first, last = network(wide[..., :32]).plain, network(wide[..., 16:]).plain
        found = logits_of(network, wide)
    torch.testing.assert_close(found[..., :16], first[..., :16])
    torch.testing.assert_close(found[..., 32:], last[..., 16:])
    shares = torch.arange(16) + 1.0
    fading, rising = torch.minimum(torch.arange(17.0, 33), 32 - torch.arange(16.0, 32)), shares
    wanted = (first[..., 16:] * fading + last[..., :16] * rising) / (fading + rising)
    torch.testing.assert_close(found[..., 16:32], wanted, rtol=1e-4, atol=1e-5)
