"""Attention over the tokens of a volume: all to all, then from each to those just below and just above it."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional


@lru_cache(maxsize=64)
def local_masks(tokens: int, window: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which token (row) sees which (column), made once for each size and device.

    Tokens run from caudal to cranial.

    Parameters
    ----------
    window
        Tokens that each sees, itself included.

    Returns
    -------
    tuple of Tensor
        (tokens, tokens) bool, True where it sees: those at and below it, those at and above it.
    """
    # An inference tensor could not serve training later.
    with torch.inference_mode(False):
        place = torch.arange(tokens, device=device)
        above = place[:, None] - place[None, :]
        return (above >= 0) & (above < window), (above <= 0) & (above > -window)


class Attention(nn.Module):
    """Multi-head attention of tokens among themselves, under the parameter names of `nn.MultiheadAttention`."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """(B, N, width) to the same; `mask` broadcasts to (B, heads, N, N), True where a row sees a column."""
        query, key, value = self._split(tokens)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        return self._joined(mixed)

    def with_weights(self, tokens: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """As `forward` without dropout, and (B, heads, N, N) how much each token takes from each; rows sum to 1."""
        query, key, value = self._split(tokens)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        weights = scores.softmax(-1)
        return self._joined(weights @ value), weights

    def _split(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, count, width = tokens.shape
        every = functional.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        split = every.view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        return split[0], split[1], split[2]

    def _joined(self, mixed: Tensor) -> Tensor:
        found: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return found


class GatedUnit(nn.Module):
    """One layer whose one half gates the other: h * GELU(gate), without a layer after it (A2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(width, 2 * width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, width) to the same."""
        value, gate = self.gated_layers(tokens).chunk(2, dim=-1)
        return value * functional.gelu(gate)


class FeedForward(nn.Module):
    """A gated unit under the name that published checkpoints give it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = GatedUnit(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, width) to the same."""
        found: Tensor = self.mlp(tokens)
        return found


class AttentionBlock(nn.Module):
    """x + attention(norm(x)), then x + gated(norm(x)).

    Parameters
    ----------
    norms
        Names of the two normalisations: published checkpoints do not call them the same everywhere (A3).
    """

    def __init__(
        self, width: int, heads: int, dropout: float, norms: tuple[str, str] = ("norm_in", "norm_out")
    ) -> None:
        super().__init__()
        self._norms = norms
        for name in norms:
            self.add_module(name, nn.LayerNorm(width))
        self.attention = Attention(width, heads, dropout)
        self.mlp = FeedForward(width)

    def forward(self, tokens: Tensor, mask: Tensor | None, kept: list[Tensor] | None = None) -> Tensor:
        """(B, N, width) to the same; the attention's weights are added to `kept` where it is a list."""
        before, between = (self.get_submodule(name) for name in self._norms)
        if kept is None:
            tokens = tokens + self.attention(before(tokens), mask)
        else:
            mixed, weights = self.attention.with_weights(before(tokens), mask)
            tokens = tokens + mixed
            kept.append(weights)
        found: Tensor = tokens + self.mlp(between(tokens))
        return found


PARTS = ("global", "caudal to cranial", "cranial to caudal")
"""What the parts of a block are called for people, in order."""


class ScrollingBlock(nn.Module):
    """All tokens at once, then those at and below each, then those at and above it.

    Parameters
    ----------
    window
        Tokens along each local direction, itself included.
    local
        False leaves the two local parts out.
    """

    def __init__(self, width: int, heads: int, window: int, dropout: float, *, local: bool) -> None:
        super().__init__()
        self.window = window
        self.global_block = AttentionBlock(width, heads, dropout)
        self.caudal_cranial_block: AttentionBlock | None = None
        self.cranial_caudal_block: AttentionBlock | None = None
        if local:
            self.caudal_cranial_block = AttentionBlock(width, heads, dropout)
            self.cranial_caudal_block = AttentionBlock(width, heads, dropout, ("norm1", "norm2"))

    def forward(self, tokens: Tensor, seen: Tensor | None, kept: list[Tensor] | None = None) -> Tensor:
        """(B, N, width) to the same.

        Parameters
        ----------
        seen
            (B, 1, N, N) bool, True where a token may look at another, or None for all.
        kept
            Takes the weights of each part.
        """
        tokens = self.global_block(tokens, seen, kept)
        if self.caudal_cranial_block is None or self.cranial_caudal_block is None:
            return tokens
        below, above = local_masks(tokens.shape[1], self.window, tokens.device)
        tokens = self.caudal_cranial_block(tokens, below if seen is None else below & seen, kept)
        found: Tensor = self.cranial_caudal_block(tokens, above if seen is None else above & seen, kept)
        return found
