"""Small training cases for tests: an empty volume with a path or two on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from models.datasets.case import TrainingCase
from models.scanpath import Scanpath
from models.volumes import CtVolume

SHAPE_KJI = (20, 32, 40)
AXIAL_LPS = np.diag([2.0, 2.0, -4.0, 1.0])
"""Columns to the left, rows to the back, slices from head to feet: the stored axes are the canonical ones."""


def a_path(seed: int = 0, *, who: str = "r1", case: str = "c1", patient: str = "", count: int = 12) -> Scanpath:
    rng = np.random.default_rng(seed)
    voxel = rng.uniform(-0.5, np.array(SHAPE_KJI[::-1]) - 0.5, size=(count, 3))
    duration = rng.uniform(0.1, 0.9, count)
    return Scanpath.from_voxels(
        voxel,
        duration,
        shape_kji=SHAPE_KJI,
        who=who,
        case=case,
        patient=patient,
        onset_s=np.cumsum(duration),
        affine_lps=AXIAL_LPS,
    )


def a_volume(seed: int = 0, *, case: str = "c1", patient: str = "") -> CtVolume:
    hu = np.random.default_rng(seed).integers(-1000, 400, SHAPE_KJI).astype(np.int16)
    return CtVolume(hu, AXIAL_LPS, case, patient)


def a_case(
    case: str = "c1", patient: str = "", *, seed: int = 0, paths: Sequence[Scanpath] | None = None, **fields: object
) -> TrainingCase:
    patient = patient or case
    return TrainingCase(
        case=case,
        patient=patient,
        origin=fields.pop("origin", "recorded"),  # type: ignore[arg-type]
        place=f"{case}.json, record 1",
        load=partial(a_volume, seed, case=case, patient=patient),
        paths=(a_path(seed, case=case, patient=patient),) if paths is None else tuple(paths),
        **fields,  # type: ignore[arg-type]
    )
