"""Coordinate frames, one function a step and direction: screen_norm, screen_px, degrees, voxel, patient_mm.

`screen_px` is continuous with its origin at the top-left corner of the monitor; voxel centres are at integers,
(i, j, k) is (column, row, slice); `patient_mm` is DICOM LPS through each slice's own position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.ct.volume import voxel_to_patient

Floats = NDArray[np.float64]


class SeriesLike(Protocol):
    """What `SeriesGeometry.of` reads: a `ct.volume.Volume` or a `SeriesRecord` of the manifest."""

    @property
    def shape_kji(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        ...

    @property
    def positions_lps_mm(self) -> Any:
        """(K, 3) position of each slice's first pixel centre."""
        ...

    @property
    def row_direction(self) -> Any:
        """(3,) unit vector along increasing i."""
        ...

    @property
    def column_direction(self) -> Any:
        """(3,) unit vector along increasing j."""
        ...

    @property
    def pixel_spacing_ij_mm(self) -> tuple[float, float]:
        """Millimetres per i and per j."""
        ...

    @property
    def has_mm(self) -> bool:
        """Whether the size of a pixel is known."""
        ...


@dataclass(frozen=True, eq=False)
class SeriesGeometry:
    """Where the voxels of one series lie: see `ct.volume.Volume` for the fields. Without `has_mm` all mm are NaN."""

    shape_kji: tuple[int, int, int]
    positions_lps_mm: Floats = field(repr=False)
    row_direction: Floats
    column_direction: Floats
    pixel_spacing_ij_mm: tuple[float, float]
    has_mm: bool = True

    @classmethod
    def of(cls, series: SeriesLike) -> SeriesGeometry:
        """Geometry of a volume or of a manifest's series record."""
        k, j, i = series.shape_kji
        return cls(
            (int(k), int(j), int(i)),
            np.asarray(series.positions_lps_mm, dtype=np.float64).reshape(-1, 3),
            np.asarray(series.row_direction, dtype=np.float64),
            np.asarray(series.column_direction, dtype=np.float64),
            (float(series.pixel_spacing_ij_mm[0]), float(series.pixel_spacing_ij_mm[1])),
            series.has_mm,
        )

    @property
    def normal(self) -> Floats:
        """Unit vector across the slices, row direction x column direction."""
        cross = np.cross(self.row_direction, self.column_direction)
        return np.asarray(cross / np.linalg.norm(cross), dtype=np.float64)

    def contains(self, ijk: ArrayLike) -> NDArray[np.bool_]:
        """Whether voxel coordinates (..., 3) lie inside the block of voxels (half a voxel around the centres); NaN:
        no."""
        voxel = np.asarray(ijk, dtype=np.float64)
        inside = np.ones(voxel.shape[:-1], dtype=bool)
        for axis, count in enumerate(reversed(self.shape_kji)):
            inside &= (voxel[..., axis] >= -0.5) & (voxel[..., axis] <= count - 0.5)
        return inside


def screen_norm_to_px(norm: ArrayLike, geometry: ScreenGeometry) -> Floats:
    """`screen_norm` (..., 2) to `screen_px`."""
    return geometry.norm_to_px(norm)


def screen_px_to_norm(px: ArrayLike, geometry: ScreenGeometry) -> Floats:
    """`screen_px` (..., 2) to `screen_norm`."""
    return geometry.px_to_norm(px)


def screen_px_to_deg(px: ArrayLike, geometry: ScreenGeometry) -> Floats:
    """`screen_px` (..., 2) to Fick azimuth and elevation in degrees, elevation growing down."""
    return geometry.px_to_deg(px)


def deg_to_screen_px(deg: ArrayLike, geometry: ScreenGeometry) -> Floats:
    """Fick azimuth and elevation (..., 2) in degrees to `screen_px`."""
    return geometry.deg_to_px(deg)


def screen_px_to_voxel(px: ArrayLike, voxel_from_screen: ArrayLike) -> Floats:
    """`screen_px` (..., 2) to voxel (i, j, k) (..., 3) through the 3x3 map of the painted view; maps (..., 3, 3)
    broadcast."""
    point = np.asarray(px, dtype=np.float64)
    view_map = np.asarray(voxel_from_screen, dtype=np.float64)
    x, y = point[..., 0:1], point[..., 1:2]
    return np.asarray(view_map[..., 0] * x + view_map[..., 1] * y + view_map[..., 2], dtype=np.float64)


def voxel_to_screen_px(ijk: ArrayLike, voxel_from_screen: ArrayLike) -> Floats:
    """Voxel (..., 3) to `screen_px` (..., 2): the point of the shown plane nearest to the voxel (its foot on that
    plane).

    A voxel of another slice lands where it would be drawn on the slice that is shown. NaN where the map is singular.
    """
    voxel = np.asarray(ijk, dtype=np.float64)
    view_map = np.asarray(voxel_from_screen, dtype=np.float64)
    along_x, along_y = view_map[..., 0], view_map[..., 1]
    offset = voxel - view_map[..., 2]
    xx, yy = (along_x**2).sum(-1), (along_y**2).sum(-1)
    xy = (along_x * along_y).sum(-1)
    ax, ay = (along_x * offset).sum(-1), (along_y * offset).sum(-1)
    determinant = xx * yy - xy**2
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(determinant > 0, (yy * ax - xy * ay) / determinant, np.nan)
        y = np.where(determinant > 0, (xx * ay - xy * ax) / determinant, np.nan)
    return np.stack([x, y], axis=-1)


