"""Simulated cases: the same for the same seeds, complete, and no part's patient in another part."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from models.datasets import simulated
from models.datasets.checks import check_cases, check_split, check_volume
from models.datasets.simulated import FIRST_SEED, simulated_cases
from models.datasets.splits import Split
from models.errors import Cancelled, ModelError
from models.simulation.search_reader import HELD_OUT_FAMILIES, TRAINING_FAMILIES, read_case
from models.simulation.simulated_patients import PatientSettings, SimulatedPatient, load_patient

TINY = PatientSettings(slices=(24, 28), pixels=(40, 44), lesion_counts_weight=(0.0, 1.0))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("patients")
    return simulated_cases(2, first_seed=5, readers_per_case=4, folder=folder, settings=TINY), folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, made) -> list[int]:
    """Patients that differ only in their code, and the seeds that were asked for."""
    asked: list[int] = []
    patient = load_patient(5, TINY, made[1])

    def make(seed: int, *, settings: PatientSettings) -> SimulatedPatient:
        asked.append(seed)
        code = f"simulated-{seed:06d}"
        return replace(patient, case=code, patient=code)

    monkeypatch.setattr(simulated, "make_patient", make)
    return asked


def test_each_case_has_its_volume_lungs_lesions_and_as_many_readers_as_asked(made):
    cases, folder = made
    check_cases(cases)
    assert [case.case for case in cases] == ["simulated-000005", "simulated-000006"]
    for seed, case in enumerate(cases, start=5):
        patient = load_patient(seed, TINY, folder)
        volume = case.load()
        check_volume(case, volume)
        assert volume.digest() == patient.volume.digest()
        assert case.load_lungs is not None
        assert (case.load_lungs() == patient.lungs_kji).all()
        assert case.lesions == patient.lesions
        assert len(case.paths) == 4
        assert case.origin == "simulated"


def test_the_same_readers_of_the_families_in_turn_read_every_patient(made):
    cases, folder = made
    wanted = [f"{TRAINING_FAMILIES[n % len(TRAINING_FAMILIES)]}-{n // len(TRAINING_FAMILIES) + 1}" for n in range(4)]
    assert all([path.who for path in case.paths] == wanted for case in cases)
    again = read_case(load_patient(6, TINY, folder), TRAINING_FAMILIES[0], seed=6, reader=wanted[0])
    assert (cases[1].paths[0].voxel_ijk == again.voxel_ijk).all()


def test_files_and_processes_do_not_change_the_cases(made):
    cases, folder = made
    assert len(list(folder.glob("*.npz"))) == 2
    steps = []
    again = simulated_cases(2, first_seed=5, folder=folder, settings=TINY, workers=2,
                            progress=lambda done, total: steps.append((done, total)))  # fmt: skip
    assert steps == [(1, 2), (2, 2)]
    for one, other in zip(cases, again, strict=True):
        assert one.load().digest() == other.load().digest()
        for path, twin in zip(one.paths, other.paths, strict=True):
            assert (path.voxel_ijk == twin.voxel_ijk).all()
            assert (path.duration_s == twin.duration_s).all()


def test_without_a_folder_the_patient_is_made_again_for_each_load(made, quick):
    cases, _ = made
    (alone,) = simulated_cases(1, first_seed=5, settings=TINY)
    assert np.array_equal(alone.paths[3].voxel_ijk, cases[0].paths[3].voxel_ijk)
    assert alone.load().digest() == cases[0].load().digest()
    assert quick == [5, 5]


def test_a_case_can_be_sent_to_another_process(made):
    cases, _ = made
    assert pickle.loads(pickle.dumps(cases[0])).load().digest() == cases[0].load().digest()


def test_parts_have_bands_of_seeds_that_do_not_meet(quick):
    with pytest.raises(ModelError, match="run into the seeds of the validation part, which begin at 1000000"):
        simulated_cases(2, first_seed=FIRST_SEED["validation"] - 1, settings=TINY)
    test = simulated_cases(1, first_seed=FIRST_SEED["test"], families=HELD_OUT_FAMILIES[:1], readers_per_case=1,
                           settings=TINY)  # fmt: skip
    train = simulated_cases(1, readers_per_case=1, settings=TINY)
    check_split(Split(tuple(train), (), tuple(test)))
    assert quick == [2_000_000, 0]


def test_a_patient_made_for_two_parts_is_a_leak_whoever_read_it(made):
    cases, folder = made
    other = simulated_cases(1, first_seed=5, families=HELD_OUT_FAMILIES, folder=folder, settings=TINY)
    with pytest.raises(ModelError, match="patient simulated-000005 is in train"):
        check_split(Split(tuple(cases[:1]), (), tuple(other)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "0 patients"),
        ({"first_seed": -1}, "from seed -1"),
        ({"readers_per_case": 0}, "0 readers"),
        ({"families": ("scaner",)}, "no family of readers 'scaner'"),
        ({"families": ()}, "no family of readers is named"),
    ],
)
def test_numbers_and_names_that_cannot_be_are_one_line(wrong: dict, message: str):
    with pytest.raises(ModelError, match=message):
        simulated_cases(**{"count": 1, "settings": TINY, **wrong})


def test_making_stops_when_asked(quick):
    with pytest.raises(Cancelled):
        simulated_cases(50, settings=TINY, cancelled=lambda: True)
    assert len(quick) == 1
