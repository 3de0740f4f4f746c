"""How simulated readers search: the rules of each family, spoken in lungs, thirds of lungs and ways through the slices.

Drew et al. 2013 (J Vis 13(10):3): drillers keep the eye in one region of the lungs while they scroll through the slices
and go on to the next region; scanners search a whole slice before they scroll on. Runs through the whole stack or half
of it and the number of courses: den Boer et al. 2018 and Ba et al. 2020 (J Med Imaging 7(4):045501). A first quick look
at everything, then the search: the global-focal model (Kundel & Nodine). The orders of regions are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.simulation.chest_view import BACK, FRONT, LEFT, MIDDLE, RIGHT
from models.simulation.reading_record import Reading

Floats = NDArray[np.float64]
Region = tuple[int, int]
"""Side and third of a lung."""


def driller_lung(reading: Reading) -> None:
    """Overview; then one lung after the other, the conspicuous one first: down its back, up its front; look again at
    the finds of that lung; last the mediastinum from the top."""
    overview(reading)
    for side in sides_by_interest(reading):
        top, bottom = lung_ends(reading, side)
        drill(reading, (side, BACK), top, bottom)
        drill(reading, (side, FRONT), bottom, top)
        reading.look_again([each for each in reading.found if on_side(reading, each.ij) == side])
    mediastinum(reading)
    reading.look_again(reading.found)


def driller_quadrant(reading: Reading) -> None:
    """Overview; then the four quarters that the two lungs and their front and back make, once around from the
    conspicuous lung's front, down and up in turns; the mediastinum; look again at all finds."""
    overview(reading)
    first, second = sides_by_interest(reading)
    down = True
    for side, third in ((first, FRONT), (first, BACK), (second, BACK), (second, FRONT)):
        top, bottom = lung_ends(reading, side)
        drill(reading, (side, third), *((top, bottom) if down else (bottom, top)))
        down = not down
    mediastinum(reading)
    reading.look_again(reading.found)
    reading.look_again(reading.found)


def scanner(reading: Reading) -> None:
    """One course from the top: on each slice where the reader stops a round through both lungs, from the right lung's
    front over its back and the mediastinum to the left lung's front; at the end look again at all finds."""
    round_trip: tuple[Region | None, ...] = (
        (RIGHT, FRONT), (RIGHT, MIDDLE), (RIGHT, BACK), None, (LEFT, BACK), (LEFT, MIDDLE), (LEFT, FRONT),
    )  # fmt: skip
    for slice_k in stops(reading, downwards=True):
        scan_slice(reading, slice_k, round_trip)
    reading.look_again(reading.found)


def scanner_zigzag(reading: Reading) -> None:
    """One course from the bottom: on each slice row after row from front to back, the rows in turns from right to left
    and from left to right; then look again at all finds, and a quick course down."""
    rows: tuple[Region | None, ...] = (
        (RIGHT, FRONT), (LEFT, FRONT), (LEFT, MIDDLE), None, (RIGHT, MIDDLE), (RIGHT, BACK), (LEFT, BACK),
    )  # fmt: skip
    for slice_k in stops(reading, downwards=False):
        scan_slice(reading, slice_k, rows)
    reading.look_again(reading.found)
    overview(reading)
    reading.look_again(reading.found)


def driller_bottom_up(reading: Reading) -> None:
    """No overview; the mediastinum first; then the left lung and the right one in half runs from the base: up the
    lower half and down again, then the upper half."""
    mediastinum(reading)
    for side in (LEFT, RIGHT):
        top, bottom = lung_ends(reading, side)
        middle = (top + bottom) // 2
        drill(reading, (side, BACK), bottom, middle)
        drill(reading, (side, FRONT), middle, bottom)
        drill(reading, (side, MIDDLE), bottom, top)
        reading.look_again([each for each in reading.found if on_side(reading, each.ij) == side])
    reading.look_again(reading.found)


def drill_then_scan(reading: Reading) -> None:
    """Overview; down the conspicuous lung, up the other; then a scanner's course down with half as many stops."""
    overview(reading)
    first, second = sides_by_interest(reading)
    drill(reading, (first, MIDDLE), *lung_ends(reading, first))
    drill(reading, (second, MIDDLE), *reversed(lung_ends(reading, second)))
    reading.look_again(reading.found)
    for slice_k in stops(reading, downwards=True)[::2]:
        scan_slice(reading, slice_k, ((LEFT, FRONT), (LEFT, BACK), None, (RIGHT, BACK), (RIGHT, FRONT)))
    reading.look_again(reading.found)


