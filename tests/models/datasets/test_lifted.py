"""Lifted gaze: places from the picture, one radiograph patient for one CT patient, the same for the same seed."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from models.datasets import lifted
from models.datasets.checks import check_cases, check_volume
from models.datasets.lifted import (
    LungVolume,
    RadiographReading,
    lifted_cases,
    lifted_simulated_cases,
    made_volumes,
)
from models.errors import ModelError
from models.simulation.simulated_patients import SimulatedPatient
from models.volumes import CtVolume
from tests.models.datasets.training_cases import AXIAL_LPS, SHAPE_KJI

BOX = (slice(4, 16), slice(8, 24), slice(5, 35))
"""Slices, rows and columns of the block that stands for lungs."""


def lungs_and_volume(case: str, patient: str) -> tuple[CtVolume, np.ndarray]:
    hu = np.zeros(SHAPE_KJI, np.int16)
    lungs = np.zeros(SHAPE_KJI, bool)
    lungs[BOX] = True
    hu[lungs] = -850
    return CtVolume(hu, AXIAL_LPS, case, patient), lungs


def volume(case: str, patient: str = "") -> LungVolume:
    return LungVolume(case, patient or case, f"{case}.nii", partial(lungs_and_volume, case, patient or case))


def reading(
    picture: str, patient: str = "", points=((0.0, 0.0), (1.0, 1.0), (0.5, 0.5)), **fields
) -> RadiographReading:
    places = np.array(points, dtype=np.float64).reshape(-1, 2)
    duration = np.full(len(places), 0.3)
    return RadiographReading(
        places, duration, np.cumsum(duration), "r1", picture, patient or picture, place=f"egd, {picture}", **fields
    )


def test_the_pictures_lungs_land_on_the_volumes_lungs():
    ends = reading("x1", points=((0.02, 0.02), (0.98, 0.98)))
    whole = lifted_cases([ends], [volume("c1")], paths_per_case=1)[0].paths[0].voxel_ijk
    assert whole[:, 0] == pytest.approx([4.5 + 0.02 * 30, 4.5 + 0.98 * 30])
    assert whole[:, 2].tolist() == [4, 15]
    assert ((whole[:, 1] >= 8) & (whole[:, 1] <= 23)).all()
    inner = reading("x1", points=((0.202, 0.303), (0.298, 0.447)), lungs_in_picture=(0.2, 0.3, 0.3, 0.45))
    boxed = lifted_cases([inner], [volume("c1")], paths_per_case=1)[0].paths[0].voxel_ijk
    assert boxed[:, [0, 2]] == pytest.approx(whole[:, [0, 2]])


def test_cases_are_lifted_whole_and_of_the_cts_patient():
    cases = lifted_cases([reading("x1"), reading("x2")], [volume("c1", "p1"), volume("c2", "p2")], paths_per_case=3)
    check_cases(cases)
    for case in cases:
        check_volume(case, case.load())
        assert case.origin == "lifted"
        assert len(case.paths) == 3
        assert case.load_lungs is not None and case.load_lungs().sum() == 12 * 16 * 30
        assert {path.source for path in case.paths} == {"simulated"}
        assert {path.who for path in case.paths} == {"r1"}
        assert (case.paths[0].duration_s == 0.3).all()


def test_one_radiograph_patient_is_lifted_into_one_ct_patient_only():
    readings = [reading(f"x{n}", f"person{n // 2}") for n in range(14)]
    volumes = [volume(f"c{n}", f"p{n // 2}") for n in range(8)]
    homes: dict[str, set[str]] = {}
    for case in lifted_cases(readings, volumes, paths_per_case=5):
        for path in case.paths:
            person = f"person{int(path.trial.split()[0][1:]) // 2}"
            homes.setdefault(person, set()).add(case.patient)
    assert all(len(patients) == 1 for patients in homes.values())
    assert set.union(*homes.values()) == {"p0", "p1", "p2", "p3"}


def test_a_reading_that_comes_again_has_other_depths():
    (case,) = lifted_cases([reading("x1", points=np.full((40, 2), 0.4))], [volume("c1")], paths_per_case=2)
    one, other = (path.voxel_ijk for path in case.paths)
    assert (one[:, [0, 2]] == other[:, [0, 2]]).all()
    assert (one[:, 1] != other[:, 1]).any()


def test_order_and_processes_do_not_matter_and_the_seed_does():
    readings = [reading(f"x{n}", points=np.random.default_rng(n).uniform(size=(9, 2))) for n in range(4)]
    volumes = [volume("c1"), volume("c2")]
    first = lifted_cases(readings, volumes, seed=1, paths_per_case=2)
    turned = lifted_cases(readings[::-1], volumes[::-1], seed=1, paths_per_case=2)[::-1]
    other = lifted_cases(readings, volumes, seed=2, paths_per_case=2)
    spread = lifted_cases(readings, volumes, seed=1, paths_per_case=2, workers=2)

    def same(cases) -> bool:
        pairs = zip(first, cases, strict=True)
        return all(
            np.array_equal(a.voxel_ijk, b.voxel_ijk)
            for one, two in pairs
            for a, b in zip(one.paths, two.paths, strict=True)
        )

    assert same(turned) and same(spread)
    assert not same(other)


def test_too_few_patients_empty_readings_and_lungless_volumes_are_one_line():
    with pytest.raises(ModelError, match=r"2 CT patients need radiographs of as many patients; there are 1 \(use 1"):
        lifted_cases([reading("x1", "a"), reading("x2", "a")], [volume("c1"), volume("c2")])
    with pytest.raises(ModelError, match="there are 0"):
        lifted_cases([], [volume("c1")])
    with pytest.raises(ModelError, match="egd, x1: there is no fixation on the picture"):
        lifted_cases([reading("x1", points=())], [volume("c1")])
    with pytest.raises(ModelError, match=r"egd, x1: the gaze on x1 cannot be lifted into c1: points are shares"):
        lifted_cases([reading("x1", points=((1.2, 0.0),))], [volume("c1")])
    bare = volume("c1")
    empty = LungVolume("c1", "c1", "c1.nii", lambda: (bare.load()[0], np.zeros(SHAPE_KJI, bool)))
    with pytest.raises(ModelError, match=r"c1\.nii: there are no lungs"):
        lifted_cases([reading("x1")], [empty])
    with pytest.raises(ModelError, match="0 paths a case"):
        lifted_cases([reading("x1")], [bare], paths_per_case=0)


def test_simulated_readers_of_radiographs_need_no_recorded_gaze(monkeypatch: pytest.MonkeyPatch):
    def make(seed: int, folder, settings) -> SimulatedPatient:
        code = f"simulated-{seed:06d}"
        ct, lungs = lungs_and_volume(code, code)
        return SimulatedPatient(code, code, ct, (), lungs)

    monkeypatch.setattr(lifted, "patient_of_seed", make)
    cases = lifted_simulated_cases(2, first_seed=7, paths_per_case=2)
    check_cases(cases)
    assert [case.case for case in cases] == ["simulated-000007", "simulated-000008"]
    assert [path.who for path in cases[0].paths] == ["radiograph-1", "radiograph-2"]
    again = lifted_simulated_cases(1, first_seed=8, paths_per_case=2)[0]
    assert np.array_equal(again.paths[1].voxel_ijk, cases[1].paths[1].voxel_ijk)
    assert cases[0].load().case == "simulated-000007"


def test_volumes_are_made_patients_of_one_parts_seeds():
    assert [each.case for each in made_volumes(2, first_seed=3)] == ["simulated-000003", "simulated-000004"]
    with pytest.raises(ModelError, match="run into the seeds of the test part"):
        made_volumes(2, first_seed=1_999_999)
    with pytest.raises(ModelError, match="0 patients"):
        made_volumes(0)
