"""Regions out of a DICOM segmentation: one a segment, its frames placed by their own position, never by their order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.truth.contract import TruthError, TruthFormat, TruthOption, number_option, within
from ctgaze_app.ct.truth.dicom_sr import read_dicom, referenced_images
from ctgaze_app.ct.truth.lesions import unique_names
from ctgaze_app.ct.truth.nifti_mask import split_components
from ctgaze_app.ct.truth.placement import OTHER_SCAN, SAME_POSITION_MM, folder_free, slice_at_depth
from ctgaze_app.ct.volume import Volume

_AGAIN = "export it again on the grid of this CT"
_SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")


def read_dicom_seg(path: Path, volume: Volume, options: Mapping[str, str]) -> tuple[LabelledRegion, ...]:
    """One region a segment that holds a voxel; see `FORMAT` for the options.

    The frames must lie in the planes of this CT's slices and on its pixels (within `SAME_POSITION_MM`); a part of the
    picture is enough. A file that names images of another scan is refused even where its geometry would fit.
    """
    segmentation = read_dicom(path)
    if str(segmentation.get("SOPClassUID", "")) not in _SEG_CLASSES and segmentation.get("Modality") != "SEG":
        raise TruthError("is not a DICOM segmentation", place=path.name, remedy="choose a SEG file")
    threshold = number_option(options, "threshold", path)
    try:
        _check_source(segmentation, volume, path)
        frames = _frames(segmentation, path)
        segments = {
            int(item.SegmentNumber): str(item.get("SegmentLabel", "") or f"segment {item.SegmentNumber}")
            for item in segmentation.SegmentSequence
        }
        masks = _masks(segmentation, frames, segments, threshold, volume, path)
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise TruthError(
            f"is not a whole segmentation ({folder_free(path, error)})", place=path.name, remedy=_AGAIN
        ) from error
    regions = [
        LabelledRegion.from_mask(" ".join(segments[number].split()), mask, "segment")
        for number, mask in sorted(masks.items())
        if mask.any()
    ]
    if not regions:
        raise TruthError("marks no voxel of this CT", place=path.name, remedy=OTHER_SCAN)
    if options["split"] == "components":
        regions = [part for region in regions for part in split_components(region)]
    return unique_names(regions)


def _check_source(segmentation: Any, volume: Volume, path: Path) -> None:
    own = {uid for uid in volume.source.sop_instance_uids if uid}
    named = set().union(*referenced_images(segmentation).values()) - {""}
    for frame in segmentation.get("PerFrameFunctionalGroupsSequence") or []:
        for derivation in frame.get("DerivationImageSequence") or []:
            for image in derivation.get("SourceImageSequence") or []:
                named.add(str(image.get("ReferencedSOPInstanceUID", "")))
    named.discard("")
    if own and named and not named & own:
        raise TruthError(
            f"belongs to another scan: none of the {len(named)} images that it names is a slice of this CT",
            place=path.name,
            remedy=OTHER_SCAN,
        )


def _frames(segmentation: Any, path: Path) -> NDArray[np.generic]:
    """(F, rows, columns) stored values."""
    import warnings

    if "PixelData" not in segmentation:
        raise TruthError("holds no pixels", place=path.name, remedy="export it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # surplus padding bytes and the like
            pixels = np.asarray(segmentation.pixel_array)
    except (RuntimeError, NotImplementedError, AttributeError, ValueError, LookupError, OSError, EOFError) as error:
        raise TruthError(
            f"its pixels cannot be decoded ({folder_free(path, error)})", place=path.name, remedy="export it again"
        ) from error
    return pixels[None] if pixels.ndim == 2 else pixels


def _macro(segmentation: Any, frame: Any, name: str) -> Any:
    """A functional group of a frame, its own or the shared one."""
    shared = segmentation.get("SharedFunctionalGroupsSequence") or []
    for groups in (frame, *shared):
        if groups.get(name):
            return groups[name].value[0]
    raise TruthError(f"a frame has no {name}", place="", remedy=_AGAIN)


def _masks(
    segmentation: Any,
    frames: NDArray[np.generic],
    segments: Mapping[int, str],
    threshold: float,
    volume: Volume,
    path: Path,
) -> dict[int, NDArray[np.bool_]]:
    groups = segmentation.PerFrameFunctionalGroupsSequence
    if len(groups) != len(frames):
        raise TruthError(
            f"has {len(frames)} frames and {len(groups)} places", place=path.name, remedy="export it again"
        )
    kind = str(segmentation.get("SegmentationType", "BINARY"))
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise TruthError(f"is a segmentation of the kind {kind}", place=path.name, remedy="export it as BINARY")
    full = float(segmentation.get("MaximumFractionalValue", 1)) if kind == "FRACTIONAL" else 1.0
    normal = np.cross(volume.row_direction, volume.column_direction)
    masks: dict[int, NDArray[np.bool_]] = {}
    for number, (frame, groups_of) in enumerate(zip(frames, groups, strict=True), start=1):
        if not frame.any():
            continue
        place = within(path, f"frame {number}")
        try:
            k, j, i = _origin(segmentation, groups_of, volume, normal, place)
        except TruthError as error:
            raise TruthError(error.message, place=place, remedy=error.remedy) from error
        rows, columns = frame.shape
        _, all_rows, all_columns = volume.shape_kji
        if kind == "LABELMAP":
            layers = {int(n): frame == n for n in np.unique(frame) if n != 0}
        else:
            segment = int(_macro(segmentation, groups_of, "SegmentIdentificationSequence").ReferencedSegmentNumber)
            layers = {segment: frame.astype(np.float64) / full >= threshold if kind == "FRACTIONAL" else frame > 0}
        for segment, layer in layers.items():
            if segment not in segments:
                if kind == "LABELMAP" and segment == segmentation.get("PixelPaddingValue"):
                    continue  # the declared background
                raise TruthError(
                    f"names segment {segment}, which is not described", place=place, remedy="export it again"
                )
            hit_j, hit_i = np.nonzero(layer)
            hit_j, hit_i = hit_j + j, hit_i + i
            if len(hit_j) and (
                hit_j.min() < 0 or hit_i.min() < 0 or hit_j.max() >= all_rows or hit_i.max() >= all_columns
            ):
                raise TruthError(
                    f"its {columns} x {rows} pixels reach beyond the picture of this CT", place=place, remedy=_AGAIN
                )
            mask = masks.setdefault(segment, np.zeros(volume.shape_kji, dtype=bool))
            mask[k, hit_j, hit_i] = True
    return masks


def _origin(
    segmentation: Any, groups: Any, volume: Volume, normal: NDArray[np.float64], place: str
) -> tuple[int, int, int]:
    """Slice, row and column of this CT on which a frame's first pixel lies."""
    orientation = np.array(
        _macro(segmentation, groups, "PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64
    )
    directions = np.concatenate([volume.row_direction, volume.column_direction])
    rows, columns = volume.shape_kji[1:]
    # An angle matters by what it moves at the far end of the picture.
    reach_mm = max(rows, columns) * max(volume.pixel_spacing_ij_mm)
    if not np.abs(orientation - directions).max() * reach_mm <= 10 * SAME_POSITION_MM:
        raise TruthError("its frames lie in other planes than the slices of this CT", place=place, remedy=_AGAIN)
    measures = _macro(segmentation, groups, "PixelMeasuresSequence")
    rows_mm, columns_mm = (float(value) for value in measures.PixelSpacing)
    own_ij = volume.pixel_spacing_ij_mm
    if not (
        abs(columns_mm - own_ij[0]) * columns <= SAME_POSITION_MM
        and abs(rows_mm - own_ij[1]) * rows <= SAME_POSITION_MM
    ):
        raise TruthError(
            f"its pixels measure {columns_mm:g} x {rows_mm:g} mm, those of this CT {own_ij[0]:g} x {own_ij[1]:g} mm",
            place=place,
            remedy=_AGAIN,
        )
    position = np.array(_macro(segmentation, groups, "PlanePositionSequence").ImagePositionPatient, dtype=np.float64)
    k = slice_at_depth(volume, float(position @ (normal / np.linalg.norm(normal))))
    if k is None:
        raise TruthError("a marked frame lies on no slice of this CT", place=place, remedy=OTHER_SCAN)
    offset = position - volume.positions_lps_mm[k]
    i, j = offset @ volume.row_direction / own_ij[0], offset @ volume.column_direction / own_ij[1]
    off_grid_mm = float(np.hypot((i - round(i)) * own_ij[0], (j - round(j)) * own_ij[1]))
    if not off_grid_mm <= SAME_POSITION_MM:
        raise TruthError(f"its pixels lie {off_grid_mm:.2g} mm beside those of this CT", place=place, remedy=_AGAIN)
    return k, round(j), round(i)


FORMAT = TruthFormat(
    "dicom_seg",
    "DICOM segmentation (binary, fractional or label map)",
    read_dicom_seg,
    (
        TruthOption("split", "one region a segment, or one a connected part", ("segments", "components"), "segments"),
        TruthOption("threshold", "share of a fractional voxel from which it belongs to the segment", (), "0.5"),
    ),
)
