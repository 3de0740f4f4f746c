"""Pictures larger than the network was trained on, looked at in overlapping windows of its own size.

Group normalisation takes its mean over what it sees: a network that was trained on a part of a chest at a time sees
parts here too. Windows overlap by half or more and fade towards their edges.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.gaze_segmentation.network import GazeSegmenter


def logits_of(network: GazeSegmenter, pictures: Tensor) -> Tensor:
    """Plain logits of pictures of any size from the network's input on, without gradient's extras.

    Parameters
    ----------
    pictures
        (B, channels, H, W), normalised.

    Returns
    -------
    Tensor
        (levels, B, H, W) float32.
    """
    sides = network.settings.input_rows_columns_px
    size = (int(pictures.shape[2]), int(pictures.shape[3]))
    if size == sides:
        plain: Tensor = network(pictures).plain.float()
        return plain
    weight = _fading(sides[0], pictures)[:, None] * _fading(sides[1], pictures)
    sums = pictures.new_zeros(network.settings.levels, len(pictures), *size, dtype=torch.float32)
    weights = pictures.new_zeros(size, dtype=torch.float32)
    for top in window_starts(size[0], sides[0]):
        for left in window_starts(size[1], sides[1]):
            place = (..., slice(top, top + sides[0]), slice(left, left + sides[1]))
            sums[place] += weight * network(pictures[place]).plain.float()
            weights[place] += weight
    return sums / weights


def window_starts(size: int, window: int) -> list[int]:
    """Where windows begin along an axis: evenly spread, the first at 0, the last at the end, half a window apart or
    less."""
    if size < window:
        raise ValueError(f"{size} pixels are fewer than a window of {window}")
    gaps = -(-2 * (size - window) // window)
    return [round(number * (size - window) / max(gaps, 1)) for number in range(gaps + 1)]


def _fading(side: int, like: Tensor) -> Tensor:
    """(side,) from almost 0 at the edges to 1 in the middle."""
    places = torch.arange(side, device=like.device, dtype=torch.float32)
    return torch.minimum(places + 1, side - places) / (side / 2)
