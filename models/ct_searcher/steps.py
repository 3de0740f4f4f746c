"""What goes into and comes out of the network, step by step along a path."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Encoded:
    """A volume as the decoder sees it; rows are cases, or paths of cases.

    Attributes
    ----------
    keys
        (B, cells + 1, d) encoded tokens, the stop token last: what places are scored with.
    memory
        (B, cells + 1, d) the same with the positional encoding added again: what the decoder attends to.
    told
        (B, d) what the decoder is told about reader and task; None for a network that takes neither.
    """

    keys: Tensor
    memory: Tensor
    told: Tensor | None = None

    def float(self) -> Encoded:
        """In float32, as paths are sampled."""
        return Encoded(self.keys.float(), self.memory.float(), None if self.told is None else self.told.float())

    def take(self, rows: Tensor) -> Encoded:
        """These rows, repeated as asked: several paths of one case share one encoding of the volume.

        Parameters
        ----------
        rows
            (R,) int64.
        """
        return Encoded(
            self.keys.index_select(0, rows),
            self.memory.index_select(0, rows),
            None if self.told is None else self.told.index_select(0, rows),
        )


@dataclass
class Steps:
    """Paths, for teacher forcing and as targets. After the end of a path any class index may stand.

    Attributes
    ----------
    cells
        (B, T) int64 class indices, the stop included.
    offset_kji
        (B, T, 3) float32 place within the cell, -0.5..0.5 of a cell, 0 its centre.
    duration_s
        (B, T) float32.
    """

    cells: Tensor
    offset_kji: Tensor
    duration_s: Tensor


@dataclass
class StepOutputs:
    """Distributions of every step.

    Attributes
    ----------
    logits
        (B, T, cells + 1).
    duration_mu, duration_log_variance
        (B, T) of the logarithm of the duration in seconds; the variance is clamped, except in the faithful network.
    offset_mean, offset_log_sd
        (B, T, 3) in cells along k, j, i, given the cell of the same step; None without an offset head.
    faithful
        From the published computation: its loss is the published one.
    """

    logits: Tensor
    duration_mu: Tensor
    duration_log_variance: Tensor
    offset_mean: Tensor | None = None
    offset_log_sd: Tensor | None = None
    faithful: bool = False
