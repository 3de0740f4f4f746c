"""Batches of pictures with what the network is shown or taught of gaze, and their changes while training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample
from torch.utils.data import DataLoader

from models.gaze_classifier.config import AugmentationTable
from models.gaze_classifier.gaze_frames import gaze_frames, gaze_map
from models.gaze_classifier.image_cnn import Frames
from models.gaze_classifier.prepared_pictures import PreparedPicture
from models.gaze_classifier.settings import GazeClassifierSettings
from models.training.sampling import ShuffledSampler


@dataclass(frozen=True)
class Batch:
    """B pictures.

    Attributes
    ----------
    pictures
        (B, 1, size, size) 0 to 1.
    labels
        (B, labels) 1 or 0.
    frames
        For the temporal network.
    maps
        (B, 1, size, size) readers' gaze, 0 to 1, for the static one; 0 throughout where nobody looked.
    looked_at
        (B,) bool: pictures that somebody looked at.
    """

    pictures: Tensor
    labels: Tensor
    frames: Frames | None
    maps: Tensor | None
    looked_at: Tensor

    def to(self, device: torch.device, **how: Any) -> Batch:
        """The same on a device."""
        return Batch(
            self.pictures.to(device, **how),
            self.labels.to(device, **how),
            None if self.frames is None else self.frames.to(device),
            None if self.maps is None else self.maps.to(device, **how),
            self.looked_at.to(device, **how),
        )


def loader(
    pictures: Sequence[PreparedPicture],
    settings: GazeClassifierSettings,
    *,
    cases_per_batch: int,
    shuffle_seed: int | None = None,
) -> DataLoader[PreparedPicture]:
    """Batches in the given order, or (with a seed) shuffled anew every epoch.

    A last training batch of one picture is left out: a batch norm learns nothing from it.
    """
    one_left = shuffle_seed is not None and len(pictures) % cases_per_batch == 1
    return DataLoader(
        list(pictures),  # type: ignore[arg-type]
        batch_size=cases_per_batch,
        sampler=None if shuffle_seed is None else ShuffledSampler(len(pictures), shuffle_seed),
        collate_fn=partial(batch_of, settings=settings),
        drop_last=one_left,
    )


def batch_of(pictures: Sequence[PreparedPicture], settings: GazeClassifierSettings) -> Batch:
    """Pictures, and gaze in the form that this kind of network is given."""
    size = settings.size_px
    frames = maps = None
    if settings.kind == "temporal":
        readings = [
            np.zeros((0, size, size), dtype=np.float32)
            if one.fixations is None
            else gaze_frames(one.fixations, size, most_frames=settings.most_frames, weighting=settings.weighting)
            for one in pictures
        ]
        counts = torch.tensor([len(one) for one in readings])
        frames = Frames(torch.from_numpy(np.concatenate(readings))[:, None], counts)
    if settings.kind == "static":
        empty = np.zeros((size, size), dtype=np.float32)
        seen = [
            empty if one.fixations is None else gaze_map(one.fixations, size, weighting=settings.weighting)
            for one in pictures
        ]
        maps = torch.from_numpy(np.stack(seen))[:, None]
    return Batch(
        torch.from_numpy(np.stack([one.pixels for one in pictures]))[:, None],
        torch.from_numpy(np.stack([one.labels for one in pictures])),
        frames,
        maps,
        torch.tensor([one.fixations is not None for one in pictures]),
    )


def augmented(batch: Batch, table: AugmentationTable) -> Batch:
    """Each picture and its gaze shifted and scaled alike, the picture also in contrast, brightness and noise; what
    comes in from beyond an edge repeats the edge, without gaze."""
    pictures, frames, maps = batch.pictures, batch.frames, batch.maps
    if table.shift or table.scale:
        theta = _drawn_maps(len(pictures), table, pictures.device)
        pictures = _moved(pictures, theta, "border")
        maps = None if maps is None else _moved(maps, theta, "zeros")
        if frames is not None:
            of_frame = theta.repeat_interleave(frames.counts.to(theta.device), dim=0)
            frames = Frames(_moved(frames.maps, of_frame, "zeros"), frames.counts)
    if table.contrast:
        factor, offset = (_uniform(len(pictures), table.contrast, pictures.device) for _ in range(2))
        pictures = (pictures - 0.5) * (1 + factor) + 0.5 + offset
    if table.noise:
        pictures = pictures + table.noise * torch.randn_like(pictures)
    return replace(batch, pictures=pictures.clamp(0, 1), frames=frames, maps=maps)


def with_dropped_gaze(batch: Batch, share: float) -> Batch:
    """The frames of a drawn share of the pictures taken away."""
    if not share or batch.frames is None:
        return batch
    kept = torch.rand(len(batch.pictures)) >= share
    of_frame = kept.repeat_interleave(batch.frames.counts)
    maps = batch.frames.maps[of_frame.to(batch.frames.maps.device)]
    return replace(batch, frames=Frames(maps, batch.frames.counts * kept))


def _drawn_maps(count: int, table: AugmentationTable, device: torch.device) -> Tensor:
    """(count, 2, 3) from a new place to the old one, both -1 to 1 across the picture."""
    factor = 1 + _uniform(count, table.scale, device)[:, 0, 0, 0]
    # A shift is a share of the side, which is 2 long.
    shift = 2 * table.shift * (2 * torch.rand(count, 2, device=device) - 1)
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / factor
    theta[:, :, 2] = shift
    return theta


def _moved(pictures: Tensor, theta: Tensor, beyond: str) -> Tensor:
    if not len(pictures):
        return pictures
    grid = affine_grid(theta, list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, padding_mode=beyond, align_corners=False)


def _uniform(count: int, largest: float, device: torch.device) -> Tensor:
    """(count, 1, 1, 1) between -largest and largest."""
    return largest * (2 * torch.rand(count, 1, 1, 1, device=device) - 1)
