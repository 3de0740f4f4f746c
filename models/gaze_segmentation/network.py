"""The multi-level network: one U-Net and one classifier a level, with the published parameter names."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import cast

import torch
from monai.networks.nets.basic_unet import BasicUNet
from torch import Tensor, nn

from models.gaze_segmentation.propagation import propagated
from models.gaze_segmentation.settings import SegmentationSettings


class Level(nn.Module):
    """A U-Net that gives a feature for each pixel, and a 1 x 1 classifier.

    `head` is part of published weights and was never called; it takes no part here either and is not trained.
    """

    def __init__(self, settings: SegmentationSettings) -> None:
        super().__init__()
        width = settings.feature_channels
        with redirect_stdout(io.StringIO()):  # MONAI prints its features
            self.encoder = BasicUNet(
                spatial_dims=2,
                in_channels=settings.channels,
                out_channels=width,
                features=settings.features,
                norm=("group", {"num_groups": settings.groups}),
            )
        self.head = nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1))
        self.head.requires_grad_(requires_grad=False)
        self.classifier = nn.Conv2d(width, 1, 1)


@dataclass(frozen=True, eq=False)
class LevelLogits:
    """What the levels say of B pictures.

    Attributes
    ----------
    plain
        (levels, B, H, W) logits.
    propagated
        The same from propagated features; None where they were not asked for.
    """

    plain: Tensor
    propagated: Tensor | None = None


class GazeSegmenter(nn.Module):
    """Several levels side by side: each learns from its own threshold of the same map of gaze.

    Parameters
    ----------
    settings
        Sizes; `faithful` starts every level as a copy of the first, else each has its own beginning.
    """

    def __init__(self, settings: SegmentationSettings) -> None:
        super().__init__()
        self.settings = settings
        self.model = nn.ModuleList(self._made())

    def forward(self, pictures: Tensor, *, propagate: bool = False) -> LevelLogits:
        """Logits of each level.

        Parameters
        ----------
        pictures
            (B, channels, H, W), normalised; sides of 32 pixels or more.
        propagate
            Also from propagated features, for the consistency between levels; never needed to predict.
        """
        plain, from_propagated = [], []
        for level in cast("Iterator[Level]", iter(self.model)):
            feature = level.encoder(pictures)
            plain.append(level.classifier(feature)[:, 0])
            if propagate:
                from_propagated.append(level.classifier(propagated(feature))[:, 0])
        return LevelLogits(torch.stack(plain), torch.stack(from_propagated) if propagate else None)

    def _made(self) -> Iterator[Level]:
        first = Level(self.settings)
        yield first
        for _ in range(self.settings.levels - 1):
            yield copy.deepcopy(first) if self.settings.faithful else Level(self.settings)
