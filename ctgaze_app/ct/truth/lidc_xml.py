"""Lesions out of the XML files of the LIDC-IDRI collection (LidcReadMessage): up to four readers, each with his own.

A nodule of 3 mm or more is outlined on every slice; the outline (`edgeMap`) is the first pixel outside it, so its
own pixels do not count (LIDC XML documentation; Armato 2011, doi 10.1118/1.3528204). A region of interest with
`inclusion` FALSE is a hole. Smaller nodules and non-nodules are one point. Reader and nodule identifiers of the file
are replaced by numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.truth.contract import TruthError, TruthFormat, TruthOption, within
from ctgaze_app.ct.truth.lesions import SliceMark, lesions_of, region_of
from ctgaze_app.ct.truth.placement import (
    OTHER_SCAN,
    check_in_picture,
    pixels_inside,
    slice_at_z,
    slices_by_uid,
)
from ctgaze_app.ct.volume import Volume

_ASK_AGAIN = "download the XML file again"


@dataclass
class _Outline:
    """One `roi` or `locus`: corners (N, 2) as (x, y) of the file, on one image."""

    corners: NDArray[np.float64]
    uid: str
    z_mm: float
    included: bool = True
    k: int = -1


@dataclass
class _Finding:
    """One nodule or non-nodule of one reader."""

    reader: int
    number: int
    group: str
    outlines: list[_Outline]
    attributes: dict[str, str] = field(default_factory=dict)


def read_lidc_xml(path: Path, volume: Volume, options: Mapping[str, str]) -> tuple[LabelledRegion, ...]:
    """Regions named ``reader 1 nodule 2``, or lesions of all readers together; see `FORMAT` for the options."""
    root = _parsed(path)
    findings, readers = _findings(root, path)
    if not findings:
        raise TruthError("no reader marked anything in it", place=path.name, remedy="this CT has no truth to read")
    base = int(options["index_base"])
    outlines = [outline for finding in findings for outline in finding.outlines]
    if options["place"] == "uid":
        index = slices_by_uid(volume, (outline.uid for outline in outlines), path.name)
        for outline in outlines:
            outline.k = index[outline.uid]
    else:
        for outline in outlines:
            outline.k = slice_at_z(volume, outline.z_mm, path.name)
    regions: list[LabelledRegion] = []
    for finding in findings:
        marks = _marks(finding, base, volume, path)
        if any(len(mark) for mark in marks):
            kind = "nodule" if finding.group != "non-nodule" else finding.group
            regions.append(region_of(f"reader {finding.reader} {kind} {finding.number}", marks))
    if not regions:
        raise TruthError("none of its marks covers a pixel of this CT", place=path.name, remedy=OTHER_SCAN)
    if options["combine"] == "readers":
        return tuple(regions)
    return _combined(regions, readers, options["combine"])


def _parsed(path: Path) -> Any:
    from xml.etree import ElementTree

    try:
        content = path.read_bytes()
    except OSError as error:
        raise TruthError("cannot be read", place=path.name, remedy="restore it from a copy") from error
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise TruthError("defines entities of its own, which LIDC files never do", place=path.name, remedy=_ASK_AGAIN)
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise TruthError(f"is not XML: {error}", place=path.name, remedy=_ASK_AGAIN) from error
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    if root.tag != "LidcReadMessage":
        raise TruthError(
            f"is {root.tag}, not LidcReadMessage",
            place=path.name,
            remedy="choose the CT reading of LIDC-IDRI (IdriReadMessage is for X-rays)",
        )
    return root


def _findings(root: Any, path: Path) -> tuple[list[_Finding], int]:
    findings: list[_Finding] = []
    sessions = root.findall("readingSession")
    if not sessions:
        raise TruthError("holds no reading session", place=path.name, remedy=_ASK_AGAIN)
    for reader, session in enumerate(sessions, start=1):
        for number, nodule in enumerate(session.findall("unblindedReadNodule"), start=1):
            place = within(path, f"reading session {reader}", f"nodule {number}")
            outlines = [_outline(roi, place, "edgeMap") for roi in nodule.findall("roi")]
            if not outlines:
                raise TruthError("a nodule without a region of interest", place=place, remedy=_ASK_AGAIN)
            small = all(len(outline.corners) == 1 for outline in outlines)
            facts = {"reader": str(reader)}
            for element in nodule.findall("characteristics/*"):
                if (element.text or "").strip():
                    facts[str(element.tag)] = element.text.strip()[:20]
            if small:
                facts["diameter"] = "below 3 mm"
            findings.append(_Finding(reader, number, "small nodule" if small else "nodule", outlines, facts))
        for number, spot in enumerate(session.findall("nonNodule"), start=1):
            place = within(path, f"reading session {reader}", f"non-nodule {number}")
            findings.append(
                _Finding(reader, number, "non-nodule", [_outline(spot, place, "locus")], {"reader": str(reader)})
            )
    return findings, len(sessions)


def _outline(element: Any, place: str, points: str) -> _Outline:
    corners = []
    for point in element.findall(points):
        corners.append([_number(point, "xCoord", place), _number(point, "yCoord", place)])
    if not corners:
        raise TruthError(f"a mark without {points}", place=place, remedy=_ASK_AGAIN)
    uid = (element.findtext("imageSOP_UID") or "").strip()
    if not uid:
        raise TruthError("a mark names no image (imageSOP_UID)", place=place, remedy=_ASK_AGAIN)
    inclusion = (element.findtext("inclusion") or "TRUE").strip().upper()
    if inclusion not in ("TRUE", "FALSE"):
        raise TruthError(f"inclusion is {inclusion[:20]}, not TRUE or FALSE", place=place, remedy=_ASK_AGAIN)
    return _Outline(np.array(corners), uid, _number(element, "imageZposition", place), inclusion == "TRUE")


def _number(element: Any, name: str, place: str) -> float:
    text = element.findtext(name)
    if text is None:
        raise TruthError(f"a mark without {name}", place=place, remedy=_ASK_AGAIN)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise TruthError(f"{name} is {text.strip()[:20]!r}, not a number", place=place, remedy=_ASK_AGAIN)
    return value


def _marks(finding: _Finding, base: int, volume: Volume, path: Path) -> list[SliceMark]:
    _, rows, columns = volume.shape_kji
    place = within(path, f"reading session {finding.reader}", f"{finding.group} {finding.number}")
    by_slice: dict[int, set[tuple[int, int]]] = {}
    for outline in sorted(finding.outlines, key=lambda each: not each.included):
        corners = outline.corners - base
        check_in_picture(corners, volume, place)
        j, i = pixels_inside(corners, (rows, columns))
        inside = set(zip(j.tolist(), i.tolist(), strict=True))
        edge = _edge_pixels(corners)
        own = inside - edge
        pixels = by_slice.setdefault(outline.k, set())
        if outline.included:
            pixels |= own or inside  # a point, or an outline so thin that it is all edge
        else:
            pixels -= own
    marks = []
    for k, pixels in by_slice.items():
        if pixels:
            place_ji = np.array(sorted(pixels), dtype=np.int64)
            marks.append(SliceMark(k, place_ji[:, 0], place_ji[:, 1], "", finding.group, finding.attributes))
    return marks


def _edge_pixels(corners: NDArray[np.float64]) -> set[tuple[int, int]]:
    """Pixels (j, i) of the outline itself; corners that are not neighbours are joined by straight lines."""
    pixels = set()
    for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        steps = int(np.abs(end - begin).max())
        line = np.rint(np.linspace(begin, end, steps + 1)).astype(int)
        pixels |= {(int(y), int(x)) for x, y in line}
    return pixels


def _combined(regions: list[LabelledRegion], readers: int, rule: str) -> tuple[LabelledRegion, ...]:
    """Nodules of all readers as lesions: voxels that anyone (`union`) or at least half of the readers marked."""
    marks, votes = [], dict[tuple[int, int, int], set[str]]()
    for region in regions:
        if region.group == "non-nodule" or region.mask is None:
            continue
        k, j, i = (axis + first for axis, first in zip(np.nonzero(region.mask), region.first_kji, strict=True))
        reader = region.attributes["reader"]
        for voxel in zip(k.tolist(), j.tolist(), i.tolist(), strict=True):
            votes.setdefault(voxel, set()).add(reader)
        for slice_k in np.unique(k):
            here = k == slice_k
            marks.append(SliceMark(int(slice_k), j[here], i[here], region.name, "nodule", region.attributes))
    needed = 1 if rule == "union" else (readers + 1) // 2
    kept: list[LabelledRegion] = []
    for lesion in lesions_of(marks):
        assert lesion.mask is not None
        who = lesion.attributes["reader"]
        facts = {**lesion.attributes, "readers": str(len(who.split("; "))), "of readers": str(readers)}
        voxels = np.argwhere(lesion.mask) + lesion.first_kji
        enough = np.array([len(votes[(int(k), int(j), int(i))]) >= needed for k, j, i in voxels])
        if enough.any():
            chosen = voxels[enough]
            parts = [SliceMark(int(k), chosen[chosen[:, 0] == k, 1], chosen[chosen[:, 0] == k, 2], "", "nodule", facts)
                     for k in np.unique(chosen[:, 0])]  # fmt: skip
            kept.append(region_of(f"lesion {len(kept) + 1}", parts))
    return tuple(kept)


FORMAT = TruthFormat(
    "lidc_xml",
    "LIDC-IDRI reading (LidcReadMessage)",
    read_lidc_xml,
    (
        TruthOption(
            "combine",
            "each reader's own marks, or nodules of all readers: voxels of any of them, or of at least half of them",
            ("readers", "union", "majority"),
            "readers",
        ),
        TruthOption("place", "slices by image UID, or by their z position", ("uid", "position"), "uid"),
        TruthOption("index_base", "number of the first column and row in the file", ("0", "1"), "0"),
    ),
)
