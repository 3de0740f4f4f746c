"""Lesions out of a DICOM structured report: measurement groups (TID 1410, 1411 and the like) and loose regions.

Planar marks (SCOORD) lie on an image named by its SOP instance UID; their pixel coordinates begin at the top left
corner of the first pixel (PS3.3 C.18.6.1.2), so that its centre is at 0.5, 0.5. Marks in the patient (SCOORD3D,
millimetres) are placed by position. Names of persons, UIDs and dates of the report never reach a region's attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.truth.contract import TruthError, TruthFormat, TruthOption, within
from ctgaze_app.ct.truth.lesions import SliceMark, lesions_of
from ctgaze_app.ct.truth.placement import (
    OTHER_SCAN,
    check_in_picture,
    folder_free,
    patient_to_voxel,
    pixels_inside,
    slices_by_uid,
)
from ctgaze_app.ct.volume import Volume

_MEASUREMENT_GROUP = "125007"
_TRACKING_UID = "112040"
_OTHER_KINDS = (
    "CODE", "NUM", "TEXT", "DATE", "TIME", "DATETIME", "UIDREF", "PNAME", "IMAGE", "WAVEFORM", "COMPOSITE", "TCOORD",
    "TABLE",
)  # fmt: skip
_ELLIPSE_STEPS = 72
_DEEPEST = 50


@dataclass
class _Mark:
    """One SCOORD or SCOORD3D with what its measurement group says."""

    group: int
    kind: str
    values: list[float]
    uid: str = ""
    tracking: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def read_dicom_sr(path: Path, volume: Volume, options: Mapping[str, str]) -> tuple[LabelledRegion, ...]:
    """Regions of every mark that lies on this CT; see `TruthFormat` for the options.

    Marks on images that the report itself lists under another series are left out; when nothing is on this CT, or
    images of this series are missing, the file is refused.
    """
    report = read_dicom(path)
    if "ContentSequence" not in report:
        raise TruthError("is not a structured report: it has no content", place=path.name, remedy="choose an SR file")
    try:
        marks = list(_marks(report, path))
        listed = referenced_images(report)
    except (AttributeError, IndexError, TypeError, ValueError, KeyError) as error:
        raise TruthError(
            f"its content is not that of a structured report ({folder_free(path, error)})",
            place=path.name,
            remedy="export the report again",
        ) from error
    if not marks:
        raise TruthError("the report marks no place in an image", place=path.name, remedy="choose a report with marks")
    marks = _on_this_scan(marks, listed, volume, path)
    index = (
        slices_by_uid(volume, (mark.uid for mark in marks if mark.uid), path.name) if any(m.uid for m in marks) else {}
    )
    placed = [_planar(mark, index, volume, path) if mark.uid else _spatial(mark, volume, path) for mark in marks]
    slices = [each for several in placed for each in several]
    regions = lesions_of(slices, by_place=options["group"] == "neighbours")
    if not regions:
        raise TruthError("none of its marks covers a pixel of this CT", place=path.name, remedy=OTHER_SCAN)
    return regions


def read_dicom(path: Path) -> Any:
    """The whole dataset of a DICOM file.

    Raises
    ------
    TruthError
        When it is missing, no DICOM file, or broken.
    """
    import struct
    import warnings
    import zlib

    import pydicom
    from pydicom.errors import BytesLengthException, InvalidDicomError

    broken = (
        BytesLengthException,
        OSError, EOFError, ValueError, TypeError, LookupError, NotImplementedError, AttributeError, RecursionError,
        OverflowError, MemoryError, struct.error, zlib.error, AssertionError,
    )  # fmt: skip

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of every odd value; what matters is checked below
            dataset = pydicom.dcmread(path)
            _check_lengths(dataset)
    except FileNotFoundError as error:
        raise TruthError("this file is missing", place=path.name, remedy="restore it from a copy") from error
    except InvalidDicomError as error:
        raise TruthError("is not a DICOM file", place=path.name, remedy="choose a DICOM SR or SEG file") from error
    except broken as error:
        raise TruthError(
            f"is a broken DICOM file ({folder_free(path, error)})", place=path.name, remedy="export it again"
        ) from error
    return dataset


def _check_lengths(dataset: Any) -> None:
    """Convert every element, nested ones too, and compare its bytes with its declared length.

    pydicom reads what is left of a file that was cut within a sequence and says nothing.
    """
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        declared = getattr(raw, "length", None)
        if declared not in (None, 0xFFFFFFFF) and isinstance(raw.value, bytes) and len(raw.value) != declared:
            raise EOFError(f"an element ends after {len(raw.value)} of {declared} bytes")
        element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                _check_lengths(item)


def referenced_images(dataset: Any) -> dict[str, set[str]]:
    """SOP instance UIDs under each series UID of an evidence or referenced-series sequence of the dataset."""
    listed: dict[str, set[str]] = {}
    studies = [
        *(dataset.get("CurrentRequestedProcedureEvidenceSequence") or []),
        *(dataset.get("PertinentOtherEvidenceSequence") or []),
        dataset,
    ]
    for study in studies:
        for series in study.get("ReferencedSeriesSequence") or []:
            items = [*(series.get("ReferencedSOPSequence") or []), *(series.get("ReferencedInstanceSequence") or [])]
            found = listed.setdefault(str(series.get("SeriesInstanceUID", "")), set())
            found |= {str(item.get("ReferencedSOPInstanceUID", "")) for item in items}
    return listed


def _code(item: Any) -> str:
    names = item.get("ConceptNameCodeSequence") or []
    return str(names[0].get("CodeValue", "")) if names else ""


def _meaning(sequence: Any) -> str:
    return str(sequence[0].get("CodeMeaning", "")) if sequence else ""


def _marks(report: Any, path: Path) -> Iterator[_Mark]:
    counter = 0

    def walk(items: Any, group: int, tracking: str, attributes: dict[str, str], depth: int) -> Iterator[_Mark]:
        nonlocal counter
        if depth > _DEEPEST:
            raise TruthError("its content is nested too deeply", place=path.name, remedy="export the report again")
        for item in items:
            kind = str(item.get("ValueType", ""))
            children = item.get("ContentSequence") or []
            if kind == "CONTAINER":
                inside, key, facts = group, tracking, attributes
                if _code(item) == _MEASUREMENT_GROUP:
                    counter += 1
                    inside, key, facts = counter, _tracking(children) or f"group {counter}", _facts(children)
                yield from walk(children, inside, key, facts, depth + 1)
            elif kind in ("SCOORD", "SCOORD3D"):
                values = np.atleast_1d(np.asarray(item.GraphicData, dtype=np.float64)).tolist()
                mark = _Mark(group, f"{kind} {item.GraphicType}", values, "", tracking, attributes)
                images = [child for child in children if str(child.get("ValueType", "")) == "IMAGE"]
                if kind == "SCOORD":
                    if not images:
                        raise TruthError(
                            "a mark names no image", place=within(path, f"group {group}"), remedy="export it again"
                        )
                    for image in images:
                        uid = str(image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
                        yield _Mark(group, mark.kind, values, uid, tracking, attributes)
                else:
                    yield mark
            elif kind not in _OTHER_KINDS:
                raise TruthError(
                    f"holds an item of the unknown kind {kind[:16]!r}",
                    place=path.name,
                    remedy="export the report again",
                )
            elif children:
                yield from walk(children, group, tracking, attributes, depth + 1)

    yield from walk(report.ContentSequence, 0, "", {}, 0)


def _tracking(children: Any) -> str:
    for child in children:
        if _code(child) == _TRACKING_UID and str(child.get("ValueType", "")) == "UIDREF":
            return str(child.get("UID", ""))
    return ""


def _facts(children: Any) -> dict[str, str]:
    """Coded findings and numbers of a measurement group; free text may identify and stays out."""
    facts: dict[str, str] = {}
    for child in children:
        name = _meaning(child.get("ConceptNameCodeSequence") or [])
        kind = str(child.get("ValueType", ""))
        if kind == "CODE" and name:
            facts[name.lower()] = _meaning(child.get("ConceptCodeSequence") or [])
        elif kind == "NUM" and name and child.get("MeasuredValueSequence"):
            measured = child.MeasuredValueSequence[0]
            unit = measured.get("MeasurementUnitsCodeSequence") or []
            code = str(unit[0].get("CodeValue", "")) if unit else ""
            facts[name.lower()] = f"{float(measured.NumericValue):g} {code}".strip()
    return facts


def _on_this_scan(marks: list[_Mark], listed: dict[str, set[str]], volume: Volume, path: Path) -> list[_Mark]:
    own = set(volume.source.sop_instance_uids)
    every = set().union(*listed.values()) if listed else set()
    if every and not every & own and own:
        raise TruthError(
            f"belongs to another scan: none of the {len(every)} images that it lists is a slice of this CT",
            place=path.name,
            remedy=OTHER_SCAN,
        )
    elsewhere = {uid for images in listed.values() if not images & own for uid in images}
    return [mark for mark in marks if mark.uid not in elsewhere]


def _planar(mark: _Mark, index: dict[str, int], volume: Volume, path: Path) -> list[SliceMark]:
    place = within(path, f"group {mark.group}")
    if len(mark.values) < 2 or len(mark.values) % 2:
        raise TruthError("a mark has an odd number of coordinates", place=place, remedy="export the report again")
    corners = np.array(mark.values).reshape(-1, 2) - 0.5
    check_in_picture(corners, volume, place)
    outlines = _outlines(mark.kind.split()[-1], corners, place)
    _, rows, columns = volume.shape_kji
    found = [pixels_inside(outline, (rows, columns)) for outline in outlines]
    j, i = (np.concatenate([each[axis] for each in found]) for axis in (0, 1))
    return [SliceMark(index[mark.uid], j, i, mark.tracking, "", mark.attributes)]


def _outlines(kind: str, corners: Any, place: str) -> list[Any]:
    needed = {"POINT": 1, "MULTIPOINT": 1, "POLYLINE": 2, "POLYGON": 3, "CIRCLE": 2, "ELLIPSE": 4}
    if kind not in needed:
        raise TruthError(f"marks of the kind {kind} are not read", place=place, remedy="export outlines")
    if len(corners) < needed[kind]:
        raise TruthError(f"a {kind.lower()} has too few points", place=place, remedy="export the report again")
    if kind in ("POINT", "MULTIPOINT"):
        return [corner[None] for corner in corners]
    if kind in ("POLYLINE", "POLYGON"):
        return [corners]
    angle = np.linspace(0, 2 * np.pi, _ELLIPSE_STEPS, endpoint=False)
    if kind == "CIRCLE":
        radius = np.linalg.norm(corners[1] - corners[0])
        return [corners[0] + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)]
    centre = corners[:4].mean(axis=0)
    major, minor = (corners[1] - corners[0]) / 2, (corners[3] - corners[2]) / 2
    return [centre + np.cos(angle)[:, None] * major + np.sin(angle)[:, None] * minor]


def _spatial(mark: _Mark, volume: Volume, path: Path) -> list[SliceMark]:
    place = within(path, f"group {mark.group}")
    if len(mark.values) < 3 or len(mark.values) % 3:
        raise TruthError(
            "a mark in the patient has no three coordinates a point", place=place, remedy="export it again"
        )
    voxel = patient_to_voxel(np.array(mark.values).reshape(-1, 3), volume)
    if not np.isfinite(voxel).all():
        raise TruthError("a mark lies above or below this CT", place=place, remedy=OTHER_SCAN)
    check_in_picture(voxel[:, :2], volume, place)
    kind = mark.kind.split()[-1]
    _, rows, columns = volume.shape_kji
    k = np.clip(np.rint(voxel[:, 2]).astype(int), 0, volume.shape_kji[0] - 1)
    if kind in ("POINT", "MULTIPOINT"):
        pixels = np.floor(voxel[:, :2] + 0.5).astype(np.int64)
        return [
            SliceMark(int(n), pixel[1:2], pixel[0:1], mark.tracking, "", mark.attributes)
            for n, pixel in zip(k, pixels, strict=True)
        ]
    if np.ptp(voxel[:, 2]) > 1e-2 + 0.5:
        raise TruthError("an outline in the patient crosses several slices", place=place, remedy="export it per slice")
    outlines = _outlines(kind, voxel[:, :2], place)
    j, i = pixels_inside(outlines[0], (rows, columns))
    return [SliceMark(int(k[0]), j, i, mark.tracking, "", mark.attributes)]


FORMAT = TruthFormat(
    "dicom_sr",
    "DICOM structured report with marks on images or in the patient",
    read_dicom_sr,
    (
        TruthOption(
            "group",
            "marks that overlap on the same or neighbouring slices are one lesion, or each tracked item is one",
            ("neighbours", "as_given"),
            "neighbours",
        ),
    ),
)
