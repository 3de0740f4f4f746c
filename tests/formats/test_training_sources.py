"""From recorded sessions, CT-ScanGaze files and chest X-ray tables to training cases, down to exact cells."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ctgaze_app.ct import load_series
from ctgaze_app.errors import CTGazeError
from ctgaze_app.formats.scanpath_sources import read_scanpaths
from ctgaze_app.formats.training_sources import (
    cases_from_ct_scangaze,
    cases_from_sessions,
    lifted_cases_from_egd,
    radiograph_readings,
)
from ctgaze_app.study.session import read_manifest, write_manifest
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.targets import path_targets
from models.datasets.checks import check_cases, check_volume
from models.datasets.lifted import LungVolume
from models.datasets.splits import split_as_declared
from models.errors import ModelError
from models.volumes import CanonicalFrame, CtVolume
from tests.factories.dicom_series import write_series
from tests.factories.sessions import make_session, series_record
from tests.formats.egd_folders import PICTURES, make_egd_folder

HEAD_FIRST_RAS = np.diag([-2.0, -2.0, -4.0, 1.0])
"""Columns to the left, rows to the back, slices to the feet."""
PLAIN_RAS = np.diag([2.0, 2.0, 4.0, 1.0])
"""As NIfTI likes it: columns to the right, rows to the front, slices to the head."""
SIZE_IJK = (40, 32, 20)
FINE = SearcherSettings(grid_kji=(10, 8, 4), max_steps=8)
FAITHFUL = SearcherSettings(faithful=True)
PIXELS = {"index_base": "0", "z": "slice", "axes": "column_row"}


def a_record(name: str = "3_5_194", reader: str = "1", **fields: Any) -> dict[str, Any]:
    record = {
        "name": name, "subject": reader, "task": "freeview", "X": [10], "Y": [4], "Z": [2], "T": [0.25],
        "split": "train", "report": "",
    } | fields  # fmt: skip
    return record | {"length": len(record["X"])}


def gaze_and_volumes(folder: Path, *records: dict[str, Any], affine_ras: Any = HEAD_FIRST_RAS) -> tuple[Path, Path]:
    file, volumes = folder / "gaze.json", folder / "ct"
    volumes.mkdir()
    file.write_text(json.dumps(records), encoding="utf-8")
    for name in {record["name"] for record in records}:
        voxels = np.arange(np.prod(SIZE_IJK)).reshape(SIZE_IJK).astype(np.int16) - 1000
        nib.save(nib.Nifti1Image(voxels, affine_ras), volumes / f"{name}.nii.gz")
    return file, volumes


@pytest.mark.parametrize(
    ("xyz", "options"),
    [
        ((10, 4, 2), {}),
        ((11, 5, 3), {"index_base": "1"}),
        ((4, 10, 2), {"axes": "row_column"}),
        ((10, 4, 63.5), {"z": "scaled_512"}),
        ((11, 5, 64.5), {"index_base": "1", "z": "scaled_512"}),
        ((133.9, 71.5, 2), {"xy": "scaled_512"}),
    ],
)
@pytest.mark.parametrize(
    ("affine_ras", "fine", "faithful"),
    [
        # Column 10 of 40, row 4 of 32, slice 2 of 20: cells 1, 1, 1 of 4, 8, 10, and 2, 1, 1 of 8, 8, 8.
        (HEAD_FIRST_RAS, (1 * 8 + 1) * 4 + 1, 1 + 1 * 64 + 2 * 8 + 1),
        # All axes turned: column 29, row 27, slice 17; cells 2, 6, 8 and 5, 6, 7.
        (PLAIN_RAS, (8 * 8 + 6) * 4 + 2, 1 + 6 * 64 + 5 * 8 + 7),
    ],
)
def test_a_fixation_of_the_file_gets_its_cell_whatever_is_declared(
    tmp_path: Path, xyz: Any, options: dict[str, str], affine_ras: Any, fine: int, faithful: int
):
    record = a_record(**{axis: [value] for axis, value in zip("XYZ", xyz, strict=True)})
    (case,) = cases_from_ct_scangaze(*gaze_and_volumes(tmp_path, record, affine_ras=affine_ras), {**PIXELS, **options})
    check_cases([case])
    volume = case.load()
    check_volume(case, volume)
    assert case.paths[0].voxel_ijk == pytest.approx(np.array([[10, 4, 2]]))
    assert volume.hu_kji[2, 4, 10] == np.int16((10 * 32 + 4) * 20 + 2) - 1000
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    assert path_targets(case.paths, frame, FINE).cells[0, :2].tolist() == [fine, 320]
    assert path_targets(case.paths, frame, FAITHFUL).cells[0, :2].tolist() == [faithful, 0]


def test_readers_of_one_volume_are_one_case_with_the_files_split(tmp_path: Path):
    records = [a_record("a", "1"), a_record("b", "1", split="test"), a_record("a", "2", X=[3, 5], Y=[1, 1], Z=[0, 1],
               T=[0.2, 0.2]), a_record("c", "1", X=[7])]  # fmt: skip
    cases = cases_from_ct_scangaze(*gaze_and_volumes(tmp_path, *records), PIXELS)
    assert [(case.case, case.patient, case.declared_part) for case in cases] == [
        ("a", "a", "train"), ("b", "b", "test"), ("c", "c", "train"),
    ]  # fmt: skip
    assert [path.who for path in cases[0].paths] == ["1", "2"]
    assert cases[2].place == "gaze.json, record 4"
    assert {case.origin for case in cases} == {"ct-scangaze"}
    split = split_as_declared(cases, 0.5)
    assert split.patients("test") == ("b",)
    assert len(split.train) == len(split.validation) == 1
    sent = pickle.loads(pickle.dumps(cases[0]))
    assert sent.load().digest() == cases[0].load().digest()


def test_volumes_that_share_a_report_or_a_row_of_a_list_are_one_patient(tmp_path: Path):
    records = [
        a_record("a", report="One."), a_record("b", report="Two."), a_record("c", report="One."),
        a_record("d"), a_record("e"), a_record("c", "2", report="Two."),
    ]  # fmt: skip
    place = gaze_and_volumes(tmp_path, *records)
    by_report = cases_from_ct_scangaze(*place, {**PIXELS, "patients": "report"})
    patients = {case.case: case.patient for case in by_report}
    assert patients["a"] == patients["b"] == patients["c"]
    assert len({patients["a"], patients["d"], patients["e"]}) == 3
    check_cases(by_report)
    rows = "case,patient\n" + "".join(f"{name},{person}\n" for name, person in zip("abcde", "ppqqr", strict=True))
    (tmp_path / "people.csv").write_text(rows)
    listed = cases_from_ct_scangaze(*place, {**PIXELS, "patients": str(tmp_path / "people.csv")})
    assert [case.patient for case in listed] == ["p", "p", "q", "q", "r"]
    assert listed[0].load().patient == "p"
    (tmp_path / "people.csv").write_text(rows[:-4])
    with pytest.raises(CTGazeError, match=r"people\.csv: case e is not in it"):
        cases_from_ct_scangaze(*place, {**PIXELS, "patients": str(tmp_path / "people.csv")})


@pytest.mark.parametrize(
    ("changes", "options", "line"),
    [
        ({"X": [620]}, {}, r"gaze\.json, record 2\.X: X of fixation 1 is 620, outside the 40 of case 'b'"),
        ({"Z": [20]}, {}, r"record 2\.Z: .* outside the 20"),
        ({"X": [], "Y": [], "Z": [], "T": []}, {}, r"gaze\.json, record 2: is an empty scan path \(delete"),
        ({"T": [250.0]}, {}, r"record 2\.T: fixation 1 lasts 250 s"),
        ({"name": "a", "split": "test", "X": [1]}, {}, r"record 2: case a is declared for 'test' here and for 'train'"),
        ({}, {"shape": "20x32x40"}, "leave out option shape"),
        ({}, {"z": "slices"}, "z=slices"),
        ({}, {"patients": "nobody.csv"}, r"patients=nobody\.csv is neither case, report nor a file"),
    ],
)
def test_what_a_file_gets_wrong_is_one_line_with_its_record(
    tmp_path: Path, changes: dict[str, Any], options: dict[str, str], line: str
):
    place = gaze_and_volumes(tmp_path, a_record("a"), a_record(**{"name": "b", **changes}))
    with pytest.raises(CTGazeError, match=line) as fault:
        cases_from_ct_scangaze(*place, {**PIXELS, **options})
    assert "\n" not in str(fault.value)


def test_what_a_file_does_not_say_is_asked_for_as_a_configuration_writes_it(tmp_path: Path):
    with pytest.raises(CTGazeError) as caught:
        cases_from_ct_scangaze(tmp_path / "gaze.json", tmp_path, {"z": "slice"})
    assert str(caught.value).endswith('(declare it: in its source: options = { index_base = "0|1" }, and axes)')


def test_a_missing_volume_and_a_duration_of_nothing_are_one_line(tmp_path: Path):
    file, volumes = gaze_and_volumes(tmp_path, a_record("a"), a_record("b", T=[0.0]))
    with pytest.raises(ModelError, match=r"gaze\.json, record 2, path of reader 1 \(:2\), fixation 1: a duration of 0"):
        check_cases(cases_from_ct_scangaze(file, volumes, PIXELS))
    (volumes / "b.nii.gz").unlink()
    with pytest.raises(CTGazeError, match=r"^ct: holds no 'b'\.nii\.gz"):
        cases_from_ct_scangaze(file, volumes, PIXELS)
    with pytest.raises(CTGazeError, match="does not say itself"):
        cases_from_ct_scangaze(file, volumes, {"z": "slice"})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions of two readers over one CT, the second under another code, with a practice and a broken trial."""
    folder = tmp_path_factory.mktemp("study")
    write_series(folder / "ct", slices=20, rows=64, columns=64)
    volume = load_series(folder / "ct")
    entry = {"index": 0, "path": volume.source.path, "series_uid": volume.source.series_uid, "sop_instance_uids": []}
    for number, code in ((1, "case-1"), (2, "lung-7")):
        made = make_session(folder / "sessions" / f"s{number}", trials=3, seconds=2.0, audio=False, seed=number)
        kinds = ({"kind": "main"}, {"kind": "practice"}, {"state": "interrupted"})
        trials = [
            trial.model_copy(update={"case": code, **fields})
            for trial, fields in zip(made.manifest.trials, kinds, strict=True)
        ]
        changes = {"series": [series_record(volume)], "trials": trials, "reader": f"r0{number}",
                   "session": f"r0{number}_20260102T030405Z"}  # fmt: skip
        write_manifest(made.folder, made.manifest.model_copy(update=changes))
        (made.folder / "private" / "series.json").write_text(json.dumps({"schema": 1, "series": [entry]}))
    return folder


