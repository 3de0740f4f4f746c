"""Local propagation: each pixel's feature as a mean of its neighbours', weighted by how alike they are.

For a pixel p with the neighbours q (5 x 5 places, every second pixel): w = softmax over q of ReLU(<f(p), f(q)>), and
f'(p) = sum of w f(q). A neighbour outside the picture is a zero vector that keeps the weight exp(0), as published
(reference: GazeMedSeg, B7).

The published code unfolds the feature into 25 copies of itself. Here each shift is looked at in turn as a view, forward
and backward: beside the result only one number a pixel and neighbour is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SIZE, DILATION = 5, 2
"""Neighbours along each axis, and pixels between them; published."""
CHUNK_VALUES = 1 << 23
"""Feature values that are multiplied at a time: 32 MiB, or one picture where that is more."""

Region = tuple[slice, slice]


def propagated(feature: Tensor, *, size: int = SIZE, dilation: int = DILATION) -> Tensor:
    """The propagated feature.

    Parameters
    ----------
    feature
        (B, C, H, W); half precision is computed and returned as float32.
    size
        Odd.

    Returns
    -------
    Tensor
        (B, C, H, W).
    """
    if feature.ndim != 4 or size < 1 or size % 2 == 0 or dilation < 1:
        raise ValueError(f"{tuple(feature.shape)}, {size} neighbours, {dilation} apart")
    wide = feature.float() if feature.dtype in (torch.float16, torch.bfloat16) else feature
    result: Tensor = _Propagation.apply(wide, size, dilation)
    return result


class _Propagation(torch.autograd.Function):
    """Keeps the similarities, (B, size^2, H, W), for the way back; weights and shifted features are made again."""

    @staticmethod
    def forward(ctx: Any, feature: Tensor, size: int, dilation: int) -> Tensor:
        alike = feature.new_zeros(len(feature), size * size, *feature.shape[2:])
        result = torch.zeros_like(feature)
        for rows in _chunks(feature):
            part = feature[rows]
            for number, here, there in _shifts(part, size, dilation):
                alike[rows, number][_at(here)] = (part[_at(here)] * part[_at(there)]).sum(1).relu_()
            weights = alike[rows].softmax(1)
            for number, here, there in _shifts(part, size, dilation):
                result[rows][_at(here)].addcmul_(weights[:, number, None][_at(here)], part[_at(there)])
        ctx.save_for_backward(feature, alike)
        ctx.size, ctx.dilation = size, dilation
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        feature, alike = ctx.saved_tensors
        found = torch.zeros_like(feature)
        for rows in _chunks(feature):
            part, above, into = feature[rows], slope[rows], found[rows]
            weights = alike[rows].softmax(1)
            steep = torch.zeros_like(weights)
            for number, here, there in _shifts(part, ctx.size, ctx.dilation):
                steep[:, number][_at(here)] = (above[_at(here)] * part[_at(there)]).sum(1)
            steep -= (weights * steep).sum(1, keepdim=True)
            steep *= weights
            steep *= alike[rows] > 0
            for number, here, there in _shifts(part, ctx.size, ctx.dilation):
                similar, weight = steep[:, number, None][_at(here)], weights[:, number, None][_at(here)]
                into[_at(here)].addcmul_(similar, part[_at(there)])
                into[_at(there)].addcmul_(similar, part[_at(here)])
                into[_at(there)].addcmul_(weight, above[_at(here)])
        return found, None, None


def _chunks(feature: Tensor) -> Iterator[slice]:
    pictures = max(1, CHUNK_VALUES // max(feature[0].numel(), 1)) if len(feature) else 1
    for start in range(0, len(feature), pictures):
        yield slice(start, start + pictures)


def _shifts(feature: Tensor, size: int, dilation: int) -> Iterator[tuple[int, Region, Region]]:
    """Number of each neighbour, the pixels that have it inside the picture, and where it is."""
    height, width = feature.shape[2:]
    reach = size // 2
    for number in range(size * size):
        down, across = (dilation * (number // size - reach), dilation * (number % size - reach))
        if abs(down) < height and abs(across) < width:
            here = (slice(max(0, -down), height - max(0, down)), slice(max(0, -across), width - max(0, across)))
            there = (slice(max(0, down), height - max(0, -down)), slice(max(0, across), width - max(0, -across)))
            yield number, here, there


def _at(region: Region) -> tuple[Any, ...]:
    return (..., *region)
