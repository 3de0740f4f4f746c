"""Floors: scan paths that know nothing of the case. A score means something only above them.

Each takes the target (the case, the number of fixations and their durations) and gives a `Scanpath` on it. Length
dominates most scan-path scores, so floors have the length of the path that they are scored against: they are told how
many fixations there were and how long they took together, and nothing else. Whatever comes from people comes from other
patients; a floor that has no other patient raises `NoFloorError` with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.scanpath import Scanpath, Source
from models.simulation.markov_reader import Box, MarkovReader

Floats = NDArray[np.float64]
Seed = int | Sequence[int]

UNIFORM: Final = "uniform"
CENTRE: Final = "centre"
SHUFFLE: Final = "length-matched shuffle"
OTHER_PATIENT: Final = "other patient, body-normalised"
SAW_TOOTH: Final = "saw-tooth sweep"
MARKOV: Final = "Markov reader"
FLOORS: Final = (UNIFORM, CENTRE, SHUFFLE, OTHER_PATIENT, SAW_TOOTH, MARKOV)


class NoFloorError(ValueError):
    """A floor cannot be made for this target; the message says why."""


@dataclass(frozen=True, eq=False)
class Target:
    """What a floor is made for.

    Attributes
    ----------
    like
        The scan path that the floor will be scored against; only its case, its number of fixations and its durations
        are used.
    body
        Box of the body; None: the whole volume.
    lungs_kji
        Mask of the lungs (slices, rows, columns), or None.
    """

    like: Scanpath
    body: Box | None = None
    lungs_kji: NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def box(self) -> Box:
        """The body's box, or the volume's."""
        return Box.of_volume(self.like.shape_kji) if self.body is None else self.body

    def path(self, name: str, voxel_ijk: ArrayLike, duration_s: ArrayLike) -> Scanpath:
        """A floor on this case; places beyond the volume are moved to its border voxels."""
        last = np.array(self.like.shape_kji[::-1], dtype=np.float64) - 1
        return Scanpath.from_voxels(
            np.clip(np.asarray(voxel_ijk, dtype=np.float64), 0, last),
            duration_s,
            shape_kji=self.like.shape_kji,
            who=name,
            case=self.like.case,
            patient=self.like.patient,
            affine_lps=self.like.affine_lps,
            source="simulated",
            mm_per_degree=self.like.mm_per_degree,
        )

    def even_durations_s(self) -> Floats:
        """(N,) the mean duration, N times: the total is known to a floor, its course is not."""
        count = len(self.like)
        return np.full(count, self.like.duration_s.mean() if count else 0.0)


def uniform(target: Target, seed: Seed) -> Scanpath:
    """Every fixation anywhere in the body's box with the same chance, each as long as the mean."""
    shares = np.random.default_rng(seed).random((len(target.like), 3))
    return target.path(UNIFORM, target.box.to_voxels(shares), target.even_durations_s())


def centre(target: Target, seed: Seed, *, sigma_share: float = 1 / 6) -> Scanpath:
    """Fixations about the middle of the body's box, each as long as the mean.

    Gaussian on all three axes; the sigma is a sixth of each side, so that three of them reach its edge.
    """
    shares = np.random.default_rng(seed).normal(0.5, sigma_share, (len(target.like), 3))
    return target.path(CENTRE, target.box.to_voxels(np.clip(shares, 0, 1)), target.even_durations_s())


def length_matched_shuffle(target: Target, donors: Sequence[Scanpath], seed: Seed) -> Scanpath:
    """Another patient's whole path, cut or repeated from its start to the number of fixations.

    Never the target's own path reordered and never a path of the same patient. Places are kept as shares of the volume
    (not of the body); durations are the donor's.

    Parameters
    ----------
    donors
        Paths to draw from; those of the target's patient are passed over.

    Raises
    ------
    NoFloorError
        When no donor is another patient with a fixation.
    """
    donor = _another_patient(target, donors, seed)
    rows = np.arange(len(target.like)) % len(donor)
    shares = Box.of_volume(donor.shape_kji).to_shares(donor.voxel_ijk[rows])
    voxel = Box.of_volume(target.like.shape_kji).to_voxels(shares)
    return target.path(SHUFFLE, voxel, donor.duration_s[rows])


