"""Regions out of a NIfTI mask on this CT's own grid, in any of its 48 orientations; another grid is refused.

NIfTI has no identity of the scan: the grid is all that tells. Its world is RAS millimetres, ours LPS: x and y change
their sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.orientation import RAS_FROM_LPS
from ctgaze_app.ct.truth.contract import TruthError, TruthFormat, TruthOption, number_option
from ctgaze_app.ct.truth.placement import OTHER_SCAN, folder_free
from ctgaze_app.ct.volume import Volume

_RESAMPLE = "write the mask on the grid of this CT"
_MOST_LABELS = 1000
_LARGEST_LABEL = 2**31 - 1


def read_nifti_mask(path: Path, volume: Volume, options: Mapping[str, str]) -> tuple[LabelledRegion, ...]:
    """One region a label (a whole number above 0), named ``label 2`` or as declared; see `FORMAT`.

    Raises
    ------
    TruthError
        Also when the grid's corners lie more than `tolerance_mm` from where this CT has its voxels.
    """
    tolerance_mm = number_option(options, "tolerance_mm", path)
    names = _names(options["names"], path)
    image = _opened(path)
    labels = _labels(image, path)
    labels = _on_grid(labels, _affine_lps(image, tolerance_mm, path), volume, tolerance_mm, path)
    values = np.unique(labels)
    values = values[values != 0]
    if len(values) == 0:
        raise TruthError("marks no voxel: it is 0 everywhere", place=path.name, remedy="choose a mask with marks")
    if len(values) > _MOST_LABELS:
        raise TruthError(
            f"has {len(values)} different values: a picture, not a mask", place=path.name, remedy="choose the mask"
        )
    regions = [
        LabelledRegion.from_mask(names.get(int(value), f"label {int(value)}"), labels == value, "label")
        for value in values
    ]
    if options["split"] == "components":
        regions = [part for region in regions for part in split_components(region)]
    return tuple(regions)


def split_components(region: LabelledRegion) -> list[LabelledRegion]:
    """Its connected parts (26 neighbours), by their first slice: ``name 1``, ``name 2``; alone it keeps its name."""
    from scipy import ndimage

    mask = np.ones(region.box_shape_kji, dtype=bool) if region.mask is None else region.mask
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count < 2:
        return [region]
    parts = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        part = labels[box] == number
        first = tuple(a + b.start for a, b in zip(region.first_kji, box, strict=True))
        last = tuple(a + b.stop - 1 for a, b in zip(region.first_kji, box, strict=True))
        parts.append(replace(region, first_kji=first, last_kji=last, mask=part))
    parts.sort(key=lambda part: part.first_kji)
    return [replace(part, name=f"{region.name} {number}") for number, part in enumerate(parts, start=1)]


def _names(text: str, path: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(";"))):
        number, _, name = pair.partition("=")
        if not number.strip().isdigit() or not name.strip():
            raise TruthError(
                f"names={pair[:40]} is not number=name", place=path.name, remedy="write names as 1=left lung; 2=lesion"
            )
        names[int(number)] = name.strip()
    if len(set(names.values())) != len(names):
        raise TruthError("two labels are given the same name", place=path.name, remedy="name each label once")
    return names


def _opened(path: Path) -> Any:
    import zlib

    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    if not path.is_file():
        raise TruthError("this file is missing", place=path.name, remedy="restore it from a copy")
    broken = (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, zlib.error, TypeError, LookupError)
    try:
        if path.name.lower().endswith(".gz"):
            _check_whole(path)
        image = nibabel.load(path)
    except broken as error:
        raise TruthError(
            f"is not NIfTI ({folder_free(path, error)})", place=path.name, remedy="choose a .nii or .nii.gz"
        ) from error
    if not isinstance(image, nibabel.Nifti1Image):
        raise TruthError("is not NIfTI", place=path.name, remedy="choose a .nii or .nii.gz file")
    return image


def _check_whole(path: Path) -> None:
    """Read a compressed file to its end: nibabel stops before the checksum, and so would miss a damaged end."""
    import gzip

    with gzip.open(path) as file:
        while file.read(1 << 22):
            pass


def _labels(image: Any, path: Path) -> NDArray[np.int64]:
    import zlib

    shape = tuple(image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise TruthError(f"has {len(shape)} dimensions, a mask has 3", place=path.name, remedy="write one volume")
    try:
        data = np.asanyarray(image.dataobj).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error, MemoryError, OverflowError, TypeError) as error:
        raise TruthError(
            f"its voxels cannot be read ({folder_free(path, error)})", place=path.name, remedy="write the mask again"
        ) from error
    if data.dtype.kind not in "biuf":
        raise TruthError(f"its voxels are {data.dtype}, not numbers", place=path.name, remedy="write whole numbers")
    if data.dtype.kind == "f" and not (np.isfinite(data).all() and (data == np.rint(data)).all()):
        raise TruthError(
            "its values are no whole numbers: probabilities or a picture, not a mask",
            place=path.name,
            remedy="write the mask as whole numbers",
        )
    if data.size and (data.min() < 0 or data.max() > _LARGEST_LABEL):
        what = "below 0" if data.min() < 0 else f"above {_LARGEST_LABEL}"
        raise TruthError(f"has labels {what}", place=path.name, remedy="write labels from 1, 0 is outside")
    return data.astype(np.int64)


def _affine_lps(image: Any, tolerance_mm: float, path: Path) -> NDArray[np.float64]:
    header = image.header
    try:
        space_unit = header.get_xyzt_units()[0]
        sform, sform_code = header.get_sform(coded=True)
        qform, qform_code = header.get_qform(coded=True)
    except (KeyError, ValueError, TypeError) as error:
        raise TruthError(
            f"its header is broken ({folder_free(path, error)})", place=path.name, remedy="write it again"
        ) from error
    if space_unit not in ("mm", "unknown"):
        raise TruthError(f"measures in {space_unit}, not in millimetres", place=path.name, remedy=_RESAMPLE)
    if not sform_code and not qform_code:
        raise TruthError(
            "does not say where in the patient it lies (sform and qform code 0)", place=path.name, remedy=_RESAMPLE
        )
    affine = np.asarray(sform if sform_code else qform, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise TruthError("its affine is no grid", place=path.name, remedy=_RESAMPLE)
    if sform_code and qform_code:
        corners = _corner_indices(tuple(image.shape[:3]))
        off = np.abs((corners @ (np.asarray(sform) - np.asarray(qform)).T)[:, :3]).max()
        if not off <= max(tolerance_mm, 0.01):
            raise TruthError(f"its sform and qform differ by {off:.3g} mm", place=path.name, remedy="write one of them")
    return np.asarray(RAS_FROM_LPS @ affine, dtype=np.float64)


def _corner_indices(shape: tuple[int, ...]) -> NDArray[np.float64]:
    ends = np.array(np.meshgrid(*([0, n - 1] for n in shape), indexing="ij"), dtype=np.float64).reshape(3, -1).T
    return np.hstack([ends, np.ones((len(ends), 1))])


def _on_grid(
    labels: NDArray[np.int64], affine: NDArray[np.float64], volume: Volume, tolerance_mm: float, path: Path
) -> NDArray[np.int64]:
    """The labels as [k, j, i] of this CT."""
    kji = volume.shape_kji
    to_voxel = np.linalg.inv(volume.affine_lps) @ affine
    turn = np.rint(to_voxel[:3, :3])
    if not (np.abs(turn).sum(axis=0) == 1).all() or not (np.abs(turn).sum(axis=1) == 1).all():
        raise TruthError("its grid is turned or scaled against this CT", place=path.name, remedy=_RESAMPLE)
    axes = [int(np.argmax(np.abs(turn[axis]))) for axis in range(3)]  # its axis along our i, j, k
    signs = [int(turn[axis, axes[axis]]) for axis in range(3)]
    turned = np.transpose(labels, axes)
    size = ", ".join(str(n) for n in turned.shape)
    if turned.shape != kji[::-1]:
        raise TruthError(
            f"has {turned.shape[0]} x {turned.shape[1]} x {turned.shape[2]} voxels (columns, rows, slices), "
            f"this CT has {kji[2]} x {kji[1]} x {kji[0]}",
            place=path.name,
            remedy=OTHER_SCAN if sorted(labels.shape) != sorted(kji) else f"{_RESAMPLE} (its axes: {size})",
        )
    turned = turned[tuple(slice(None, None, sign) for sign in signs)]
    off = _largest_offset_mm(axes, signs, labels.shape, affine, volume)
    if not off <= tolerance_mm:
        remedy = (
            _RESAMPLE if volume.regular else "NIfTI cannot hold the uneven slice distances of this CT: use DICOM SEG"
        )
        raise TruthError(
            f"its grid lies up to {off:.3g} mm off this CT (at most {tolerance_mm:g} mm is allowed)",
            place=path.name,
            remedy=remedy,
        )
    return np.ascontiguousarray(turned.transpose(2, 1, 0))


def _largest_offset_mm(
    axes: list[int], signs: list[int], shape: tuple[int, ...], affine: NDArray[np.float64], volume: Volume
) -> float:
    """Largest distance between the two grids at the four corners of every slice."""
    k, j, i = volume.shape_kji
    corners = np.array([[a, b, n] for n in range(k) for a in (0, i - 1) for b in (0, j - 1)], dtype=np.float64)
    theirs = np.empty_like(corners)
    for ours, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        theirs[:, axis] = corners[:, ours] if sign > 0 else shape[axis] - 1 - corners[:, ours]
    there = theirs @ affine[:3, :3].T + affine[:3, 3]
    return float(np.linalg.norm(there - volume.voxel_to_patient(corners), axis=1).max())


FORMAT = TruthFormat(
    "nifti_mask",
    "NIfTI mask or label map on the grid of this CT",
    read_nifti_mask,
    (
        TruthOption("split", "one region a label, or one a connected part", ("labels", "components"), "labels"),
        TruthOption("names", "names of labels, as 1=left lung; 2=lesion", (), ""),
        TruthOption("tolerance_mm", "how far the grids may lie apart anywhere", (), "0.1"),
    ),
)
