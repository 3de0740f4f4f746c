"""Which files belong together: by UID, picture size, direction and kernel, then by acquisition where slices collide."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from ctgaze_app.ct.decoding import stored_pixels
from ctgaze_app.ct.geometry import reading_normal, unit_directions
from ctgaze_app.ct.headers import SliceHeader
from ctgaze_app.errors import SeriesError

SAME_PLACE_MM = 0.01
SAME_DIRECTION_COSINE = 1e-3  # anonymisers and converters round direction cosines to about 1e-5
PROJECTIONS = ("CR", "DX", "MG", "IO", "PX", "RG", "XC", "ES", "GM", "SM", "OP")
"""Radiographs and photographs: two of them never make a stack, even where they share a series."""

FEW_SLICES = 3  # as many as a scan's localizers usually are


@dataclass(frozen=True)
class SeriesGroup:
    """Slices that make one stack, in the order in which they are shown.

    Attributes
    ----------
    key
        Series UID, with ``#n`` where one UID had to be split. Identifying.
    with_positions
        False when the files do not say where the slices lie, and the order is that of their instance numbers.
    duplicates, left_out
        Number of identical copies dropped, and of pictures of another direction, size or kernel left out.
    conflict
        Why the group cannot be one stack; empty when it can.
    """

    headers: tuple[SliceHeader, ...] = field(repr=False)
    key: str = field(repr=False)
    with_positions: bool
    duplicates: int = 0
    left_out: int = 0
    conflict: str = ""

    @property
    def localizer(self) -> bool:
        """Whether these are planning pictures, not a scan."""
        return self.headers[0].localizer and len(self.headers) <= FEW_SLICES

    @property
    def picture(self) -> bool:
        """Whether this is one picture without a place in a stack: a radiograph, a photograph, a picture file."""
        first = self.headers[0]
        placed = first.position_lps_mm is not None and first.orientation is not None
        return len(self.headers) == 1 and first.modality != "CT" and (first.colour or not placed)


def group_series(headers: Sequence[SliceHeader]) -> list[SeriesGroup]:
    """Groups in an order that does not depend on the files' order: series number, then size, then UID."""
    by_uid: dict[str, list[SliceHeader]] = defaultdict(list)
    for header in sorted(headers, key=_stable):
        by_uid[header.series_uid or header.study_uid].append(header)
    groups: list[SeriesGroup] = []
    for members in by_uid.values():
        parts: list[SeriesGroup] = []
        for stack, left_out in _same_picture(members):
            parts += [replace(part, left_out=left_out) for part in _collision_free(stack)]
        uid = members[0].series_uid
        parts.sort(key=_rank)
        groups += [replace(part, key=uid if len(parts) == 1 else f"{uid}#{n}") for n, part in enumerate(parts)]
    return sorted(groups, key=_rank)


def _stable(header: SliceHeader) -> tuple[object, ...]:
    place = header.position_lps_mm or ()
    return (header.series_uid, header.instance_number or 0, header.sop_instance_uid, place, header.path.name)


def _rank(group: SeriesGroup) -> tuple[object, ...]:
    first = group.headers[0]
    time = first.acquisition_time + first.content_time
    return (first.series_number, -len(group.headers), first.acquisition_number or 0, time, _stable(first))


def _same_picture(members: list[SliceHeader]) -> list[tuple[list[SliceHeader], int]]:
    """Split by size, spacing, direction, kernel and kind; a few odd ones beside a stack are left out as localizers."""
    stacks: list[list[SliceHeader]] = []
    for header in members:
        stack = next((stack for stack in stacks if _alike(stack[0], header)), None)
        if stack is None:
            stacks.append([header])
        else:
            stack.append(header)
    stacks.sort(key=lambda stack: (-len(stack), _stable(stack[0])))
    main = stacks[0]
    if len(stacks) > 1 and len(main) > FEW_SLICES:
        kept = [stack for stack in stacks if stack is main or len(stack) > FEW_SLICES]
        dropped = sum(len(stack) for stack in stacks) - sum(len(stack) for stack in kept)
        return [(stack, dropped if stack is main else 0) for stack in kept]
    return [(stack, 0) for stack in stacks]


