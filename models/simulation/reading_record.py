"""A simulated reader at work: where the eye and the stack are, what has been noticed, and the fixations made so far.

What all families share, with its sources: the useful field of view of about 2.5 degrees radius and the decision dwell
of about 1 s (Kundel, Nodine & Carmody 1978); detection within about 3 cm of the gaze while scrolling (Rubin et al.
2015, Radiology); lesions seen because they appear and vanish between slices while the eye rests (Drew et al. 2013,
J Vis 13(10):3); oscillations over a few slices about a find (den Boer et al. 2018, Adv Health Sci Educ 23:783); scroll
rates of 5 to 10 slices/s (Atkins et al. 2009, J Digit Imaging 22:369). Numbers without a source are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulation.chest_view import ChestView, VisibleLesion

Floats = NDArray[np.float64]

SACCADE_S = 0.04
HALF_SIGNAL = 0.35
"""Conspicuity, after its fall with the distance from the gaze, at which a lesion is noticed half of the time."""
CONTEXT_EVERY = 5
"""One in so many fixations of an inspection goes to what surrounds the lesion."""


@dataclass(frozen=True)
class Traits:
    """One reader's habits.

    Attributes
    ----------
    useful_field_deg
        Distance from the gaze at which a lesion's signal has fallen to exp(-1/2) = 0.61; what is more conspicuous is
        noticed further out (conspicuity area: Engel 1971, Vision Research 11:563).
    search_s, scan_s, decision_s
        Median duration of a fixation while drilling, while scanning a slice, and on a lesion.
    duration_log_sd
        Standard deviation of ln(duration).
    drill_step_mm, overview_step_mm, scan_step_mm
        Way along the slices between two fixations of a drill, of the first overview, and between the slices at which
        a scanner stops.
    wander_deg
        Standard deviation of the eye's place about the one that the rules say.
    glance_share
        Share of drill fixations that leave the region: to another third of that lung, or to the mediastinum.
    decision_fixations
        On a lesion when it is found, for a single lesion of average conspicuity.
    return_chance
        To look again at a find when a region is done.
    degrees_across
        Visual angle of a whole slice's side: an image of 27 cm at 60 cm is 25 degrees.
    """

    useful_field_deg: float
    search_s: float
    scan_s: float
    decision_s: float
    duration_log_sd: float
    drill_step_mm: float
    overview_step_mm: float
    scan_step_mm: float
    wander_deg: float
    glance_share: float
    decision_fixations: float
    return_chance: float
    degrees_across: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Traits:
        """One reader; all spreads are ours."""

        def about(value: float, log_sd: float) -> float:
            return float(value * np.exp(np.clip(rng.normal(0, log_sd), -2 * log_sd, 2 * log_sd)))

        return cls(
            useful_field_deg=about(2.5, 0.1),
            search_s=about(0.36, 0.1),
            scan_s=about(0.28, 0.1),
            decision_s=about(0.48, 0.1),
            duration_log_sd=about(0.32, 0.1),
            drill_step_mm=about(11.0, 0.08),
            overview_step_mm=about(22.0, 0.1),
            scan_step_mm=about(22.0, 0.08),
            wander_deg=about(0.45, 0.15),
            glance_share=about(0.08, 0.2),
            decision_fixations=about(9.0, 0.12),
            return_chance=float(rng.uniform(0.75, 0.95)),
            degrees_across=about(25.0, 0.08),
        )


class Reading:
    """Records fixations as rules ask for them and notices lesions on the way.

    Parameters
    ----------
    view
        What there is to see.
    traits
        The reader's.
    rng
        All chance of this reading.
    """

    def __init__(self, view: ChestView, traits: Traits, rng: np.random.Generator) -> None:
        self.view = view
        self.traits = traits
        self.rng = rng
        self.mm_per_degree = float(view.shape_kji[2] * view.spacing_ijk_mm[0]) / traits.degrees_across
        self.found: list[VisibleLesion] = []
        self.slice_k = 0
        self._ijk: list[tuple[float, float, int]] = []
        self._duration_s: list[float] = []
        self._last_ijk = np.array(view.shape_kji[::-1], dtype=np.float64) - 1

    @property
    def voxel_ijk(self) -> Floats:
        """(N, 3) column, row, slice of the fixations so far."""
        return np.array(self._ijk, dtype=np.float64).reshape(-1, 3)

    @property
    def duration_s(self) -> Floats:
        """(N,) seconds."""
        return np.array(self._duration_s)

    @property
    def onset_s(self) -> Floats:
        """(N,) seconds; a saccade lies between two fixations."""
        duration = self.duration_s
        return np.cumsum(duration) - duration + SACCADE_S * np.arange(1, len(duration) + 1)

    def slices(self, distance_mm: float) -> float:
        """A way along the stack in slices, not rounded."""
        return distance_mm / float(self.view.spacing_ijk_mm[2])

    def fixate(self, ij: Floats, slice_k: float, median_s: float, *, spread_deg: float | None = None) -> None:
        """Scroll to a slice and look at a place on it, about as exactly as the reader does."""
        spread = self.traits.wander_deg if spread_deg is None else spread_deg
        around = self.rng.normal(0, spread * self.mm_per_degree, 2) / self.view.spacing_ijk_mm[:2]
        i, j = np.clip(ij + around, 0, self._last_ijk[:2])
        self.slice_k = int(np.clip(round(slice_k), 0, self._last_ijk[2]))
        self._ijk.append((float(i), float(j), self.slice_k))
        self._duration_s.append(float(median_s * self.rng.lognormal(0, self.traits.duration_log_sd)))

    def notice(self, from_slice: int) -> list[VisibleLesion]:
        """Lesions that this fixation and the slices since the last one bring to notice, nearest first."""
        low, high = sorted((from_slice, self.slice_k))
        gaze = np.array(self._ijk[-1][:2])
        seen: list[tuple[float, VisibleLesion]] = []
        for lesion in self.view.lesions:
            passed = low <= lesion.slice_k + lesion.reach_slices and high >= lesion.slice_k - lesion.reach_slices
            if not passed or any(lesion is each for each in self.found):
                continue
            apart_mm = float(np.linalg.norm((lesion.ij - gaze) * self.view.spacing_ijk_mm[:2]))
            beyond_deg = max(apart_mm - lesion.radius_mm, 0.0) / self.mm_per_degree
            signal = lesion.conspicuity * np.exp(-0.5 * (beyond_deg / self.traits.useful_field_deg) ** 2)
            if self.rng.random() < signal**3 / (signal**3 + HALF_SIGNAL**3):
                seen.append((apart_mm, lesion))
        found = [lesion for _, lesion in sorted(seen, key=lambda each: each[0])]
        self.found += found
        return found

    def inspect(self, lesion: VisibleLesion, fixations: float) -> None:
        """Dwell on a lesion: on its middle slice, then over its slices to and fro, with looks at what surrounds it."""
        reach = lesion.reach_slices
        tour = (0, 0, reach // 2, reach, reach // 2, 0, -(reach // 2), -reach, -(reach // 2), 0)
        for number in range(max(round(fixations), 2)):
            ij, spread = lesion.ij, 0.3
            if number % CONTEXT_EVERY == CONTEXT_EVERY - 1:
                turn = self.rng.uniform(0, 2 * np.pi)
                away_mm = lesion.radius_mm + self.mm_per_degree * self.rng.uniform(0.5, 1.5)
                ij = ij + away_mm * np.array([np.cos(turn), np.sin(turn)]) / self.view.spacing_ijk_mm[:2]
            longer = 1.5 if number == 1 else 1.0
            self.fixate(
                ij, lesion.slice_k + tour[number % len(tour)], longer * self.traits.decision_s, spread_deg=spread
            )

    def decide_on(self, lesion: VisibleLesion) -> None:
        """The first, long inspection of a find; shorter where there are many."""
        harder = 1.3 if lesion.conspicuity < 0.8 else 1.0
        self.inspect(lesion, harder * self.traits.decision_fixations / (1 + 0.12 * (len(self.found) - 1)))

    def look_again(self, lesions: list[VisibleLesion]) -> None:
        """Return to finds from head to feet, each with the reader's chance to return."""
        for lesion in sorted(lesions, key=lambda each: each.slice_k):
            if self.rng.random() < self.traits.return_chance:
                self.inspect(lesion, 0.6 * self.traits.decision_fixations / (1 + 0.12 * (len(self.found) - 1)))