def overview(reading: Reading) -> None:
    """One quick course from the first slice to the last between the lungs; what stands out is inspected afterwards,
    the most conspicuous first."""
    slices = reading.view.shape_kji[0]
    known = len(reading.found)
    previous = 0
    for slice_k in _way(0, slices - 1, reading.slices(reading.traits.overview_step_mm), reading.rng):
        reading.fixate(reading.view.mediastinum_ij[slice_k], slice_k, reading.traits.search_s)
        reading.notice(previous)
        previous = slice_k
    for lesion in sorted(reading.found[known:], key=lambda each: -each.conspicuity):
        reading.decide_on(lesion)


def drill(reading: Reading, region: Region, start: int, end: int) -> None:
    """Scroll through a lung with the eye resting in one third of it; stop for what is noticed and go on from there."""
    side, third = region
    traits, view = reading.traits, reading.view
    previous = start
    for slice_k in _way(start, end, reading.slices(traits.drill_step_mm), reading.rng):
        place = view.thirds_ij[side, third, slice_k]
        if reading.rng.random() < traits.glance_share:
            others = [view.thirds_ij[side, each, slice_k] for each in range(3) if each != third]
            place = [*others, view.mediastinum_ij[slice_k]][int(reading.rng.integers(3))]
        reading.fixate(place, slice_k, traits.search_s)
        for lesion in reading.notice(previous):
            reading.decide_on(lesion)
        previous = slice_k


def mediastinum(reading: Reading) -> None:
    """One course down the mediastinum and the heart in larger steps; it may still show a lesion beside it."""
    view, traits = reading.view, reading.traits
    previous = top = min(view.first_slice)
    for slice_k in _way(top, max(view.last_slice), 1.5 * reading.slices(traits.drill_step_mm), reading.rng):
        reading.fixate(view.mediastinum_ij[slice_k], slice_k, traits.search_s)
        for lesion in reading.notice(previous):
            reading.decide_on(lesion)
        previous = slice_k


def scan_slice(reading: Reading, slice_k: int, places: Iterable[Region | None]) -> None:
    """Look at one place after the other (None: the mediastinum) while the stack creeps on by a slice or so."""
    view, traits = reading.view, reading.traits
    previous = reading.slice_k
    for region in places:
        now = int(np.clip(slice_k + reading.rng.integers(-1, 2), 0, view.shape_kji[0] - 1))
        place = view.mediastinum_ij[now] if region is None else view.thirds_ij[(*region, now)]
        reading.fixate(place, now, traits.scan_s)
        for lesion in reading.notice(previous):
            reading.decide_on(lesion)
        previous = now


def stops(reading: Reading, *, downwards: bool) -> list[int]:
    """Slices at which a scanner stops on the way through both lungs."""
    ends = (min(reading.view.first_slice), max(reading.view.last_slice))
    start, end = ends if downwards else ends[::-1]
    return _way(start, end, reading.slices(reading.traits.scan_step_mm), reading.rng)


def lung_ends(reading: Reading, side: int) -> tuple[int, int]:
    """First and last slice of a lung."""
    return reading.view.first_slice[side], reading.view.last_slice[side]


def sides_by_interest(reading: Reading) -> Sequence[int]:
    """The lung with the most conspicuous find so far, then the other; without a find the right one first."""
    if not reading.found:
        return RIGHT, LEFT
    first = on_side(reading, max(reading.found, key=lambda each: each.conspicuity).ij)
    return first, 1 - first


def on_side(reading: Reading, ij: Floats) -> int:
    """The lung that a place is nearer to, across."""
    return LEFT if ij[0] > reading.view.mediastinum_ij[:, 0].mean() else RIGHT


def _way(start: int, end: int, step: float, rng: np.random.Generator) -> list[int]:
    """Slices from start to end, both included, in steps of about `step` slices that vary by a sixth."""
    count = max(round(abs(end - start) / max(step, 1.0)), 1)
    places = np.linspace(start, end, count + 1)
    places[1:-1] += rng.normal(0, step / 6, count - 1)
    return [int(value) for value in np.clip(np.rint(places), min(start, end), max(start, end))]
