"""The steps of finding lungs: body, airways, the two lungs, closing; all on a small grid (scipy.ndimage).

Arrays are [k, j, i], the first slice nearest to the head; `spacing_mm` is (k, j, i).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

AIR_BELOW_HU = -400
"""Between lung (-900 to -600) and soft tissue (0 to 60): the usual threshold of lung masks."""
BODY_ABOVE_HU = -300
AIRWAY_BELOW_HU = -930
"""Air in the trachea is near -1000; inflated lung, smoothed, mostly above -930."""
WALLED_ROWS = (0.2, 0.85)
"""Part of an image's height in which lungs may be cut by its sides."""
CLOSING_MM = 8.0
"""Radius up to which vessels and nodules inside or at the edge of a lung are filled."""
SMALLEST_LUNG_L = 0.15
LARGEST_AIRWAY_L = 0.12
BOWEL_GAS_BELOW_HU = -960
"""A large piece of air with such a mean is gas, not lung."""


def body_mask(hu: NDArray[np.float32], valid: Flags, *, cut_at_sides: bool = False) -> Flags:
    """The patient: the largest dense piece, thin table parts opened away, holes filled slice by slice.

    `cut_at_sides` takes the left and right edge of the field of view as a wall, so that lungs which it cuts are inside;
    air in front of and behind the patient still finds its way out.
    """
    from scipy import ndimage

    cross = ndimage.generate_binary_structure(2, 1)[None]
    dense = (hu > BODY_ABOVE_HU) & valid
    opened = ndimage.binary_opening(dense, cross, iterations=2)
    body = _largest(opened)
    # Back to the original outline, which the opening has rounded.
    body = ndimage.binary_dilation(body, cross, iterations=2, mask=dense) if body.any() else body
    walled = slice(int(WALLED_ROWS[0] * hu.shape[1]), int(WALLED_ROWS[1] * hu.shape[1]))
    for k, plane in enumerate(body):
        solid = np.pad(plane, ((0, 0), (1, 1)))
        if cut_at_sides:
            solid[walled, 1:-1] |= ~valid[k, walled]
            solid[walled, [0, -1]] = True
        body[k] = ndimage.binary_fill_holes(solid)[:, 1:-1]
    return np.asarray(body & valid, dtype=np.bool_)


def holds_lung(air: Flags, hu: NDArray[np.float32], spacing_mm: Floats) -> bool:
    """Whether a connected piece of `air` has the size and density of a lung."""
    return bool(_plausible_pieces(air, hu, float(np.prod(spacing_mm)) * 1e-6))


def airway_mask(hu: NDArray[np.float32], air: Flags, spacing_mm: Floats) -> Flags:
    """Trachea and main bronchi: from a small round piece of air near the top, as far as it stays small."""
    from scipy import ndimage

    none = np.zeros(air.shape, dtype=bool)
    litre = float(np.prod(spacing_mm)) * 1e-6
    smooth = ndimage.gaussian_filter(hu, (0, 0.7, 0.7))
    for limit in (AIRWAY_BELOW_HU, AIRWAY_BELOW_HU - 20, AIRWAY_BELOW_HU - 40):
        labels, count = ndimage.label(air & (smooth < limit))
        if count == 0:
            continue
        size = np.bincount(labels.ravel(), minlength=count + 1) * litre
        boxes = ndimage.find_objects(labels)
        middle = _middle_column(air)
        best, best_length = 0, 0.0
        for number, box in enumerate(boxes, start=1):
            length = (box[0].stop - box[0].start) * spacing_mm[0]
            centre = (box[2].start + box[2].stop - 1) / 2
            near = abs(centre - middle) * spacing_mm[2] < 60
            if 0.003 < size[number] < LARGEST_AIRWAY_L and length > 30 and near and length > best_length:
                best, best_length = number, length
        if best:
            # The wall's partial volume is neither air nor lung.
            grown = ndimage.binary_dilation(labels == best, iterations=2)
            return np.asarray(grown & air, dtype=np.bool_)
    return none


def _middle_column(air: Flags) -> float:
    return float(np.average(np.arange(air.shape[2]), weights=air.sum(axis=(0, 1)) + 1e-9))