def other_patient(
    target: Target, donors: Sequence[Scanpath], seed: Seed, *, bodies: Sequence[Box] | None = None
) -> Scanpath:
    """Another patient's path by one of the target's kind, as it is (its own length and durations), moved from body box
    to body box: a human path, and only where the target is a simulated reader's a simulated reader's.

    Parameters
    ----------
    bodies
        Box of the body in each donor's volume; None: the whole volumes.

    Raises
    ------
    NoFloorError
        When no donor of that kind is of another patient.
    """
    lender = lender_of(target.like)
    boxes = [Box.of_volume(path.shape_kji) for path in donors] if bodies is None else bodies
    kept = [(path, box) for path, box in zip(donors, boxes, strict=True) if path.source == lender]
    if not kept:
        kind = "human path" if lender == "reader" else "path of a simulated reader"
        raise NoFloorError(f"there is no {kind}")
    donor = _another_patient(target, [path for path, _ in kept], seed)
    body = next(box for path, box in kept if path is donor)
    return target.path(OTHER_PATIENT, target.box.to_voxels(body.to_shares(donor.voxel_ijk)), donor.duration_s)


def lender_of(reference: Scanpath) -> Source:
    """Whose paths `other_patient` draws from for a reference: readers', and simulated ones' for a simulated reader."""
    return "simulated" if reference.source == "simulated" else "reader"


def saw_tooth(target: Target, *, passes: int = 4) -> Scanpath:
    """A sweep through the lungs as a driller makes it: from a lung's first slice to its last and back, `passes` times,
    one lung (the half of lower columns, then the other) after the other, each as long as the mean.

    Place: the centre of that lung on that slice, or its voxel nearest to the centre where that is no lung. Without a
    lung mask: the whole body box, a quarter and three quarters across, half way down. Nothing is drawn by chance.
    """
    count = len(target.like)
    course = np.linspace(0, passes, count, endpoint=False) + passes / max(2 * count, 1)
    pass_number = np.minimum(course.astype(np.intp), passes - 1)
    share = course - pass_number
    share = np.where(pass_number % 2 == 0, share, 1 - share)
    side = pass_number * 2 // passes % 2 if passes > 1 else np.zeros(count, dtype=np.intp)
    if target.lungs_kji is None:
        voxel = target.box.to_voxels(np.stack([0.25 + 0.5 * side, np.full(count, 0.5), share], axis=1))
        return target.path(SAW_TOOTH, voxel, target.even_durations_s())
    if target.lungs_kji.shape != tuple(target.like.shape_kji):
        raise ValueError(f"the lung mask has the shape {target.lungs_kji.shape}, the volume {target.like.shape_kji}")
    voxel = np.empty((count, 3))
    for number, lung in enumerate(_lung_places(target.lungs_kji)):
        first, last = lung[0, 2] - 0.5, lung[-1, 2] + 0.5
        nearest = np.abs(lung[:, 2] - (first + share * (last - first))[:, None]).argmin(axis=1)
        voxel[side == number] = lung[nearest[side == number]]
    return target.path(SAW_TOOTH, voxel, target.even_durations_s())


def markov(target: Target, reader: MarkovReader, seed: Seed) -> Scanpath:
    """The path of a Markov reader taught on other patients; durations are its own.

    Raises
    ------
    NoFloorError
        When the target's patient is among those that taught it.
    """
    if target.like.patient in reader.patients:
        raise NoFloorError(f"patient {target.like.patient} is among the training data")
    shares, duration_s = reader.sample(len(target.like), seed)
    return target.path(MARKOV, target.box.to_voxels(shares), duration_s)


def _another_patient(target: Target, donors: Sequence[Scanpath], seed: Seed) -> Scanpath:
    others = [path for path in donors if path.patient != target.like.patient and len(path)]
    if not others:
        raise NoFloorError("there is no path of another patient")
    return others[int(np.random.default_rng(seed).integers(len(others)))]


def _lung_places(lungs_kji: NDArray[np.bool_]) -> list[Floats]:
    """Per side (low columns, high columns): (M, 3) a voxel of it on each slice k that has any, by ascending slices; an
    empty side takes the other's."""
    box = Box.of_mask(lungs_kji)
    middle_i = (box.low_ijk[0] + box.high_ijk[0]) / 2
    columns, rows = np.arange(lungs_kji.shape[2]), np.arange(lungs_kji.shape[1])
    sides = []
    for of_side in (columns <= middle_i, columns > middle_i):
        half = lungs_kji & of_side
        per_row, per_column = half.sum(axis=2), half.sum(axis=1)
        area = per_row.sum(axis=1)
        k = np.flatnonzero(area)
        places = np.column_stack([per_column[k] @ columns / area[k], per_row[k] @ rows / area[k], k])
        for place, of_slice in zip(places, half[k], strict=True):
            i, j = np.floor(place[:2] + 0.5).astype(np.intp)
            # A lung bends around the heart and over the liver: its centre may lie in them.
            if not of_slice[j, i]:
                found = np.argwhere(of_slice)[:, ::-1]
                place[:2] = found[((found - place[:2]) ** 2).sum(axis=1).argmin()]
        sides.append(places)
    return [side if len(side) else sides[1 - number] for number, side in enumerate(sides)]
