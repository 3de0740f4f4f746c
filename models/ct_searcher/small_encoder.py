"""A small 3-D encoder of a whole volume, so that the network works without foreign weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEM_CHANNELS = 8
FIRST_CHANNELS = 24
"""After the first reduction; doubled by each later one up to `MOST_CHANNELS`."""
MOST_CHANNELS = 96
GROUP_CHANNELS = 8
PRIMES = (2, 3, 5, 7)


class SmallEncoder(nn.Module):
    """Convolutions from a volume to one row of features for each cell of a grid.

    One convolution sees every input voxel, so that a nodule of one or two voxels is found before anything is averaged;
    then each reduction joins whole blocks of voxels, the smallest factors first, so that cell (k, j, i) is made of its
    own block of the volume and what the convolutions reach around it.

    Parameters
    ----------
    input_shape_kji
        Of the volume; divides by the grid.
    grid_kji
        Cells along k, j, i.
    windows
        Input channels.
    feature_channels
        Of each cell.
    """

    def __init__(
        self,
        input_shape_kji: tuple[int, int, int],
        grid_kji: tuple[int, int, int],
        windows: int,
        feature_channels: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(windows, STEM_CHANNELS, 3, padding=1), _norm(STEM_CHANNELS), nn.SiLU())
        stages: list[nn.Module] = []
        channels, wider = STEM_CHANNELS, FIRST_CHANNELS
        for stride in reductions(input_shape_kji, grid_kji):
            stages += [nn.Conv3d(channels, wider, stride, stride=stride), _norm(wider), Block(wider)]
            channels, wider = wider, min(2 * wider, MOST_CHANNELS)
        self.stages = nn.Sequential(*stages, Block(channels))
        self.out = nn.Linear(channels, feature_channels)

    def forward(self, image: Tensor) -> Tensor:
        """Features of every cell.

        Parameters
        ----------
        image
            (B, windows, K, J, I), 0..1.

        Returns
        -------
        Tensor
            (B, cells, feature_channels), flat (k, j, i).
        """
        # Channels last: convolutions and their gradients take two thirds of the time on a CPU.
        image = image.contiguous(memory_format=torch.channels_last_3d)
        cells = self.stages(self.stem(2 * image - 1))
        found: Tensor = self.out(cells.flatten(2).transpose(1, 2))
        return found


class Block(nn.Module):
    """In-plane, then through-plane convolution, added to the input; starts by adding nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.in_plane = nn.Conv3d(channels, channels, (1, 3, 3), padding=(0, 1, 1))
        self.norm_in = _norm(channels)
        self.through = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))
        self.norm_through = _norm(channels)
        nn.init.zeros_(self.norm_through.weight)

    def forward(self, volume: Tensor) -> Tensor:
        """Same shape as it takes."""
        inner = nn.functional.silu(self.norm_in(self.in_plane(volume)))
        return nn.functional.silu(volume + self.norm_through(self.through(inner)))


def reductions(input_shape_kji: tuple[int, int, int], grid_kji: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Strides along k, j, i of the steps from a volume to its grid: prime factors, smallest first, where one is larger
    than 7 as it is."""
    factors = [_primes(size // cells) for size, cells in zip(input_shape_kji, grid_kji, strict=True)]
    steps = max(len(found) for found in factors)
    k, j, i = (found + [1] * (steps - len(found)) for found in factors)
    return list(zip(k, j, i, strict=True))


def _primes(number: int) -> list[int]:
    found = []
    for prime in PRIMES:
        while number % prime == 0:
            found.append(prime)
            number //= prime
    return found if number == 1 else [*found, number]


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // GROUP_CHANNELS), channels)
