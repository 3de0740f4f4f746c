"""Small made patients for all tests of findings: each body is made once, findings are drawn in milliseconds."""

from __future__ import annotations

from functools import cache

import pytest

from models.simulation import findings, simulated_patients
from models.simulation.findings import FINDINGS, FindingPatient, with_findings
from models.simulation.simulated_patients import BodyAxes, PatientSettings, SimulatedPatient, body_axes, make_patient

SMALL = PatientSettings(slices=(44, 48), pixels=(60, 64), lesion_counts_weight=(1.0,))
SEED = 3
TEST_SEED = 2_000_003


@cache
def body(seed: int) -> SimulatedPatient:
    """A patient without findings."""
    return make_patient(seed, settings=SMALL)


def base() -> tuple[SimulatedPatient, BodyAxes]:
    """The one of `SEED`, and where its voxels lie."""
    return body(SEED), body_axes(SEED, settings=SMALL)


@cache
def patient_with(*names: str, seed: int = SEED) -> FindingPatient:
    """That patient with these findings and no others; the seed decides how they look."""
    return with_findings(*base(), seed, wanted={name: name in names for name in FINDINGS})


def make_bodies_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a patient in this process gets the small one of that seed."""

    def make(seed: int, *, settings: PatientSettings) -> SimulatedPatient:
        assert settings == SMALL
        return body(seed)

    for module in (findings, simulated_patients):
        monkeypatch.setattr(module, "make_patient", make)
