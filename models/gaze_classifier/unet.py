"""The U-Net of the static experiment: findings and the map of a reader's gaze from a picture (reference: C10)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.efficientnet import EfficientNetBNFeatures
from monai.networks.nets.flexible_unet import UNetDecoder
from torch import Tensor, nn

from models.gaze_classifier.image_cnn import Frames, Outputs, ThreeChannels
from models.gaze_classifier.settings import GazeClassifierSettings

EFFICIENTNET_CHANNELS = (16, 24, 40, 112, 320)
"""After each halving of EfficientNet-b0."""
UNUSED = ("_conv_head", "_conv_head_padding", "_bn1", "_avg_pooling", "_dropout", "_fc")
"""Parts of EfficientNet behind its last block."""


class SmallEncoder(nn.Module):
    """Two convolutions a stage, each stage half as large as the one before."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        before = (3, *channels[:-1])
        self.stages = nn.ModuleList(_stage(ins, outs) for ins, outs in zip(before, channels, strict=True))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Features after each stage of (B, 3, size, size)."""
        found = []
        for stage in self.stages:
            pictures = stage(pictures)
            found.append(pictures)
        return found


class GazeUnet(nn.Module):
    """Encoder with a head for the findings and, for ``static``, a decoder for the gaze map."""

    def __init__(self, settings: GazeClassifierSettings) -> None:
        super().__init__()
        self.settings = settings
        self.normalise = ThreeChannels()
        small = settings.encoder == "small"
        channels = settings.encoder_channels if small else EFFICIENTNET_CHANNELS
        self.encoder: nn.Module = SmallEncoder(channels) if small else _efficientnet()
        self.head = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(channels[-1], len(settings.labels)))
        self.decoder: nn.Module | None = None
        if settings.kind == "static":
            self.decoder = UNetDecoder(
                spatial_dims=2, encoder_channels=(3, *channels), decoder_channels=settings.decoder_channels,
                act=("relu", {"inplace": True}), norm=("batch", {"eps": 1e-3, "momentum": 0.1}), dropout=0.0,
                bias=False, upsample="nontrainable", pre_conv="default", interp_mode="nearest", align_corners=None,
                is_pad=False,
            )  # fmt: skip
            self.map_head = nn.Conv2d(settings.decoder_channels[-1], 1, 3, padding=1)

    def features(self, pictures: Tensor) -> list[Tensor]:
        """After each stage of (B, 1, size, size) pictures of 0 to 1; the last is what Grad-CAM weighs."""
        found: list[Tensor] = self.encoder(self.normalise(pictures))
        return found

    def findings(self, last: Tensor) -> Tensor:
        """(B, labels) logits from the last features."""
        logits: Tensor = self.head(last.mean(dim=(2, 3)))
        return logits

    def forward(self, pictures: Tensor, frames: Frames | None = None) -> Outputs:
        """Findings and gaze map; a reader's gaze is not looked at."""
        features = self.features(pictures)
        logits = self.findings(features[-1])
        if self.decoder is None:
            return Outputs(logits)
        decoded = self.decoder(features, skip_connect=len(features) - 1)
        return Outputs(logits, map_logits=self.map_head(decoded))


def grad_cam(network: GazeUnet, pictures: Tensor, label: Tensor) -> Tensor:
    """(B, h, w) of the last features: where the picture speaks for one label, 0 to 1 (Selvaraju et al. 2017).

    The gradient is taken of the features themselves, without hooks; a map without a positive place is 0 throughout
    (the published division by its range makes it no number).

    Parameters
    ----------
    label
        (B,) int64, which output.
    """
    with torch.enable_grad():
        last = network.features(pictures)[-1]
        if not last.requires_grad:
            last = last.detach().requires_grad_()
        chosen = network.findings(last).gather(1, label[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, last)
    weighted = (gradient.mean(dim=(2, 3), keepdim=True) * last.detach()).sum(dim=1).relu()
    largest = weighted.amax(dim=(1, 2), keepdim=True)
    return weighted / torch.where(largest > 0, largest, torch.ones_like(largest))


def _efficientnet() -> nn.Module:
    encoder = EfficientNetBNFeatures("efficientnet-b0", pretrained=False, spatial_dims=2, in_channels=3, num_classes=1)
    for name in UNUSED:
        if hasattr(encoder, name):
            delattr(encoder, name)
    return encoder


def _stage(ins: int, outs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(ins, outs, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outs),
        nn.ReLU(),
        nn.Conv2d(outs, outs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outs),
        nn.ReLU(),
    )
