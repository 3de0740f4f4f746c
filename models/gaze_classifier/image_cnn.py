"""The published image CNN and the networks of the temporal experiment (reference: chest X-ray study, C9)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.errors import ModelError
from models.gaze_classifier.settings import GazeClassifierSettings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_SD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Frames:
    """Heat maps of B readings.

    Attributes
    ----------
    maps
        (N, 1, size, size) 0 to 1, reading after reading, each in time order.
    counts
        (B,) int64 on the CPU, frames of each reading; they sum to N.
    """

    maps: Tensor
    counts: Tensor

    def to(self, device: torch.device) -> Frames:
        """The same on a device; counts stay on the CPU, where packing wants them."""
        return Frames(self.maps.to(device), self.counts)


@dataclass(frozen=True)
class Outputs:
    """What a network says of B pictures.

    Attributes
    ----------
    logits
        (B, labels).
    map_logits
        (B, 1, size, size) of the predicted gaze, or None.
    attention
        (B, T) weight of each frame, 0 for padded ones; None without gaze.
    """

    logits: Tensor
    map_logits: Tensor | None = None
    attention: Tensor | None = None


class ThreeChannels(nn.Module):
    """A grey picture of 0 to 1 three times, with the mean and deviation of ImageNet's channels."""

    mean: Tensor
    sd: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("sd", torch.tensor(IMAGENET_SD).view(1, 3, 1, 1), persistent=False)

    def forward(self, grey: Tensor) -> Tensor:
        """(B, 1, J, I) to (B, 3, J, I)."""
        return (grey - self.mean) / self.sd


class XRayNet(nn.Sequential):
    """One wide convolution and two linear layers; (B, 3, size, size) to (B, embedding)."""

    def __init__(self, settings: GazeClassifierSettings) -> None:
        channels, hidden = settings.channels, settings.hidden
        super().__init__(
            nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(channels),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Flatten(),
            nn.Linear(channels * (settings.size_px // 4) ** 2, hidden),
            nn.ReLU(),
            nn.BatchNorm1d(hidden, momentum=0.01),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(hidden, settings.embedding),
        )


class ImageClassifier(nn.Module):
    """The baseline: the image CNN and a linear layer."""

    def __init__(self, settings: GazeClassifierSettings) -> None:
        super().__init__()
        self.settings = settings
        self.normalise = ThreeChannels()
        self.image = XRayNet(settings)
        self.head = nn.Linear(settings.embedding, len(settings.labels))

    def forward(self, pictures: Tensor, frames: Frames | None = None) -> Outputs:
        """Findings of (B, 1, size, size) pictures of 0 to 1; gaze is not looked at."""
        return Outputs(self.head(self.image(self.normalise(pictures))))


class TemporalClassifier(nn.Module):
    """The image CNN beside a reader's gaze: a second one for each heat map, BiLSTM, attention over the frames.

    Corrected against the published code: padded frames never enter a normalisation, the recurrent layer or the
    attention, and the query's halves stand in the order of the outputs. `settings.faithful` has it as published, so
    that what it says of a picture depends on how long the other readings of its batch are.
    """

    def __init__(self, settings: GazeClassifierSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.embedding
        self.normalise = ThreeChannels()
        self.image = XRayNet(settings)
        self.frame = XRayNet(settings)
        self.recurrent = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.summary = nn.Linear(2 * width, width)
        self.head = nn.Linear(2 * width, len(settings.labels))

    def forward(self, pictures: Tensor, frames: Frames | None = None) -> Outputs:
        """Findings of (B, 1, size, size) pictures of 0 to 1.

        Raises
        ------
        ModelError
            A reading without a frame, for a network that refuses it.
        """
        count = len(pictures)
        counts = torch.zeros(count, dtype=torch.int64) if frames is None else frames.counts
        if self.settings.without_gaze == "refuse" and not bool((counts > 0).all()):
            raise ModelError("this model needs a reader's gaze on the picture", remedy="give it fixations")
        gaze = pictures.new_zeros(count, self.settings.embedding)
        attention = None
        if frames is not None and bool((counts > 0).any()):
            seen = torch.nonzero(counts > 0)[:, 0].to(pictures.device)
            found, weights = self._read(frames.maps, counts[counts > 0])
            gaze = gaze.to(found.dtype).index_copy(0, seen, found)
            attention = weights.new_zeros(count, weights.shape[1]).index_copy(0, seen, weights)
        image = self.image(self.normalise(pictures))
        return Outputs(self.head(torch.cat([gaze, image], dim=1)), attention=attention)

    def _read(self, maps: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """(B, embedding) of readings that have frames, and (B, T) how much each frame counted."""
        longest = int(counts.max())
        real = torch.arange(longest)[None] < counts[:, None]
        real = real.to(maps.device)
        if self.settings.faithful:
            padded = maps.new_zeros(len(counts), longest, 3, *maps.shape[2:])
            padded[real] = self.normalise(maps)
            steps = self.frame(padded.flatten(0, 1)).view(len(counts), longest, -1)
            outputs, (last, _) = self.recurrent(steps)
            query, real = torch.cat([last[1], last[0]], dim=1), torch.ones_like(real)
        else:
            found = self.frame(self.normalise(maps))
            steps = found.new_zeros(len(counts), longest, found.shape[1])
            steps[real] = found
            packed = pack_padded_sequence(steps, counts, batch_first=True, enforce_sorted=False)
            packed_outputs, (last, _) = self.recurrent(packed)
            outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=longest)
            query = torch.cat([last[0], last[1]], dim=1)
        scores = (outputs @ query[:, :, None])[:, :, 0] / math.sqrt(self.settings.embedding)
        weights = scores.masked_fill(~real, -torch.inf).softmax(dim=1)
        return self.summary((weights[:, None] @ outputs)[:, 0]), weights
