"""Simulated readers of chest CT: families of search rules, and one reading of one patient.

The gaze comes from stated rules and from what the volume shows; it stands in for recorded gaze where there is none and
says nothing about people. Families held out of training tell whether a model learned more than one family's habits.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from models.errors import ModelError
from models.scanpath import Scanpath
from models.simulation import search_rules
from models.simulation.chest_view import ChestView
from models.simulation.reading_record import Reading, Traits
from models.simulation.simulated_patients import SimulatedPatient


@dataclass(frozen=True)
class ReaderFamily:
    """A way to search.

    Attributes
    ----------
    summary
        The rules in one sentence, for lists.
    search
        Carries the reading out.
    held_out
        Whether the family is kept from training.
    """

    name: str
    summary: str
    search: Callable[[Reading], None]
    held_out: bool = False


_ALL = (
    ReaderFamily("driller-lung", "drills through one lung after the other", search_rules.driller_lung),
    ReaderFamily("driller-quadrant", "drills through the four quarters of the lungs", search_rules.driller_quadrant),
    ReaderFamily("scanner", "scans whole slices on one course from the top", search_rules.scanner),
    ReaderFamily(
        "scanner-zigzag", "scans slices row by row on one course from the bottom", search_rules.scanner_zigzag, True
    ),
    ReaderFamily(
        "driller-bottom-up", "drills in half runs from the base, left lung first", search_rules.driller_bottom_up, True
    ),
    ReaderFamily("drill-then-scan", "drills once, then scans in large steps", search_rules.drill_then_scan, True),
)
FAMILIES: Mapping[str, ReaderFamily] = MappingProxyType({family.name: family for family in _ALL})
TRAINING_FAMILIES: tuple[str, ...] = tuple(family.name for family in _ALL if not family.held_out)
HELD_OUT_FAMILIES: tuple[str, ...] = tuple(family.name for family in _ALL if family.held_out)


def read_case(patient: SimulatedPatient, family: str, *, seed: int, reader: str = "") -> Scanpath:
    """One reader's fixations on one patient, the same for the same arguments.

    Parameters
    ----------
    seed
        Decides this reading's chance events.
    reader
        Code of the reader: the same code in one family has the same habits on every patient and at every seed. Empty:
        a reader of that family whom the seed decides.

    Raises
    ------
    ModelError
        For a family that is not in `FAMILIES`.
    """
    if family not in FAMILIES:
        raise ModelError(
            f"there is no family of simulated readers named {family!r}", remedy=f"one of {', '.join(FAMILIES)}"
        )
    return read_view(ChestView.of(patient), patient, family, seed=seed, reader=reader)


def read_view(view: ChestView, patient: SimulatedPatient, family: str, *, seed: int, reader: str = "") -> Scanpath:
    """The same with the lesions that a view names, whatever the patient has; `family` is one of `FAMILIES`."""
    rules = FAMILIES[family]
    who = reader or f"{family}-{seed}"
    traits = Traits.draw(np.random.default_rng([_number(family), _number(who)]))
    rng = np.random.default_rng([seed, _number(family), _number(who), _number(patient.case)])
    reading = Reading(view, traits, rng)
    rules.search(reading)
    return Scanpath.from_voxels(
        reading.voxel_ijk,
        reading.duration_s,
        shape_kji=patient.volume.shape_kji,
        who=who,
        case=patient.case,
        patient=patient.patient,
        onset_s=reading.onset_s,
        affine_lps=patient.volume.affine_lps,
        source="simulated",
        trial=f"{family} {seed}",
        mm_per_degree=reading.mm_per_degree,
    )


def _number(text: str) -> int:
    return zlib.crc32(text.encode())