def _alike(a: SliceHeader, b: SliceHeader) -> bool:
    if any(header.colour or header.modality in PROJECTIONS for header in (a, b)):
        return False
    same = ("modality", "localizer", "rows", "columns", "samples")
    if any(getattr(a, name) != getattr(b, name) for name in same) or (a.frames > 1) != (b.frames > 1):
        return False
    pairs = ((a.orientation, b.orientation, SAME_DIRECTION_COSINE), (a.pixel_spacing, b.pixel_spacing, 1e-4))
    for left, right, tolerance in pairs:
        # A file that does not say is no reason to split: the stack as a whole is then one without positions.
        if left is not None and right is not None and not np.allclose(left, right, rtol=0, atol=tolerance):
            return False
    # One reconstruction is one stack (3D Slicer, highdicom); a file that does not name its kernel goes with the others.
    return not (a.kernel and b.kernel and a.kernel != b.kernel)


def _collision_free(stack: list[SliceHeader]) -> list[SeriesGroup]:
    ordered, with_positions, places = _ordered(stack)
    ordered, places, duplicates = _without_copies(ordered, places)
    most = max(places.count(place) for place in set(places))
    if most == 1 or ordered[0].frames > 1:
        return [SeriesGroup(tuple(ordered), "", with_positions, duplicates)]
    splits: tuple[Callable[[SliceHeader], Hashable], ...] = (
        lambda header: header.acquisition_number,
        lambda header: header.acquisition_time,
        lambda header: header.content_time,
    )
    for split in splits:
        parts: dict[Hashable, list[int]] = defaultdict(list)
        for n, header in enumerate(ordered):
            parts[split(header)].append(n)
        # As many parts as slices share a place: more would tear one scan apart (a time of its own for every slice).
        if len(parts) == most and all(len({places[n] for n in part}) == len(part) for part in parts.values()):
            return [
                SeriesGroup(tuple(ordered[n] for n in part), "", with_positions, duplicates if m == 0 else 0)
                for m, part in enumerate(parts.values())
            ]
    where = "position" if with_positions else "instance number (and no positions)"
    conflict = f"different pictures have the same {where} and nothing tells which belong together"
    return [SeriesGroup(tuple(ordered), "", with_positions, duplicates, conflict=conflict)]


def _ordered(stack: list[SliceHeader]) -> tuple[list[SliceHeader], bool, list[int]]:
    """Slices in shown order, whether that came from positions, and a number for each distinct place."""
    first = stack[0]
    if len(stack) > 1 and any(h.position_lps_mm is None or h.orientation is None for h in stack):
        by_number = sorted(stack, key=_stable)
        return by_number, False, _places([float(h.instance_number or 0) for h in by_number], 0.5)
    if first.position_lps_mm is None or first.orientation is None:
        return stack, False, [0]
    try:
        normal = reading_normal(unit_directions(first.orientation)[2])
    except ValueError as error:
        raise SeriesError(
            f"the picture's direction makes no sense: {error}", place=str(first.path), remedy="export the series again"
        ) from error
    depth = {id(h): float(np.dot(h.position_lps_mm or (), normal)) for h in stack}
    # Depths are compared in steps far below any real slice distance, so that rounding cannot beat the tie-break.
    by_depth = sorted(stack, key=lambda h: (round(depth[id(h)], 4), _stable(h)))
    return by_depth, True, _places([depth[id(h)] for h in by_depth], SAME_PLACE_MM)


def _places(values: list[float], tolerance: float) -> list[int]:
    places, place = [0], 0
    for before, here in pairwise(values):
        place += abs(here - before) > tolerance
        places.append(place)
    return places


def _without_copies(headers: list[SliceHeader], places: list[int]) -> tuple[list[SliceHeader], list[int], int]:
    """Drop slices that share their place and every pixel with an earlier one."""
    if len(set(places)) == len(places):
        return headers, places, 0
    seen: set[tuple[int, str]] = set()
    kept: list[int] = []
    for n, (header, place) in enumerate(zip(headers, places, strict=True)):
        if places.count(place) > 1 and header.frames == 1:
            mark = (place, _fingerprint(header))
            if mark in seen:
                continue
            seen.add(mark)
        kept.append(n)
    return [headers[n] for n in kept], [places[n] for n in kept], len(headers) - len(kept)


def _fingerprint(header: SliceHeader) -> str:
    content = hashlib.sha256(np.ascontiguousarray(stored_pixels(header)).view(np.uint8).data)
    content.update(repr((header.slope, header.intercept, header.photometric)).encode())
    return content.hexdigest()
