"""Where the marks of a truth file lie in a volume: slices by UID, voxels by patient position, pixels by outline."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.ct.truth.contract import TruthError
from ctgaze_app.ct.volume import Volume

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

OTHER_SCAN = "choose the truth file that was made on this CT"
SAME_POSITION_MM = 0.1
"""Two positions within this are the same: 16 characters of a DICOM decimal and the 32-bit floats of NIfTI keep
0.001 mm, slices of CT lie at least 0.3 mm apart (our choice)."""


def slices_by_uid(volume: Volume, uids: Iterable[str], place: str) -> dict[str, int]:
    """Slice index k of each SOP instance UID.

    Raises
    ------
    TruthError
        When none of them is a slice of this CT, or some are not. UIDs are never named: they identify.
    """
    wanted = list(dict.fromkeys(uids))
    index = {uid: k for k, uid in enumerate(volume.source.sop_instance_uids) if uid}
    if not index:
        raise TruthError(
            "marks images by their UID, and this CT has none",
            place=place,
            remedy="load the CT from its DICOM files",
        )
    missing = [uid for uid in wanted if uid not in index]
    if wanted and len(missing) == len(wanted):
        raise TruthError(
            f"belongs to another scan: none of the {len(wanted)} images that it marks is a slice of this CT",
            place=place,
            remedy=OTHER_SCAN,
        )
    if missing:
        raise TruthError(
            f"{len(missing)} of the {len(wanted)} images that it marks are not slices of this CT",
            place=place,
            remedy="load the whole series that was marked",
        )
    return {uid: index[uid] for uid in wanted}


def slice_depths_mm(volume: Volume) -> Floats:
    """(K,) position of each slice along the slice normal (row direction x column direction)."""
    normal = np.cross(volume.row_direction, volume.column_direction)
    return np.asarray(volume.positions_lps_mm @ (normal / np.linalg.norm(normal)), dtype=np.float64)


def patient_to_voxel(lps_mm: ArrayLike, volume: Volume) -> Floats:
    """Patient LPS mm (..., 3) to voxel (i, j, k), through each slice's own position.

    Depth along the normal gives k, linear between slices; up to half a slice beyond the first and last slice k goes
    on at the same step, farther out it is NaN.
    """
    point = np.asarray(lps_mm, dtype=np.float64)
    normal = np.cross(volume.row_direction, volume.column_direction)
    normal = normal / np.linalg.norm(normal)
    depths = slice_depths_mm(volume)
    order = np.argsort(depths, kind="stable")
    depth = point @ normal
    k = np.interp(depth, depths[order], order.astype(np.float64))
    if len(depths) > 1:
        steps = {
            int(order[0]): depths[order[1]] - depths[order[0]],
            int(order[-1]): depths[order[-1]] - depths[order[-2]],
        }
        for end, sign in ((int(order[0]), -1.0), (int(order[-1]), 1.0)):
            beyond = sign * (depth - depths[end]) / max(steps[end], 1e-9)
            outward = -1.0 if end == 0 else 1.0
            k = np.where(beyond > 0, np.where(beyond <= 0.5, end + outward * beyond, np.nan), k)
    else:
        k = np.where(np.abs(depth - depths[0]) <= np.linalg.norm(volume.affine_lps[:3, 2]) / 2, k, np.nan)
    nearest = np.clip(np.nan_to_num(np.rint(k)), 0, len(depths) - 1).astype(np.intp)
    below = np.clip(np.floor(np.nan_to_num(k)), 0, len(depths) - 1).astype(np.intp)
    above = np.minimum(below + 1, len(depths) - 1)
    weight = np.clip(np.nan_to_num(k) - below, 0.0, 1.0)[..., None]
    origin = volume.positions_lps_mm[below] * (1 - weight) + volume.positions_lps_mm[above] * weight
    origin = np.where(np.isnan(k)[..., None], volume.positions_lps_mm[nearest], origin)
    basis = np.stack(
        [volume.row_direction * volume.pixel_spacing_ij_mm[0], volume.column_direction * volume.pixel_spacing_ij_mm[1]]
    )
    in_plane = (point - origin) @ np.linalg.pinv(basis)
    return np.concatenate([in_plane, k[..., None]], axis=-1)


def slice_at_depth(volume: Volume, depth_mm: float, tolerance_mm: float = SAME_POSITION_MM) -> int | None:
    """The slice that lies at this depth along the normal, or None."""
    distance = np.abs(slice_depths_mm(volume) - depth_mm)
    k = int(np.argmin(distance))
    return k if distance[k] <= tolerance_mm else None


def slice_at_z(volume: Volume, z_mm: float, place: str, tolerance_mm: float = SAME_POSITION_MM) -> int:
    """The axial slice whose first pixel lies at patient z (LPS mm, as in ImagePositionPatient).

    Raises
    ------
    TruthError
        When the stack is not axial or no slice lies there.
    """
    if volume.plane != 0:
        raise TruthError(
            "places slices by their z, and this stack is not axial", place=place, remedy="place them by image UID"
        )
    distance = np.abs(volume.positions_lps_mm[:, 2] - z_mm)
    k = int(np.argmin(distance))
    if not distance[k] <= tolerance_mm:
        raise TruthError(
            f"no slice of this CT lies at z = {z_mm:g} mm (the nearest is {distance[k]:.3g} mm off)",
            place=place,
            remedy=OTHER_SCAN,
        )
    return k


def pixels_inside(outline_ij: ArrayLike, shape_ji: tuple[int, int]) -> tuple[Indices, Indices]:
    """Rows j and columns i of the pixels whose centre lies inside a closed outline (even-odd rule).

    Parameters
    ----------
    outline_ij
        (N, 2) corners as (i, j), pixel centres at integers; the last one joins the first.

    Returns
    -------
    Row-major. A centre exactly on a left or upper edge is inside, on a right or lower edge outside, so that
    neighbouring outlines share no pixel. An outline that encloses no centre gives the pixels of its corners, so that a
    small mark never vanishes. Pixels beyond the picture are left out.
    """
    corners = np.asarray(outline_ij, dtype=np.float64).reshape(-1, 2)
    rows, columns = shape_ji
    none = np.empty(0, dtype=np.int64)
    if len(corners) == 0:
        return none, none
    found_j: list[Indices] = []
    found_i: list[Indices] = []
    following = np.roll(corners, -1, axis=0)
    first = max(int(np.ceil(corners[:, 1].min())), 0)
    last = min(int(np.floor(corners[:, 1].max())), rows - 1)
    for j in range(first, last + 1):
        crossing = (corners[:, 1] <= j) != (following[:, 1] <= j)
        begin, end = corners[crossing], following[crossing]
        cuts = np.sort(begin[:, 0] + (j - begin[:, 1]) / (end[:, 1] - begin[:, 1]) * (end[:, 0] - begin[:, 0]))
        for left, right in zip(cuts[::2], cuts[1::2], strict=True):
            run = np.arange(max(int(np.ceil(left)), 0), min(int(np.ceil(right)), columns), dtype=np.int64)
            found_i.append(run)
            found_j.append(np.full(len(run), j, dtype=np.int64))
    j_index = np.concatenate([none, *found_j])
    i_index = np.concatenate([none, *found_i])
    if len(j_index) == 0:
        nearest = np.unique(np.floor(corners[:, ::-1] + 0.5).astype(np.int64), axis=0)
        inside = ((nearest >= 0) & (nearest < (rows, columns))).all(axis=1)
        j_index, i_index = nearest[inside, 0], nearest[inside, 1]
    return j_index, i_index


def check_in_picture(corners_ij: ArrayLike, volume: Volume, place: str) -> None:
    """Refuse corners that are no numbers or lie more than one pixel outside the picture.

    Raises
    ------
    TruthError
        The mark was made on a picture of another size.
    """
    corners = np.asarray(corners_ij, dtype=np.float64).reshape(-1, 2)
    _, rows, columns = volume.shape_kji
    if not np.isfinite(corners).all():
        raise TruthError("a coordinate is not a number", place=place, remedy="write the mark anew")
    if (corners < -1.5).any() or (corners > (columns + 0.5, rows + 0.5)).any():
        raise TruthError(
            f"a mark lies outside the {columns} x {rows} pixels of this CT", place=place, remedy=OTHER_SCAN
        )


def folder_free(path: Path, error: Exception) -> str:
    """An error's text in one line without the file's folder."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.replace(str(path), path.name).replace(str(path.parent), "")[:200]
