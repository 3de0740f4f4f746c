"""One small made patient for all tests of findings: the body is made once, findings are drawn in milliseconds."""

from __future__ import annotations

from functools import cache

from models.simulation.findings import FINDINGS, FindingPatient, with_findings
from models.simulation.simulated_patients import BodyAxes, PatientSettings, SimulatedPatient, body_axes, make_patient

SMALL = PatientSettings(slices=(44, 48), pixels=(60, 64), lesion_counts_weight=(1.0,))
SEED = 3


@cache
def base() -> tuple[SimulatedPatient, BodyAxes]:
    """A patient without findings."""
    return make_patient(SEED, settings=SMALL), body_axes(SEED, settings=SMALL)


@cache
def patient_with(*names: str, seed: int = SEED) -> FindingPatient:
    """That patient with these findings and no others."""
    return with_findings(*base(), seed, wanted={name: name in names for name in FINDINGS})
