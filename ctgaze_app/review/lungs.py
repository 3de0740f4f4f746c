"""Lungs and body of a chest CT, found by threshold and morphology (scipy.ndimage), with how far to trust them.

The masks are what coverage needs: the lungs with their vessels and nodules, without the trachea, the bowel and the air
around the patient. They are no segmentation for diagnosis: consolidation and effusion at the pleura are missed, and a
nodule on the pleura may lie only in part inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import CTGazeError
from ctgaze_app.review.lung_morphology import AIR_BELOW_HU, airway_mask, body_mask, closed, holds_lung, lung_pieces

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

WORKING_MM = 2.0
"""Voxels of the working grid; the outline is then set again on the full one."""
PLAUSIBLE_L = (0.8, 9.0)
"""Both lungs of an adult, from supine expiration to full inspiration."""
PLAUSIBLE_MEAN_HU = (-930.0, -500.0)
EVEN_FRACTION = 0.4
"""Smallest plausible share of the larger lung's volume; a healthy left lung has some 0.85 of the right (ours)."""


class LungsError(CTGazeError):
    """Lungs cannot be found in a volume."""


@dataclass(frozen=True, eq=False)
class Lungs:
    """Masks [k, j, i] of a chest CT.

    Attributes
    ----------
    mask
        Both lungs with vessels and nodules.
    left, right
        The patient's left and right lung; None when the two could not be told apart.
    body
        The patient without table and surrounding air, lungs included.
    litres, left_litres, right_litres
        Volume through each slice's own distance; NaN for a lung that is not told apart.
    mean_hu
        Mean of the mask.
    plausible
        Whether volume, density and the share of both lungs are those of an adult's whole lungs.
    remarks
        Why not, in plain words; empty when plausible.
    """

    mask: Flags = field(repr=False)
    left: Flags | None = field(repr=False)
    right: Flags | None = field(repr=False)
    body: Flags = field(repr=False)
    litres: float
    left_litres: float
    right_litres: float
    mean_hu: float
    plausible: bool
    remarks: tuple[str, ...]


def find_lungs(volume: Volume) -> Lungs:
    """Lungs and body of an axial chest CT.

    Threshold at `AIR_BELOW_HU` inside the body, on a grid of about `WORKING_MM`; the trachea and main bronchi taken
    out by region growing from the top; of what is left the largest pieces kept, parted where left and right touch;
    vessels filled by closing; at last the outline set on the full grid by the threshold. Padding is never body.

    Raises
    ------
    LungsError
        When the volume is not in HU, not a stack of axial slices, or holds no lungs.
    """
    if volume.units != "HU":
        raise LungsError("lungs are found by their HU, and this series is not in HU", remedy="give an organ mask")
    if volume.plane != 0 or len(volume.voxels) < 3:
        raise LungsError("lungs are found on stacks of axial slices only", remedy="give an organ mask")
    steps, hu, valid, spacing_mm = _working_grid(volume)
    body = body_mask(hu, valid)
    walled = body_mask(hu, valid, cut_at_sides=True)
    cut_at_sides = holds_lung(walled & ~body & (hu < AIR_BELOW_HU), hu, spacing_mm)
    body = walled if cut_at_sides else body
    air = body & (hu < AIR_BELOW_HU)
    airways = airway_mask(hu, air, spacing_mm)
    pieces = lung_pieces(air & ~airways, hu, spacing_mm)
    if pieces is None:
        raise LungsError("no lungs were found in this series", remedy="choose a chest CT or give an organ mask")
    within = body & ~airways
    first, second = (closed(piece, spacing_mm) & within for piece in pieces)
    second = np.asarray(second & ~first)
    airy = pieces[0] | pieces[1]
    full = [_on_full_grid(piece, airy, airways, volume, steps) for piece in (first, second)]
    full[1] &= ~full[0]
    left: Flags | None = None
    right: Flags | None = None
    if second.any():
        left, right = _by_side(full[0], full[1], volume)
    mask = full[0] | full[1]
    body_full = _repeated(body, steps, volume.shape_kji)
    if volume.padding is not None:
        body_full &= ~volume.padding
    np.logical_or(body_full, mask, out=body_full)
    litres_of_slice = _litres_of_slice(volume)

    def litres(part: Flags | None) -> float:
        return float("nan") if part is None else float(part.sum(axis=(1, 2)) @ litres_of_slice)

    figures = litres(mask), litres(left), litres(right)
    mean_hu = float(volume.voxels[mask].mean()) if mask.any() else float("nan")
    remarks = _remarks(*figures, mean_hu, mask)
    if cut_at_sides:
        remarks += ("the lungs are cut off at the sides of the field of view",)
    return Lungs(mask, left, right, body_full, *figures, mean_hu, not remarks, remarks)