def lung_pieces(air: Flags, hu: NDArray[np.float32], spacing_mm: Floats) -> tuple[Flags, Flags] | None:
    """The two lungs (the second empty when there is one only), or None."""
    from scipy import ndimage

    litre = float(np.prod(spacing_mm)) * 1e-6
    opened = ndimage.binary_opening(air, ndimage.generate_binary_structure(3, 1))
    candidates = _plausible_pieces(opened, hu, litre)
    if not candidates:
        return None
    sizes = [float(piece.sum()) * litre for piece in candidates]
    if len(candidates) >= 2 and sizes[1] > 0.25 * sizes[0]:
        first, second = candidates[0], candidates[1]
    else:
        first, second = _parted(candidates[0], spacing_mm)
    # Small pieces that the opening or a fissure cut off go back to the lung that they touch.
    return _regrown(first, second, air)


def _plausible_pieces(air: Flags, hu: NDArray[np.float32], litre: float) -> list[Flags]:
    """Connected pieces of the size and density of a lung, the largest first: bowel gas is too near to -1000 HU."""
    from scipy import ndimage

    labels, count = ndimage.label(air)
    if count == 0:
        return []
    size = np.bincount(labels.ravel(), minlength=count + 1).astype(np.float64) * litre
    size[0] = 0.0
    pieces = []
    for number in np.argsort(-size)[:4]:
        if size[number] < SMALLEST_LUNG_L:
            break
        piece = labels == number
        if hu[piece].mean() > BOWEL_GAS_BELOW_HU:
            pieces.append(np.asarray(piece, dtype=np.bool_))
    return pieces


def _parted(both: Flags, spacing_mm: Floats) -> tuple[Flags, Flags]:
    """Two lungs that touch (at the front, mostly): shrunk until they part, then every voxel to the nearer core."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(both, sampling=spacing_mm)
    total = float(both.sum())
    for shrink_mm in (2.1, 3.1, 4.1, 6.1, 8.1, 10.1, 13.1):
        labels, count = ndimage.label(depth > shrink_mm)
        if count < 2:
            continue
        size = np.bincount(labels.ravel(), minlength=count + 1)
        size[0] = 0
        order = np.argsort(-size)
        if size[order[1]] > 0.15 * total and size[order[1]] > 0.25 * size[order[0]]:
            cores = (labels == order[0]).astype(np.int8) + 2 * (labels == order[1]).astype(np.int8)
            nearest = ndimage.distance_transform_edt(
                cores == 0, sampling=spacing_mm, return_distances=False, return_indices=True
            )
            owner = cores[tuple(nearest)]
            return both & (owner == 1), both & (owner == 2)
    return both, np.zeros(both.shape, dtype=bool)


def _regrown(first: Flags, second: Flags, air: Flags) -> tuple[Flags, Flags]:
    """Both grown by three voxels within the air, never into each other."""
    from scipy import ndimage

    for _ in range(3):
        first = ndimage.binary_dilation(first, mask=air & ~second) | first
        second = ndimage.binary_dilation(second, mask=air & ~first) | second
    return np.asarray(first, dtype=np.bool_), np.asarray(second, dtype=np.bool_)


def closed(piece: Flags, spacing_mm: Floats) -> Flags:
    """Closing with a ball of `CLOSING_MM`, through two distance maps; then holes of each slice filled."""
    from scipy import ndimage

    if not piece.any():
        return piece
    where = ndimage.find_objects(piece.astype(np.int8))[0]
    margin = [int(np.ceil(CLOSING_MM / each)) + 1 for each in spacing_mm]
    crop = np.pad(piece[where], [(each, each) for each in margin])
    grown = ndimage.distance_transform_edt(~crop, sampling=spacing_mm) <= CLOSING_MM
    closed = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > CLOSING_MM
    closed = closed[tuple(slice(each, -each) for each in margin)] | piece[where]
    for k, plane in enumerate(closed):
        closed[k] = ndimage.binary_fill_holes(plane)
    result = np.zeros_like(piece)
    result[where] = closed
    return result


def _largest(mask: Flags) -> Flags:
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    if count == 0:
        return np.zeros(mask.shape, dtype=bool)
    size = np.bincount(labels.ravel())
    size[0] = 0
    return np.asarray(labels == size.argmax(), dtype=np.bool_)
