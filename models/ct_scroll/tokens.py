"""Where each token of three slices lies: in the slices as they are stored, and in millimetres."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.ct_scroll.resampling import AxisGrid
from models.ct_scroll.settings import SLICES_PER_TOKEN, ScrollSettings
from models.volumes import CanonicalFrame, CtVolume

Floats = NDArray[np.float64]
CAUDAL_CRANIAL, RIGHT_LEFT, ANTERIOR_POSTERIOR = 2, 0, 1
"""Canonical axis (0: i, 1: j, 2: k) of each axis of the input; the first runs against it."""


@dataclass(frozen=True, eq=False)
class TokenMap:
    """Tokens (caudal to cranial) and what of a stored volume each of them saw.

    Attributes
    ----------
    shares_tk
        (tokens, stored slices) share of each slice in what a token saw; rows sum to 1, or to 0 where it saw padding
        alone.
    centre_lps_mm
        (tokens, 3) middle of each token's slab, also of padding.
    """

    shares_tk: NDArray[np.float32] = field(repr=False)
    centre_lps_mm: Floats = field(repr=False)

    @property
    def seen_k(self) -> NDArray[np.bool_]:
        """(stored slices,) that some token saw."""
        return np.asarray(self.shares_tk.sum(axis=0) > 0)

    def spread(self, contribution_lt: NDArray[np.float32]) -> NDArray[np.float32]:
        """(labels, tokens) evenly over the slices that each token saw: (labels, stored slices)."""
        return (contribution_lt @ self.shares_tk).astype(np.float32)


def slp_view(volume: CtVolume, frame: CanonicalFrame) -> NDArray[np.generic]:
    """A view of the voxels with the axes caudal to cranial, right to left, anterior to posterior."""
    return frame.reorient(volume.hu_kji).transpose(0, 2, 1)[::-1]


def slp_grids(frame: CanonicalFrame, settings: ScrollSettings) -> tuple[AxisGrid, AxisGrid, AxisGrid]:
    """The grid of the input along each of its axes."""
    slices, rows, columns = frame.canonical_shape_kji
    spacing = frame.spacing_ijk_mm
    found = [
        AxisGrid.of(before, spacing[axis], after, after_mm)
        for before, axis, after, after_mm in zip(
            (slices, columns, rows),
            (CAUDAL_CRANIAL, RIGHT_LEFT, ANTERIOR_POSTERIOR),
            settings.input_shape_slp,
            settings.spacing_slp_mm,
            strict=True,
        )
    ]
    return found[0], found[1], found[2]


def token_map(volume: CtVolume, settings: ScrollSettings) -> TokenMap:
    """The map of a volume, from its shape and affine alone."""
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    grids = slp_grids(frame, settings)
    edges = grids[0].places(np.arange(settings.tokens + 1, dtype=np.float64) * SLICES_PER_TOKEN - 0.5)
    inside = grids[0].places(np.array([grids[0].inside.start - 0.5, grids[0].inside.stop - 0.5]))
    slabs = np.clip(edges, *inside)
    slices = frame.canonical_shape_kji[0]
    overlap = _overlap(slabs, slices)
    overlap[overlap < 1e-6] = 0.0
    if frame.axes[2] == 2:
        # Caudal first is against the canonical direction.
        stored = overlap if frame.flipped[2] else overlap[:, ::-1]
    else:
        stored = np.asarray(overlap.sum(axis=1, keepdims=True) > 0) * _across(frame, grids)[None, :]
    total = stored.sum(axis=1, keepdims=True)
    shares = np.divide(stored, total, out=np.zeros_like(stored), where=total > 0)
    middle = (edges[:-1] + edges[1:]) / 2
    # Along the other two axes the input's middle is the volume's.
    at = np.full((settings.tokens, 3), 0.5)
    at[:, 2] = 1.0 - (middle + 0.5) / slices
    voxel = frame.to_voxels(at)
    centre_lps_mm = voxel @ volume.affine_lps[:3, :3].T + volume.affine_lps[:3, 3]
    return TokenMap(np.ascontiguousarray(shares, dtype=np.float32), centre_lps_mm)


def _across(frame: CanonicalFrame, grids: tuple[AxisGrid, AxisGrid, AxisGrid]) -> Floats:
    """How much of each stored slice lies in the input, where slices are not stored along the body."""
    canonical = frame.axes.index(2)
    grid = grids[1] if canonical == RIGHT_LEFT else grids[2]
    edges = grid.places(np.array([grid.inside.start - 0.5, grid.inside.stop - 0.5]))
    found = _overlap(edges, grid.before)[0]
    return found[::-1] if frame.flipped[canonical] else found


def _overlap(edges: Floats, count: int) -> Floats:
    """(len(edges) - 1, count) length of each place between two edges that follow each other."""
    place = np.arange(count)
    low = np.maximum(edges[:-1, None], place - 0.5)
    high = np.minimum(edges[1:, None], place + 0.5)
    return np.clip(high - low, 0.0, None)
