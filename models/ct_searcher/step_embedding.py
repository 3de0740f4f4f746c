"""How a step sees the one before it: its content, its place and move, its duration; and where moves tend to go.

The published decoder is told nothing of what it sampled (reference: CT-ScanGaze, 3.5), so that it cannot scroll.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.ct_searcher.positions import place_waves

PLACE_CYCLES = 32.0
"""Of the fastest wave over a volume: tells apart places within a cell of up to 16 cells an axis."""
DURATION_RANGE_S = (0.01, 60.0)
"""Beyond, a duration is fed back as the nearest of these."""


class StepEmbedding(nn.Module):
    """Embeds each step's fixation for the step after it.

    Parameters
    ----------
    grid_kji
        Cells along k, j, i.
    width
        Of the network; divides by 6.
    """

    def __init__(self, grid_kji: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.width = width
        self.start = nn.Parameter(torch.empty(1, 1, width))
        self.content = nn.Linear(width, width)
        self.place = nn.Linear(width + 3 + 1, width)
        nn.init.normal_(self.start, std=0.02)
        self.grid_kji = grid_kji

    def forward(self, content: Tensor, places_kji: Tensor, before_kji: Tensor, duration_s: Tensor) -> Tensor:
        """Embedding of fixations.

        Parameters
        ----------
        content
            (B, T, width) encoded token at each fixation's cell.
        places_kji, before_kji
            (B, T, 3) shares of the volume, of the fixation and of the one before it.
        duration_s
            (B, T).

        Returns
        -------
        Tensor
            (B, T, width).
        """
        cells_moved = (places_kji - before_kji) * torch.tensor(self.grid_kji, device=places_kji.device)
        move = cells_moved.sign() * cells_moved.abs().log1p()
        log_duration = duration_s.clamp(*DURATION_RANGE_S).log()
        where = place_waves(places_kji, self.width, most_cycles=PLACE_CYCLES)
        return self.content(content) + self.place(torch.cat([where, move, log_duration[..., None]], dim=-1))


class MoveLogits(nn.Module):
    """Scores of cells by how far they lie from the previous fixation's cell, along each axis, given the state.

    Starts at 0, and adds nothing at a path's first step.

    Parameters
    ----------
    grid_kji
        Cells along k, j, i.
    width
        Of the network.
    """

    def __init__(self, grid_kji: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.grid_kji = grid_kji
        self.axes = nn.ModuleList()
        for cells in grid_kji:
            axis = nn.Linear(width, 2 * cells - 1)
            nn.init.zeros_(axis.weight)
            nn.init.zeros_(axis.bias)
            self.axes.append(axis)

    def forward(self, states: Tensor, previous_kji: Tensor, is_first: Tensor) -> Tensor:
        """Scores to add to the logits of the cells.

        Parameters
        ----------
        states
            (B, T, width).
        previous_kji
            (B, T, 3) int64 cell of the step before.
        is_first
            (T,) bool.

        Returns
        -------
        Tensor
            (B, T, cells).
        """
        along = []
        for axis, cells, previous in zip(self.axes, self.grid_kji, previous_kji.unbind(-1), strict=True):
            moves = torch.arange(cells, device=states.device) - previous[..., None] + cells - 1
            along.append(axis(states).gather(-1, moves))
        k, j, i = along
        scores = k[..., :, None, None] + j[..., None, :, None] + i[..., None, None, :]
        return scores.flatten(-3).masked_fill(is_first[:, None], 0.0)
