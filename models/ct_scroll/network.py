"""CT-Scroll (MIDL 2025, arXiv 2503.20652): triplets of slices through a residual trunk, then through scrolling blocks.

Parameter names are the published ones (reference: CT-Scroll, A3), so that published checkpoints load without a change.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.ct_scroll.scrolling import ScrollingBlock
from models.ct_scroll.settings import SLICES_PER_TOKEN, ScrollSettings
from models.ct_scroll.trunk import FoldedTrunk, make_trunk
from models.errors import Cancelled

PIXELS_PER_CHUNK = 2 * 480 * 480
"""Of images that go through the trunk at a time in evaluation mode: their maps stay near the processor."""
PIXELS_PER_CHUNK_GPU = 40 * 480 * 480

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


class CtScroll(nn.Module):
    """Logits of findings from a volume as `models.ct_scroll.preprocessing` makes it.

    Parameters
    ----------
    settings
        What it is. The number of tokens is the volume's, not the settings'.
    """

    def __init__(self, settings: ScrollSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.embedding
        # Channels last in memory: a third less time on a CPU, the same numbers.
        self.features = make_trunk(settings.trunk_width)
        self.features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.projection_gap = nn.Sequential(
            nn.Linear(8 * settings.trunk_width, width), nn.ReLU(), nn.Dropout(settings.projection_dropout)
        )
        self.blocks = nn.ModuleList(
            ScrollingBlock(width, settings.heads, window, settings.attention_dropout, local=settings.local_attention)
            for window in settings.windows
        )
        self.layer_norm_out = nn.LayerNorm(width)
        self.classifier = nn.Sequential(
            nn.Linear(width, settings.classifier_width),
            nn.ReLU(),
            nn.Dropout(settings.classifier_dropout),
            nn.Linear(settings.classifier_width, len(settings.labels)),
        )

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, 1, S, L, P) prepared volumes to (B, labels) logits."""
        return self.logits(self.tokens(volumes))

    def tokens(self, volumes: Tensor, *, progress: Progress | None = None, cancelled: Stop | None = None) -> Tensor:
        """(B, 1, S, L, P) to (B, S / 3, embedding): each token sees three slices; token 0 is the caudal end.

        In evaluation mode without gradients the trunk takes few images at a time, so that memory does not grow with the
        volume; running statistics make that exact.

        Parameters
        ----------
        progress
            Called with images done and in all.
        cancelled
            Asked before each chunk.

        Raises
        ------
        ValueError
            When the number of slices does not divide by three.
        Cancelled
            `cancelled` said so.
        """
        batch, _, slices, rows, columns = volumes.shape
        if slices % SLICES_PER_TOKEN:
            raise ValueError(f"{slices} slices do not divide by {SLICES_PER_TOKEN}")
        images = volumes.reshape(-1, SLICES_PER_TOKEN, rows, columns)
        if self.training or torch.is_grad_enabled():
            pooled = self.features(images.contiguous(memory_format=torch.channels_last)).mean((2, 3))
        else:
            pooled = self._in_chunks(images, progress, cancelled)
        found: Tensor = self.projection_gap(pooled.view(batch, slices // SLICES_PER_TOKEN, -1))
        return found

    def scrolled(self, tokens: Tensor, keep: Tensor | None = None, kept: list[Tensor] | None = None) -> Tensor:
        """Tokens after all blocks, before the last normalisation; arguments as of `logits`."""
        seen = None
        if keep is not None:
            # A token that is left out looks at itself: a row of nothing would be no number.
            itself = torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
            seen = (keep[:, None, :] | itself)[:, None]
        for block in self.blocks:
            tokens = block(tokens, seen, kept)
        return tokens

    def logits(self, tokens: Tensor, keep: Tensor | None = None) -> Tensor:
        """(B, N, embedding) to (B, labels).

        Parameters
        ----------
        keep
            (B, N) bool: tokens that count; others are neither looked at nor averaged.
        """
        normed = self.layer_norm_out(self.scrolled(tokens, keep))
        if keep is None:
            mean = normed.mean(1)
        else:
            weights = keep.to(normed.dtype) / keep.sum(1, keepdim=True)
            mean = (normed * weights[..., None]).sum(1)
        found: Tensor = self.classifier(mean)
        return found

    def attention(self, tokens: Tensor) -> Tensor:
        """(blocks, parts, B, heads, N, N): how much each token takes from each, by block and part (`PARTS`)."""
        kept: list[Tensor] = []
        self.scrolled(tokens, kept=kept)
        parts = len(kept) // max(len(self.blocks), 1)
        return torch.stack(kept).unflatten(0, (len(self.blocks), parts))

    def _in_chunks(self, images: Tensor, progress: Progress | None, cancelled: Stop | None) -> Tensor:
        trunk = FoldedTrunk(self.features)
        pixels = PIXELS_PER_CHUNK if images.device.type == "cpu" else PIXELS_PER_CHUNK_GPU
        size = max(1, pixels // (images.shape[2] * images.shape[3]))
        pooled = []
        for start in range(0, len(images), size):
            if cancelled is not None and cancelled():
                raise Cancelled
            pooled.append(trunk(images[start : start + size]).mean((2, 3)))
            if progress is not None:
                progress(min(start + size, len(images)), len(images))
        return torch.cat(pooled)
