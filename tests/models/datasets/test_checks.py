"""Checks refuse what cannot be and what leaks, in one line with place, reader and fixation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.datasets.checks import check_cases, check_split, check_volume
from models.datasets.splits import Split
from models.errors import ModelError
from models.scanpath import Scanpath
from tests.models.datasets.training_cases import AXIAL_LPS, SHAPE_KJI, a_case, a_path, a_volume


def changed(name: str, row: int, value: float) -> Scanpath:
    """A path with one number changed behind the back of its own check."""
    path = a_path(count=20)
    getattr(path, name)[row] = value
    return path


@pytest.mark.parametrize(
    ("name", "row", "value", "line"),
    [
        ("x_voxel", 16, 620.0, "fixation 17: x 620.0 lies outside of 0..39"),
        ("y_voxel", 0, -0.6, "fixation 1: y -0.6 lies outside of 0..31"),
        ("z_voxel", 3, 19.6, "fixation 4: z 19.6 lies outside of 0..19"),
        ("z_voxel", 3, float("nan"), "fixation 4: z nan lies outside of 0..19"),
        ("duration_s", 2, 0.0, "fixation 3: a duration of 0.0 s is not between 0 and 100 s"),
        ("duration_s", 2, -0.2, "fixation 3: a duration of -0.2 s is not between 0 and 100 s"),
        ("duration_s", 19, 250.0, "fixation 20: a duration of 250.0 s is not between 0 and 100 s"),
        ("duration_s", 19, float("nan"), "fixation 20: a duration of nan s is not between 0 and 100 s"),
        ("onset_s", 5, 0.0, "fixation 6: its onset 0.0 s does not follow the one before"),
        ("onset_s", 5, float("nan"), "fixation 6: its onset nan s does not follow the one before"),
    ],
)
def test_an_impossible_number_is_named_with_place_reader_and_fixation(name, row, value, line):
    with pytest.raises(ModelError) as fault:
        check_cases([a_case(paths=[a_path(1), changed(name, row, value)])])
    assert str(fault.value).startswith(f"c1.json, record 1, path of reader r1, {line}")
    assert "\n" not in str(fault.value)


def test_the_outermost_places_and_unknown_onsets_are_possible():
    corner = np.array(SHAPE_KJI[::-1]) - 0.5
    path = Scanpath.from_voxels([(-0.5, -0.5, -0.5), corner], [1e-3, 100.0], shape_kji=SHAPE_KJI, case="c1")
    check_cases([a_case(paths=[path])])


def test_a_simulated_readers_record_says_so():
    path = replace(a_path(count=2), source="simulated", trial="scanner 3")
    path.x_voxel[1] = 99.0
    with pytest.raises(ModelError, match=r"path of simulated reader r1 \(scanner 3\), fixation 2: x 99\.0"):
        check_cases([a_case(paths=[path])])


def test_cases_without_paths_and_sets_without_cases_are_refused():
    with pytest.raises(ModelError, match=r"^c1.json, record 1: path of reader r1 is empty"):
        check_cases([a_case(paths=[a_path(count=0)])])
    with pytest.raises(ModelError, match=r"^c1.json, record 1: case c1 has no scan path"):
        check_cases([a_case(paths=[])])
    with pytest.raises(ModelError, match="no case in the training set"):
        check_cases([])


def test_a_path_of_another_case_patient_or_shape_is_refused():
    with pytest.raises(ModelError, match="is of case c2, patient c2, not of case c1, patient c1"):
        check_cases([a_case(paths=[a_path(case="c2")])])
    with pytest.raises(ModelError, match="is of case c1, patient p7, not of case c1, patient c1"):
        check_cases([a_case(paths=[a_path(patient="p7")])])
    taller = Scanpath.from_voxels([(0, 0, 0)], [0.2], shape_kji=(21, 32, 40), case="c1", who="r2")
    with pytest.raises(
        ModelError, match="path of reader r2 is on a volume of 40 x 32 x 21 voxels, not of 40 x 32 x 20"
    ):
        check_cases([a_case(paths=[a_path(), taller])])


def test_one_code_means_one_patient_and_stands_once():
    with pytest.raises(ModelError, match=r"case c1 belongs to patient p2 here and to p1 in c1\.json"):
        check_cases([a_case("c1", "p1"), a_case("c1", "p2")])
    with pytest.raises(ModelError, match="case c1 is there a second time"):
        check_cases([a_case("c1"), a_case("c1", seed=2)])
    check_cases([a_case("c1"), a_case("c1", seed=2, origin="lifted")])


def test_a_volume_of_another_shape_or_grid_is_refused():
    case = a_case()
    check_volume(case, a_volume())
    wrong = replace(a_volume(), hu_kji=np.zeros((20, 32, 41), np.int16))
    with pytest.raises(ModelError, match="on a volume of 40 x 32 x 20 voxels, not of 41 x 32 x 20"):
        check_volume(case, wrong)
    moved = replace(a_volume(), affine_lps=AXIAL_LPS + 0.5 * np.eye(4, k=3))
    with pytest.raises(ModelError, match=r"another grid than its volume: affines differ by 0\.5"):
        check_volume(case, moved)
    unknown = replace(case.paths[0], affine_lps=None)
    check_volume(a_case(paths=[unknown]), moved)


def test_a_patient_in_two_parts_is_a_leak():
    split = Split((a_case("c1", "p1"),), (a_case("c2", "p1", seed=2),), ())
    with pytest.raises(ModelError) as fault:
        check_split(split)
    assert str(fault.value) == (
        "c2.json, record 1: patient p1 is in train (c1.json, record 1) and in validation (c2.json, record 1) "
        "(split by patient)"
    )


def test_the_same_path_under_another_name_is_a_leak():
    twin = replace(a_path(1, case="c2"), who="r9", onset_s=a_path(1).onset_s + 5, trial="other")
    split = Split((a_case("c1", seed=1),), (), (a_case("c2", paths=[twin]),))
    with pytest.raises(ModelError, match=r"the same path of reader r9 is in train .* and in test"):
        check_split(split)
    twin.duration_s[0] += 1e-6
    check_split(split)


def test_the_same_volume_under_two_names_is_a_leak():
    split = Split((a_case("c1"), a_case("c2", seed=2)), (), (a_case("c3", seed=3),))
    check_split(split, {"c1": "aa", "c2": "bb", "c3": "cc"})
    with pytest.raises(ModelError, match=r"^c3.json, record 1: the same volume is in train .* and in test"):
        check_split(split, {"c1": "aa", "c2": "bb", "c3": "aa"})
    with pytest.raises(ModelError, match=r"^c2.json, record 1: the same volume belongs to patient c2 here and to c1"):
        check_split(split, {"c1": "aa", "c2": "aa", "c3": "cc"})


def test_a_split_with_an_impossible_path_is_refused_too():
    with pytest.raises(ModelError, match="fixation 3: a duration"):
        check_split(Split((a_case(paths=[changed("duration_s", 2, 0.0)]),), (), ()))
