"""Sines and cosines that say where in a volume a cell or a fixation lies."""

from __future__ import annotations

from math import pi, prod

import torch
from torch import Tensor

PUBLISHED_GRID = 8
"""Cells on each axis of the published network."""
FEWEST_CYCLES = 0.5
"""Of the slowest wave over the whole axis: it rises or falls once, so that both ends differ."""


def published_positions(width: int) -> Tensor:
    """Positional encoding as the published network intends it (its first start overwrites it with noise).

    Channels: a third for each axis in order y, x, z; even channels sin(p f), odd cos(p f) with
    p = 2 pi n / (7 + 1e-6) for cell n and f = 10000^(-channel / third).

    Returns
    -------
    Tensor
        (512, 1, width), cell (y, x, z) at y * 64 + x * 8 + z.
    """
    third = width // 3
    places = torch.arange(PUBLISHED_GRID, dtype=torch.float64) / (PUBLISHED_GRID - 1 + 1e-6) * 2 * pi
    frequencies = 10000.0 ** (-torch.arange(0, third, 2, dtype=torch.float64) / third)
    axis = _interleaved(places[:, None] * frequencies)
    return _over_grid([axis, axis, axis])


def grid_positions(grid_kji: tuple[int, int, int], width: int) -> Tensor:
    """Positional encoding of any grid of cells that divide a volume evenly.

    Each axis has width / 6 waves, from half a cycle over the volume to as fast as its cells can tell apart, in equal
    ratios. The published waves are as slow as 1 / 10000 of a cycle: most of them are constant over 8 cells.

    Parameters
    ----------
    width
        Channels; divides by 6.

    Returns
    -------
    Tensor
        (cells, 1, width) float32, cell (k, j, i) at (k * J + j) * I + i; a third of the channels for k, j, i each.
    """
    axes = []
    for cells in grid_kji:
        centres = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
        axes.append(waves(centres, width // 3, most_cycles=max(cells / 2, 1.0)))
    return _over_grid(axes)


def place_waves(places_kji: Tensor, channels: int, *, most_cycles: float) -> Tensor:
    """Encoding of places anywhere in the volume.

    Parameters
    ----------
    places_kji
        (..., 3) shares of the volume along k, j, i.
    channels
        Divides by 6.

    Returns
    -------
    Tensor
        (..., channels).
    """
    return waves(places_kji, channels // 3, most_cycles=most_cycles).flatten(-2)


def waves(shares: Tensor, channels: int, *, most_cycles: float) -> Tensor:
    """(..., channels) sines (even) and cosines (odd) of shares of an axis, from `FEWEST_CYCLES` to `most_cycles`."""
    cycles = FEWEST_CYCLES * (most_cycles / FEWEST_CYCLES) ** torch.linspace(
        0, 1, channels // 2, dtype=shares.dtype, device=shares.device
    )
    return _interleaved(shares[..., None] * (2 * pi * cycles))


def _interleaved(angles: Tensor) -> Tensor:
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def _over_grid(axes: list[Tensor]) -> Tensor:
    sizes = [len(axis) for axis in axes]
    spread = [
        axis.reshape([len(axis) if n == at else 1 for n in range(3)] + [-1]).expand(*sizes, -1)
        for at, axis in enumerate(axes)
    ]
    return torch.cat(spread, dim=-1).reshape(prod(sizes), 1, -1).float()
