"""What a CT-Searcher network is: everything that decides its parameters' shapes and what they mean."""

from __future__ import annotations

from math import prod
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LUNG_WINDOW_HU = (-1150.0, 350.0)
SOFT_TISSUE_WINDOW_HU = (-160.0, 240.0)
MOST_CONSENSUS = 64


class SearcherSettings(BaseModel):
    """Architecture of one network; the defaults are the published constants (reference: CT-ScanGaze, 3.2).

    Attributes
    ----------
    grid_kji
        Cells along slices, rows and columns, over the whole volume in canonical orientation (`models.volumes`).
    max_steps
        Learned queries: the longest path.
    feature_channels
        Of each cell's features (768: Swin UNETR of feature size 48).
    encoder
        ``given``: features come from outside. ``small``: the network holds its own 3-D encoder, fed with the volume
        averaged to `input_shape_kji` in each of `windows_hu`.
    faithful
        The published computation with its defects: positional encoding overwritten at the start, class 0 = stop while
        token `cells` is the stop token, unscaled product, variance in place of sigma. Takes no other option.
    autoregressive
        Each step sees the places and durations before it; otherwise steps are drawn independently.
    offsets
        Predicts where within its cell a fixation lies; otherwise its centre.
    dwell_head
        Predicts each cell's share of the dwell beside the path (an auxiliary training target).
    readers, tasks
        Codes that the network can be told; empty: it is told none.
    temperature
        At which paths are sampled where nobody asks for another: below 1 each step stays nearer to the likeliest.
        Choose it on validation patients.
    consensus
        Samples that a predicted path is chosen from, as the one that agrees most with the others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    grid_kji: tuple[int, int, int] = (8, 8, 8)
    max_steps: int = Field(default=400, ge=1, le=4096)
    width: int = Field(default=768, ge=12, le=4096)
    heads: int = Field(default=8, ge=1)
    encoder_layers: int = Field(default=6, ge=0, le=24)
    decoder_layers: int = Field(default=6, ge=1, le=24)
    feed_forward: int = Field(default=768, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    feature_channels: int = Field(default=768, ge=1)
    encoder: Literal["given", "small"] = "given"
    input_shape_kji: tuple[int, int, int] = (96, 64, 64)
    windows_hu: tuple[tuple[float, float], ...] = (LUNG_WINDOW_HU, SOFT_TISSUE_WINDOW_HU)
    faithful: bool = False
    autoregressive: bool = False
    offsets: bool = False
    dwell_head: bool = False
    readers: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    temperature: float = Field(default=1.0, gt=0, le=10, allow_inf_nan=False)

    consensus: int = Field(default=1, ge=1, le=MOST_CONSENSUS)

    @model_validator(mode="after")
    def _fits(self) -> SearcherSettings:
        if self.width % 6 or self.width % self.heads:
            raise ValueError(
                f"width {self.width} must divide by 6 (sine and cosine on 3 axes) and by {self.heads} heads"
            )
        if min(self.grid_kji) < 1 or self.cells > 65536:
            raise ValueError(f"a grid of {self.grid_kji} cells")
        if self.encoder == "small" and any(n % g for n, g in zip(self.input_shape_kji, self.grid_kji, strict=True)):
            raise ValueError(f"the input {self.input_shape_kji} must divide by the grid {self.grid_kji}")
        if not self.windows_hu or any(not low < high for low, high in self.windows_hu):
            raise ValueError("each HU window needs a lower and a higher value")
        extras = self.autoregressive or self.offsets or self.dwell_head or self.readers or self.tasks
        if self.faithful and (extras or self.encoder == "small"):
            raise ValueError(
                "the faithful network has no autoregression, offsets, dwell head, readers, tasks or encoder"
            )
        if self.faithful and (self.temperature != 1 or self.consensus != 1):
            raise ValueError("the faithful network samples once, at temperature 1")
        if self.faithful and self.grid_kji != (8, 8, 8):
            raise ValueError("the faithful network has 8 x 8 x 8 cells")
        return self

    @property
    def cells(self) -> int:
        """Cells of the grid, without the stop."""
        return prod(self.grid_kji)