def test_sessions_over_one_ct_are_one_case_of_all_its_readers(study: Path):
    seen: list[tuple[int, int]] = []
    (case,) = cases_from_sessions(
        [study, study / "sessions" / "s1"], progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 2), (2, 2)]
    check_cases([case])
    volume = case.load()
    check_volume(case, volume)
    assert volume.hu_kji.shape == (20, 64, 64)
    assert (case.case, case.patient, case.origin, case.place) == ("case-1", "case-1", "recorded", "s1, case case-1")
    assert [(path.who, path.trial) for path in case.paths] == [
        ("r01", "r01_20260102T030405Z:1"), ("r02", "r02_20260102T030405Z:1"),
    ]  # fmt: skip
    alone = read_scanpaths(f"{study / 'sessions' / 's2'}:1").paths[0]
    assert (case.paths[1].voxel_ijk == alone.voxel_ijk).all()
    assert len(alone) > 2


def test_other_kinds_of_trials_come_when_asked_for(study: Path):
    (case,) = cases_from_sessions([study / "sessions" / "s1"], kinds=("main", "practice"))
    assert [path.trial[-2:] for path in case.paths] == [":1", ":2"]
    with pytest.raises(CTGazeError, match=r"^s1: has no complete trial of kind repeat"):
        cases_from_sessions([study / "sessions" / "s1"], kinds=("repeat",))


