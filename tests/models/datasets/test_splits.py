"""Splits by patient: nothing in two parts, the same whatever the order, and what a source declares."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.datasets.case import PARTS
from models.datasets.splits import read_split, split_as_declared, split_by_patient, write_split
from models.errors import ModelError
from tests.models.datasets.training_cases import a_case

TWENTY = [a_case(f"c{number}", f"p{number // 2}", seed=number) for number in range(40)]


def codes(split) -> dict[str, list[str]]:
    return {part: [case.case for case in split.part(part)] for part in PARTS}


def test_patients_are_dealt_in_the_shares_asked_for():
    split = split_by_patient(TWENTY, seed=3)
    assert [len(split.patients(part)) for part in PARTS] == [14, 3, 3]
    assert sum(len(split.part(part)) for part in PARTS) == 40
    assert split.seed == 3


def test_the_order_of_the_cases_does_not_matter_and_the_seed_does():
    shuffled = random.Random(1).sample(TWENTY, len(TWENTY))
    assert codes(split_by_patient(shuffled, seed=3)) == codes(split_by_patient(TWENTY, seed=3))
    assert codes(split_by_patient(TWENTY, seed=4)) != codes(split_by_patient(TWENTY, seed=3))


@settings(max_examples=80, deadline=None)
@given(
    patients=st.lists(st.text("abc123", min_size=1, max_size=4), min_size=3, max_size=40),
    shares=st.tuples(st.floats(0.01, 1), st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 2**31),
)
def test_no_patient_is_in_two_parts_and_no_case_is_lost(patients, shares, seed):
    cases = [a_case(f"c{number}", patient) for number, patient in enumerate(patients)]
    wanted = [part for part, share in zip(PARTS, shares, strict=True) if share > 0]
    if len(set(patients)) < len(wanted):
        with pytest.raises(ModelError, match="cannot be split into"):
            split_by_patient(cases, shares, seed)
        return
    split = split_by_patient(cases, shares, seed)
    parts = [set(split.patients(part)) for part in PARTS]
    assert sum(map(len, parts)) == len(set(patients)) == len(set.union(*parts))
    assert all(bool(part) == (share > 0) for part, share in zip(parts, shares, strict=True))
    assert sorted(case for each in codes(split).values() for case in each) == sorted(case.case for case in cases)


def test_too_few_patients_are_refused_in_one_line():
    with pytest.raises(ModelError) as fault:
        split_by_patient(TWENTY[:4])
    assert str(fault.value) == (
        "2 patients cannot be split into train, validation, test "
        "(add cases of at least 3 patients, or set a share to 0)"
    )
    assert [len(split_by_patient(TWENTY[:4], (0.5, 0.5, 0)).part(part)) for part in PARTS] == [2, 2, 0]


def test_shares_that_cannot_be_are_refused():
    for shares in ((0.7, -0.1, 0.4), (0.0, 0.5, 0.5), (float("nan"), 0.1, 0.1)):
        with pytest.raises(ModelError, match="shares"):
            split_by_patient(TWENTY, shares)


def test_validation_is_cut_out_of_the_declared_train_part_never_of_test():
    cases = [a_case(f"c{n}", f"p{n // 2}", declared_part="test" if n < 10 else "train") for n in range(40)]
    split = split_as_declared(cases, 0.2, seed=1)
    assert split.patients("test") == ("p0", "p1", "p2", "p3", "p4")
    assert len(split.patients("validation")) == 3
    assert len(split.patients("train")) == 12
    assert not set(split.patients("validation")) & set(split.patients("train"))


def test_a_declared_validation_part_is_kept():
    parts = ["train", "train", "validation", "test"]
    split = split_as_declared([a_case(f"c{n}", declared_part=part) for n, part in enumerate(parts)])
    assert codes(split) == {"train": ["c0", "c1"], "validation": ["c2"], "test": ["c3"]}


def test_a_patient_declared_in_two_parts_or_in_none_is_refused():
    leak = [a_case("c1", "p1", declared_part="train"), a_case("c2", "p1", declared_part="test")]
    with pytest.raises(ModelError, match=r"^c2.json, record 1: patient p1 is declared both in train and in test"):
        split_as_declared(leak)
    with pytest.raises(ModelError, match="which part case c1"):
        split_as_declared([a_case("c1")])
    with pytest.raises(ModelError, match="1 patient declared for train cannot also give validation"):
        split_as_declared([a_case("c1", declared_part="train")])


def test_a_written_split_comes_back_with_its_seed(tmp_path: Path):
    split = split_by_patient(TWENTY, seed=9)
    write_split(tmp_path / "split.csv", split)
    again = read_split(tmp_path / "split.csv", TWENTY[::-1])
    assert codes(again) == codes(split)
    assert again.seed == 9
    lines = (tmp_path / "split.csv").read_text().splitlines()
    assert lines[0] == "part,patient,case,origin,seed"
    assert len(lines) == 41
    assert [path.name for path in tmp_path.iterdir()] == ["split.csv"]


def test_a_case_of_a_patient_that_the_file_does_not_know_is_refused(tmp_path: Path):
    write_split(tmp_path / "split.csv", split_by_patient(TWENTY))
    with pytest.raises(ModelError, match=r"^split.csv: patient p99 of c1.json, record 1 is not in it"):
        read_split(tmp_path / "split.csv", [a_case("c1", "p99")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("part,patient,case,origin,seed\nboth,p1,c1,recorded,0\n", "row 2: is no part and patient"),
        ("part,patient,case,origin,seed\ntrain,p1,c1,x,0\ntest,p1,c2,x,0\n", "row 3: patient p1 is in train too"),
        ("part,patient,case,origin,seed\n", "one seed"),
        ("part,patient,case,origin,seed\ntrain,p1,c1,x,zero\n", "one seed"),
        ("\0", "split.csv"),
        ('part,patient\n"train,p1', "cannot be read"),
    ],
)
def test_a_damaged_split_is_one_line(tmp_path: Path, text: str, message: str):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(ModelError, match=message) as fault:
        read_split(tmp_path / "split.csv", [a_case("c1", "p1")])
    assert "\n" not in str(fault.value)


def test_a_split_that_cannot_be_written_says_so(tmp_path: Path):
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(ModelError, match=r"split\.csv: cannot be written"):
        write_split(tmp_path / "taken" / "split.csv", split_by_patient(TWENTY))
