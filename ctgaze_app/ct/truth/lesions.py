"""Marks on single slices, put together into lesions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.labelled_region import LabelledRegion

Indices = NDArray[np.int64]

NEIGHBOUR_SLICES = 1
SHARED_FRACTION = 0.25
"""Share of the smaller mark's pixels that two marks must have in common to be one lesion. A sphere of radius R, cut by
neighbouring slices, overlaps far more; two nodules side by side do not overlap at all (our choice)."""


@dataclass(frozen=True, eq=False)
class SliceMark:
    """Pixels of one slice: rows `j_index`, columns `i_index`.

    `key` joins marks whatever their place (a tracking identifier of the source); empty: only their place joins them.
    """

    k: int
    j_index: Indices = field(repr=False)
    i_index: Indices = field(repr=False)
    key: str = ""
    group: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of pixels."""
        return len(self.j_index)


def lesions_of(
    marks: Sequence[SliceMark], *, by_place: bool = True, name: str = "lesion", shared_fraction: float = SHARED_FRACTION
) -> tuple[LabelledRegion, ...]:
    """Join marks into lesions, numbered by their first slice, then from top to bottom and left to right.

    Two marks belong to one lesion when they carry the same key, or, with `by_place`, when their slices are the same or
    neighbours and they share at least `shared_fraction` of the smaller mark's pixels; and so on from mark to mark.
    Marks of different groups are never joined.
    """
    owner = list(range(len(marks)))

    def root(n: int) -> int:
        while owner[n] != n:
            owner[n] = owner[owner[n]]
            n = owner[n]
        return n

    flat = [set((mark.j_index * 1_000_003 + mark.i_index).tolist()) for mark in marks]
    for a, first in enumerate(marks):
        for b in range(a + 1, len(marks)):
            second = marks[b]
            if first.group != second.group:
                continue
            same = bool(first.key) and first.key == second.key
            if not same and by_place and abs(first.k - second.k) <= NEIGHBOUR_SLICES:
                smaller = min(len(flat[a]), len(flat[b]))
                same = smaller > 0 and len(flat[a] & flat[b]) >= shared_fraction * smaller
            if same:
                owner[root(b)] = root(a)
    joined: dict[int, list[SliceMark]] = {}
    for n, mark in enumerate(marks):
        if len(mark):
            joined.setdefault(root(n), []).append(mark)
    ordered = sorted(joined.values(), key=_first_pixel)
    return tuple(region_of(f"{name} {n}", members) for n, members in enumerate(ordered, start=1))


def region_of(name: str, marks: Sequence[SliceMark]) -> LabelledRegion:
    """One region out of marks (at least one pixel in all); of their attributes those on which all agree.

    An attribute that differs is given as its sorted values, joined by a semicolon.
    """
    k = np.concatenate([np.full(len(mark), mark.k) for mark in marks])
    j = np.concatenate([mark.j_index for mark in marks])
    i = np.concatenate([mark.i_index for mark in marks])
    first = (int(k.min()), int(j.min()), int(i.min()))
    last = (int(k.max()), int(j.max()), int(i.max()))
    mask = np.zeros(tuple(b - a + 1 for a, b in zip(first, last, strict=True)), dtype=bool)
    mask[k - first[0], j - first[1], i - first[2]] = True
    keys = dict.fromkeys(key for mark in marks for key in mark.attributes)
    attributes = {key: "; ".join(sorted({m.attributes[key] for m in marks if key in m.attributes})) for key in keys}
    return LabelledRegion(name, first, last, mask, marks[0].group, attributes)


def _first_pixel(marks: Sequence[SliceMark]) -> tuple[int, int, int]:
    return min((mark.k, int(mark.j_index.min()), int(mark.i_index.min())) for mark in marks)


def unique_names(regions: Sequence[LabelledRegion]) -> tuple[LabelledRegion, ...]:
    """The same regions, those that share a name numbered: ``name``, ``name (2)`` and so on."""
    from dataclasses import replace

    seen: dict[str, int] = {}
    named = []
    for region in regions:
        seen[region.name] = seen.get(region.name, 0) + 1
        count = seen[region.name]
        named.append(region if count == 1 else replace(region, name=f"{region.name} ({count})"))
    return tuple(named)
