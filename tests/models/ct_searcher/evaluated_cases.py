"""Small cases with simulated readings, and stand-ins for models, for the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.ct_searcher.candidates import Predictor
from models.ct_searcher.evaluation_report import EvaluatedModel
from models.datasets.case import Lesion, TrainingCase
from models.metrics.comparison_report import ComparisonParameters
from models.metrics.heat_map import MapParameters
from models.metrics.measures import MeasureParameters
from models.scanpath import Scanpath, Source
from models.volumes import CtVolume

SHAPE_KJI = (20, 24, 24)
AFFINE_LPS = np.diag([12.0, 12.0, -8.0, 1.0])
"""Slices run from the head to the feet."""
QUICK = ComparisonParameters(MeasureParameters(map=MapParameters(15, "mm", 1.0)), floor_draws=1, resamples=200)


def volume_of(case: str, patient: str = "") -> CtVolume:
    """Air around a body of soft tissue; the spot of 500 HU at `target_of` is what there is to see."""
    hu = np.full(SHAPE_KJI, -1000, dtype=np.int16)
    hu[:, 3:21, 2:22] = 30
    i, j, k = target_of(case)
    hu[k, j, i] = 500
    return CtVolume(hu, AFFINE_LPS, case, patient)


def target_of(case: str) -> tuple[int, int, int]:
    """Column, row and slice of the case's spot, by the number in its code."""
    random = np.random.default_rng(int(case[1:]))
    return int(random.integers(4, 20)), int(random.integers(5, 19)), int(random.integers(2, 18))


def reading_of(
    case: str,
    who: str,
    count: int,
    seed: int,
    *,
    source: Source = "simulated",
    near: tuple[int, int, int] | None = None,
) -> Scanpath:
    """Fixations about the case's spot, or about `near`."""
    random = np.random.default_rng([seed, *map(ord, case + who)])
    voxel = np.array(target_of(case) if near is None else near) + random.normal(0, 1.0, (count, 3))
    return Scanpath.from_voxels(
        np.clip(voxel, 0, np.array(SHAPE_KJI[::-1]) - 1), random.gamma(4, 0.07, count), shape_kji=SHAPE_KJI, who=who,
        case=case, patient=f"patient {case}", affine_lps=AFFINE_LPS, source=source,
    )  # fmt: skip


def case_of(number: int, *, source: Source = "simulated", lengths: Sequence[int] = (14, 18)) -> TrainingCase:
    """A case with one reading of each length."""
    code = f"c{number}"
    paths = tuple(reading_of(code, f"r{n}", length, n, source=source) for n, length in enumerate(lengths))
    patient = f"patient {code}"
    i, j, k = target_of(code)
    return TrainingCase(
        code, patient, "simulated", f"seed {number}", lambda: volume_of(code, patient), paths, (Lesion((i, j, k), 9.0),)
    )


class Seer:
    """Finds the brightest voxel of the volume and looks there: what a model would do that sees the CT."""

    def __init__(self, volume: CtVolume) -> None:
        self.volume = volume

    def paths(
        self, *, count: int, seed: int, length: int | None = None, permuted: bool = False, reader: str = ""
    ) -> list[Scanpath]:
        """About the spot; about somewhere else when permuted."""
        random = np.random.default_rng(seed)
        k, j, i = np.unravel_index(int(self.volume.hu_kji.argmax()), SHAPE_KJI)
        near = random.integers((2, 3, 0), (22, 21, 20)) if permuted else (i, j, k)
        return [
            reading_of("c0", f"sample {n}", length or 16, seed + n, source="model", near=tuple(near))  # type: ignore[arg-type]
            for n in range(count)
        ]


class Blind(Seer):
    """Looks at the middle whatever there is."""

    def paths(
        self, *, count: int, seed: int, length: int | None = None, permuted: bool = False, reader: str = ""
    ) -> list[Scanpath]:
        """About the volume's middle."""
        return [
            reading_of("c0", f"sample {n}", length or 16, seed + n, source="model", near=(12, 12, 10))
            for n in range(count)
        ]


def predictor(name: str, kind: type[Seer] = Seer) -> Predictor:
    """A model by its name in the report."""
    return Predictor(EvaluatedModel(name, "1"), kind)