def test_patients_are_told_and_may_not_contradict_the_ct(study: Path):
    (case,) = cases_from_sessions([study], patients={"case-1": "p4", "lung-7": "p4"})
    assert {case.patient, *(path.patient for path in case.paths), case.load().patient} == {"p4"}
    with pytest.raises(CTGazeError, match="s2: cases case-1 and lung-7 are one CT, but belong to two patients"):
        cases_from_sessions([study], patients={"case-1": "p4", "lung-7": "p5"})


def test_one_code_for_two_cts_and_folders_without_sessions_are_refused(study: Path, tmp_path: Path):
    made = make_session(tmp_path / "other", seconds=2.0, audio=False)
    with pytest.raises(CTGazeError, match="other: case case-1 is another CT than in another session"):
        cases_from_sessions([study / "sessions" / "s1", made.folder])
    with pytest.raises(CTGazeError, match="ct: holds no session"):
        cases_from_sessions([study / "ct"])
    with pytest.raises(CTGazeError, match="nowhere: there is no such folder"):
        cases_from_sessions([tmp_path / "nowhere"])


def test_another_ct_in_the_old_place_is_refused_when_the_case_is_loaded(study: Path, tmp_path: Path):
    (case,) = cases_from_sessions([study / "sessions" / "s2"])
    folder = study / "sessions" / "s2"
    kept = (folder / "private" / "series.json").read_text()
    write_series(tmp_path / "ct", slices=20, rows=64, columns=60)
    entry = {"index": 0, "path": str(tmp_path / "ct"), "series_uid": ""}
    (folder / "private" / "series.json").write_text(json.dumps({"schema": 1, "series": [entry]}))
    try:
        with pytest.raises(CTGazeError, match="is not the one that was read"):
            case.load()
    finally:
        (folder / "private" / "series.json").write_text(kept)
    assert read_manifest(folder).reader == "r02"