def _working_grid(volume: Volume) -> tuple[tuple[int, int, int], NDArray[np.float32], Flags, Floats]:
    """Step per axis, mean HU over each block, whether it is image and not padding, and its size in mm."""
    spacing = np.array([_slice_distances_mm(volume).mean(), *volume.pixel_spacing_ij_mm[::-1]])
    k, j, i = (max(1, round(WORKING_MM / each)) if each > 0 else 1 for each in spacing)
    rows, columns = (size - size % step for size, step in zip(volume.shape_kji[1:], (j, i), strict=True))
    # Slices are thinned, not averaged; rows and columns are averaged, which also calms the noise.
    part = volume.voxels[::k, :rows, :columns]
    blocks = part.reshape(len(part), rows // j, j, columns // i, i)
    hu = blocks.mean(axis=(2, 4), dtype=np.float32)
    valid = np.ones(hu.shape, dtype=bool)
    if volume.padding is not None:
        padding = volume.padding[::k, :rows, :columns].reshape(blocks.shape)
        valid = np.logical_not(padding.any(axis=(2, 4)))
    return (k, j, i), hu, valid, spacing * (k, j, i)


def _repeated(coarse: Flags, steps: tuple[int, int, int], shape_kji: tuple[int, int, int]) -> Flags:
    """The working grid's mask on the full grid, each value repeated over its block."""
    full = coarse
    for axis, step in enumerate(steps):
        full = np.repeat(full, step, axis=axis) if step > 1 else full
        missing = shape_kji[axis] - full.shape[axis]
        if missing > 0:
            full = np.concatenate([full, np.repeat(full.take([-1], axis=axis), missing, axis=axis)], axis=axis)
        full = full.take(range(shape_kji[axis]), axis=axis) if missing < 0 else full
    return np.ascontiguousarray(full)


def _on_full_grid(coarse: Flags, airy: Flags, airways: Flags, volume: Volume, steps: tuple[int, int, int]) -> Flags:
    """Certain inside the coarse mask and where the closing filled it; decided by the threshold at the rest of its rim.

    A nodule or vessel at the rim is in the closed coarse mask, but not below the threshold.
    """
    from scipy import ndimage

    if not coarse.any():
        return np.zeros(volume.shape_kji, dtype=bool)
    cross = ndimage.generate_binary_structure(2, 1)[None]
    inner = ndimage.binary_erosion(coarse, cross) | (coarse & ~airy)
    outer = ndimage.binary_dilation(coarse, cross) & ~airways
    full = _repeated(inner, steps, volume.shape_kji)
    full |= _repeated(outer, steps, volume.shape_kji) & (volume.voxels < AIR_BELOW_HU)
    if volume.padding is not None:
        full &= ~volume.padding
    return full


def _by_side(first: Flags, second: Flags, volume: Volume) -> tuple[Flags, Flags]:
    """(left, right): the patient's left has the larger x in LPS."""
    along_x = volume.row_direction[0] * volume.pixel_spacing_ij_mm[0]
    along_y = volume.column_direction[0] * volume.pixel_spacing_ij_mm[1]

    def x_mm(part: Flags) -> float:
        plane = part.sum(axis=0)
        total = plane.sum()
        i = float(plane.sum(axis=0) @ np.arange(plane.shape[1])) / total
        j = float(plane.sum(axis=1) @ np.arange(plane.shape[0])) / total
        return float(along_x * i + along_y * j)

    return (first, second) if x_mm(first) > x_mm(second) else (second, first)


def _slice_distances_mm(volume: Volume) -> Floats:
    """(K - 1,) distances of neighbouring slices along their normal."""
    normal = np.cross(volume.row_direction, volume.column_direction)
    return np.abs(np.diff(volume.positions_lps_mm @ (normal / np.linalg.norm(normal))))


def _litres_of_slice(volume: Volume) -> Floats:
    """(K,) litres of one voxel: half of the way to both neighbours, at the ends the whole way to the one."""
    distance = _slice_distances_mm(volume)
    thickness = (np.append(distance[:1], distance) + np.append(distance, distance[-1:])) / 2
    return np.asarray(thickness * np.prod(volume.pixel_spacing_ij_mm) * 1e-6, dtype=np.float64)


def _remarks(total: float, left: float, right: float, mean_hu: float, mask: Flags) -> tuple[str, ...]:
    """What speaks against whole lungs of an adult."""
    remarks = []
    if not PLAUSIBLE_L[0] <= total <= PLAUSIBLE_L[1]:
        remarks.append(f"{total:.1f} litres are not the lungs of an adult ({PLAUSIBLE_L[0]} to {PLAUSIBLE_L[1]})")
    if not PLAUSIBLE_MEAN_HU[0] <= mean_hu <= PLAUSIBLE_MEAN_HU[1]:
        remarks.append(f"a mean of {mean_hu:.0f} HU is not that of lungs")
    if np.isnan(left):
        remarks.append("left and right lung could not be told apart")
    elif min(left, right) < EVEN_FRACTION * max(left, right):
        remarks.append(f"one lung is much smaller than the other ({left:.1f} left, {right:.1f} right, litres)")
    if mask[0].any() and mask[0].sum() > 0.5 * mask.sum(axis=(1, 2)).max():
        remarks.append("the lungs are cut off at the first slice")
    if mask[-1].any() and mask[-1].sum() > 0.5 * mask.sum(axis=(1, 2)).max():
        remarks.append("the lungs are cut off at the last slice")
    return tuple(remarks)