def voxel_to_patient_mm(ijk: ArrayLike, series: SeriesGeometry) -> Floats:
    """Voxel (..., 3) to `patient_mm` through each slice's own position; NaN outside the stack."""
    if not series.has_mm:
        return np.full(np.shape(ijk), np.nan)
    return voxel_to_patient(
        ijk, series.positions_lps_mm, series.row_direction, series.column_direction, series.pixel_spacing_ij_mm
    )


def patient_mm_to_voxel(mm: ArrayLike, series: SeriesGeometry) -> Floats:
    """`patient_mm` (..., 3) to voxel (i, j, k); inverse of `voxel_to_patient_mm`, NaN outside the stack and without mm.

    The depth along the slice normal gives k (linear between neighbouring slices, whatever their distance or tilt),
    then the offset from that slice's own position gives i and j.
    """
    point = np.asarray(mm, dtype=np.float64)
    if not series.has_mm:
        return np.full(point.shape, np.nan)
    depth_of_slice = series.positions_lps_mm @ series.normal
    order = np.argsort(depth_of_slice, kind="stable")
    depth = point @ series.normal
    slack = 1e-9 * max(1.0, float(np.ptp(depth_of_slice)))
    k = np.interp(depth, depth_of_slice[order], order.astype(np.float64))
    inside = (depth >= depth_of_slice.min() - slack) & (depth <= depth_of_slice.max() + slack)
    k = np.where(inside, k, np.nan)
    origin = voxel_to_patient_mm(np.stack([np.zeros_like(k), np.zeros_like(k), k], axis=-1), series)
    offset = point - origin
    # Row and column need not be exactly perpendicular after rounding in the file: solve the 2x2 system.
    basis = np.stack(
        [series.row_direction * series.pixel_spacing_ij_mm[0], series.column_direction * series.pixel_spacing_ij_mm[1]]
    )
    in_plane = offset @ np.linalg.pinv(basis)
    return np.concatenate([in_plane, k[..., None]], axis=-1)


def screen_disc_mm(
    angle_deg: ArrayLike, px: ArrayLike, mm_per_screen_px: ArrayLike, geometry: ScreenGeometry
) -> Floats:
    """Radius in patient millimetres of a visual angle around a point of the screen.

    Parameters
    ----------
    angle_deg
        Visual angle (...).
    px
        `screen_px` (..., 2): farther from the centre, the same angle covers more (line of sight grows).
    mm_per_screen_px
        Patient millimetres per screen pixel at the zoom of that moment, see `mm_per_screen_px`.
    """
    point = np.asarray(px, dtype=np.float64)
    pitch_x, pitch_y = geometry.mm_per_px
    x_mm = point[..., 0] * pitch_x - geometry.width_mm / 2
    y_mm = point[..., 1] * pitch_y - geometry.height_mm / 2
    sight_mm = np.sqrt(x_mm**2 + y_mm**2 + geometry.distance_mm**2)
    screen_mm = np.tan(np.radians(np.asarray(angle_deg, dtype=np.float64))) * sight_mm
    return np.asarray(screen_mm / np.sqrt(pitch_x * pitch_y) * np.asarray(mm_per_screen_px), dtype=np.float64)


def mm_per_screen_px(voxel_from_screen: ArrayLike, series: SeriesGeometry) -> Floats:
    """Patient millimetres per screen pixel (geometric mean of both axes) for maps (..., 3, 3); NaN where singular or
    the size of a pixel is unknown.

    The step along k is the mean slice distance, which matters only for views that are not axial.
    """
    view_map = np.asarray(voxel_from_screen, dtype=np.float64)
    if not series.has_mm:
        return np.full(view_map.shape[:-2], np.nan)
    positions = series.positions_lps_mm
    along_k = (positions[-1] - positions[0]) / (len(positions) - 1) if len(positions) > 1 else np.zeros(3)
    directions = np.stack(
        [
            series.row_direction * series.pixel_spacing_ij_mm[0],
            series.column_direction * series.pixel_spacing_ij_mm[1],
            along_k,
        ]
    )
    step_x, step_y = view_map[..., 0] @ directions, view_map[..., 1] @ directions
    area = np.linalg.norm(np.cross(step_x, step_y), axis=-1)
    return np.asarray(np.where(area > 0, np.sqrt(area), np.nan), dtype=np.float64)


def geometries(series: Sequence[SeriesLike]) -> tuple[SeriesGeometry, ...]:
    """`SeriesGeometry` of every series of a manifest, in its order."""
    return tuple(SeriesGeometry.of(each) for each in series)