def lung_block(case: str) -> LungVolume:
    def load() -> tuple[CtVolume, np.ndarray]:
        hu = np.full((20, 32, 40), -850, np.int16)
        lungs = np.zeros(hu.shape, bool)
        lungs[4:16, 8:24, 5:35] = True
        return CtVolume(hu, np.diag([2.0, 2.0, -4.0, 1.0]), case), lungs

    return LungVolume(case, case, case, load)


def test_radiograph_gaze_knows_its_lungs_and_leaves_targets_out(tmp_path: Path):
    readings = radiograph_readings(make_egd_folder(tmp_path / "egd"), {})
    assert {reading.picture for reading in readings} == set(PICTURES)
    assert {reading.patient for reading in readings} == {"100", "101", "102"}
    boxed = next(reading for reading in readings if reading.picture == PICTURES[0])
    assert boxed.lungs_in_picture == pytest.approx((200 / 2544, 300 / 3056, 2301 / 2544, 2511 / 3056))
    assert all(r.lungs_in_picture == (0, 0, 1, 1) for r in readings if r.picture != PICTURES[0])
    assert all(((r.points_xy_share >= 0) & (r.points_xy_share <= 1)).all() for r in readings)
    assert len(boxed.points_xy_share) == len(boxed.duration_s) == 20


def test_radiograph_gaze_is_lifted_into_as_many_volumes_as_there_are_patients(tmp_path: Path):
    folder = make_egd_folder(tmp_path / "egd")
    cases = lifted_cases_from_egd(folder, [lung_block(f"c{n}") for n in range(3)], paths_per_case=2)
    check_cases(cases)
    assert [case.origin for case in cases] == ["lifted"] * 3
    assert len({case.paths[0].trial.split()[0] for case in cases}) == 3
    for case in cases:
        check_volume(case, case.load())
    with pytest.raises(ModelError, match="4 CT patients need radiographs of as many patients; there are 3"):
        lifted_cases_from_egd(folder, [lung_block(f"c{n}") for n in range(4)])
