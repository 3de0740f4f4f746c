"""CT-ScanGaze JSON: what is declared decides the voxel; what the published loader swallows is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctgaze_app.formats.case_nifti import write_case_nifti
from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.ct_scangaze import FORMAT, read_ct_scangaze, write_ct_scangaze
from ctgaze_app.formats.dataset import DataSet
from tests.factories.volumes import make_volume
from tests.formats.mutations import Subject, assert_no_silent_damage

RECORD: dict[str, Any] = {
    "name": "ct_1", "subject": "2", "task": "freeview", "X": [1, 256.5, 512], "Y": [1, 100, 512], "Z": [1, 40, 100],
    "T": [0.25, 0.1, 1.5], "length": 3, "split": "train", "report": "No nodule.", "fixOnTarget": True,
}  # fmt: skip
DECLARED = {"index_base": "1", "z": "slice", "axes": "column_row", "xy": "pixel", "shape": "100x512x512"}


def _records() -> list[dict[str, Any]]:
    other = {**RECORD, "subject": "3", "X": [5, 6], "Y": [7, 8], "Z": [9, 9], "T": [0.2, 0.3], "length": 2}
    return [RECORD, {**other, "onset": [0.5, 1.0], "kind": ["drill", "fixation"]}, {**RECORD, "name": "ct_2"}]


def _flat(folder: Path) -> Path:
    path = folder / "gaze.json"
    path.write_text(json.dumps(_records()), encoding="utf-8")
    return path


def _by_reader(folder: Path) -> Path:
    path = folder / "gaze.json"
    records = _records()
    path.write_text(json.dumps({"2": [records[0], records[2]], "3": [records[1]]}), encoding="utf-8")
    return path


# `fixOnTarget` is a field that the layout calls a dummy.
MUTATION_SUBJECTS = (
    Subject("ct_scangaze", _flat, DECLARED, text_columns=frozenset({"fixOnTarget"})),
    Subject("ct_scangaze", _by_reader, DECLARED, text_columns=frozenset({"fixOnTarget"})),
)


def _read(path: Path, **changes: str) -> DataSet:
    return read_ct_scangaze(path, checked_options({**DECLARED, **changes}, FORMAT.read_options, "ct_scangaze"))


def _one(folder: Path, **changes: Any) -> Path:
    path = folder / "gaze.json"
    path.write_text(json.dumps([{**RECORD, **changes}]), encoding="utf-8")
    return path


def test_one_based_pixels_become_voxels(tmp_path: Path) -> None:
    data = _read(_flat(tmp_path))
    first = data.fixations[data.fixations["case"].eq("ct_1") & data.fixations["reader"].eq("2")]
    assert first["x_voxel"].tolist() == [0, 255.5, 511]
    assert first["y_voxel"].tolist() == [0, 99, 511]
    assert first["z_voxel"].tolist() == [0, 39, 99]
    assert first["duration_s"].tolist() == [0.25, 0.1, 1.5]
    assert first["onset_s"].isna().all()
    second = data.fixations[data.fixations["reader"] == "3"]
    assert second["onset_s"].tolist() == [0.5, 1.0]
    assert second["kind"].tolist() == ["drill", "fixation"]
    assert [(c.case, c.shape_kji) for c in data.cases] == [("ct_1", (100, 512, 512)), ("ct_2", (100, 512, 512))]
    assert data.cases[0].report == {"2": "No nodule.", "3": "No nodule."}
    assert [path.trial for path in data.scanpaths()] == [":1", ":1", ":2"]
    assert "fixOnTarget" in data.provenance["notes"][0]


def test_a_dict_by_reader_holds_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    keys = ["reader", "trial", "fixation"]
    flat, by_reader = _read(_flat(tmp_path / "a")).fixations, _read(_by_reader(tmp_path)).fixations
    pd.testing.assert_frame_equal(
        flat.sort_values(keys, ignore_index=True), by_reader.sort_values(keys, ignore_index=True)
    )


def test_what_is_declared_decides_the_numbers(tmp_path: Path) -> None:
    inside = {"X": [10, 20, 30], "Y": [40, 50, 60], "Z": [1, 256, 511]}
    path = _one(tmp_path, **inside)
    zero = _read(path, index_base="0", z="scaled_512").fixations
    assert zero["x_voxel"].tolist() == [10, 20, 30]
    # 512 steps over 100 slices: index 256 is the first step past the middle.
    assert zero["z_voxel"].tolist() == pytest.approx([1.5 / 5.12 - 0.5, 256.5 / 5.12 - 0.5, 511.5 / 5.12 - 0.5])
    turned = _read(path, axes="row_column", z="scaled_512", index_base="0").fixations
    assert turned["x_voxel"].tolist() == [40, 50, 60]
    half = _read(path, xy="scaled_512", shape="512x256x1024", index_base="0").fixations
    assert half["x_voxel"].tolist() == [20.5, 40.5, 60.5]
    assert half["y_voxel"].tolist() == [19.75, 24.75, 29.75]


@pytest.mark.parametrize("missing", ["index_base", "z", "axes", "shape"])
def test_nothing_that_changes_numbers_is_guessed(missing: str) -> None:
    declared = {name: value for name, value in DECLARED.items() if name != missing}
    with pytest.raises(FormatError, match=f"declare it: --option {missing}="):
        checked_options(declared, FORMAT.read_options, "ct_scangaze")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"X": [1, 2, 513]}, "gaze.json, record 1.X: X of fixation 3 is 513, outside the 512 of case 'ct_1'"),
        ({"X": [-62, 2, 3]}, "gaze.json, record 1.X: X of fixation 1 is -62, outside"),
        ({"Z": [1, 2, 101]}, "gaze.json, record 1.Z: Z of fixation 3 is 101, outside the 100"),
        ({"Y": [1, 2]}, "gaze.json, record 1.Y: has 2 numbers where X has 3"),
        ({"length": 2}, "gaze.json, record 1.length: is 2 where X has 3 numbers"),
        ({"T": [250, 100, 1500]}, "fixation 1 lasts 250 s (T is in seconds"),
        ({"T": [0.1, -0.1, 1]}, "fixation 2 lasts -0.1 s"),
        ({"X": [1, "2", 3]}, "record 1.X: item 2 is '2', not a number"),
        ({"X": [1, 10**400, 3]}, "record 1.X: item 2 is 1000"),
        ({"X": [1, True, 3]}, "record 1.X: item 2 is 'True', not a number"),
        ({"name": None}, "record 1.name: this field is missing or no text"),
        ({"onset": [2, 1, 3]}, "record 1.onset: descends"),
    ],
)  # fmt: skip
def test_a_wrong_record_is_refused_with_its_place(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(FormatError) as caught:
        _read(_one(tmp_path, **changes))
    assert said in str(caught.value)


def test_a_number_too_large_to_hold_is_told(tmp_path: Path) -> None:
    path = _one(tmp_path, X=[1, 2, 3])
    path.write_text(path.read_text(encoding="utf-8").replace("[1, 2, 3]", "[1, 2e999, 3]"), encoding="utf-8")
    with pytest.raises(FormatError, match=r"gaze\.json: 2e999 is not a number that can be measured"):
        _read(path)


def test_a_record_that_is_there_twice_is_not_counted_twice(tmp_path: Path) -> None:
    path = _one(tmp_path)
    record = json.loads(path.read_text(encoding="utf-8"))[0]
    path.write_text(json.dumps([record, record]), encoding="utf-8")
    with pytest.raises(FormatError, match=r"gaze\.json, record 2: is record 1 again"):
        _read(path)
    path.write_text(json.dumps([record, {**record, "T": [each + 0.01 for each in record["T"]]}]), encoding="utf-8")
    assert len(_read(path).scanpaths()) == 2


def test_half_a_character_is_told(tmp_path: Path) -> None:
    path = _one(tmp_path, subject="x")
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace('"x"', '"\\ud83d\\ude00"'), encoding="utf-8")
    assert _read(path).fixations["reader"].iloc[0] == "\U0001f600"
    path.write_text(whole.replace('"x"', '"\\ud83d"'), encoding="utf-8")
    with pytest.raises(FormatError, match=r"gaze\.json: \\ud83d is half a character"):
        _read(path)


def test_shapes_come_from_a_csv_or_from_nifti_with_its_affine(tmp_path: Path) -> None:
    (tmp_path / "shapes.csv").write_text("case,rows,columns,slices\nct_1,512,512,100\nct_2,512,512,120\n")
    data = _read(_flat(tmp_path), shape=str(tmp_path / "shapes.csv"))
    assert [case.shape_kji[0] for case in data.cases] == [100, 120]
    volume = make_volume(slices=100, rows=64, columns=48, spacing_kji_mm=(2.5, 0.7, 0.8))
    write_case_nifti(volume, "ct_1", tmp_path)
    small = _one(tmp_path, X=[1, 2, 48], Y=[1, 2, 64])
    found = _read(small, shape=str(tmp_path)).cases[0]
    assert found.shape_kji == (100, 64, 48)
    assert np.allclose(found.affine_lps, volume.affine_lps, atol=1e-5)
    with pytest.raises(FormatError, match=r"holds no 'ct_2'\.nii\.gz"):
        _read(_flat(tmp_path), shape=str(tmp_path))


def test_the_ct_lies_on_the_grid_of_the_paths_without_a_word_about_the_patient(tmp_path: Path) -> None:
    voxels = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3) - 1024
    volume = make_volume(voxels, spacing_kji_mm=(2.0, 0.5, 0.25))
    image: Any = nib.load(write_case_nifti(volume, "case-1", tmp_path))
    stored = np.asarray(image.dataobj)
    assert stored.dtype == np.int16
    assert stored[2, 3, 4] == voxels[4, 3, 2]
    lps = volume.affine_lps @ [2, 3, 4, 1]
    assert np.allclose(image.affine @ [2, 3, 4, 1], [-lps[0], -lps[1], lps[2], 1], atol=1e-5)
    assert image.header["descrip"].item() == b""
    assert image.header["sform_code"] == image.header["qform_code"] == 1


coordinates = st.integers(0, 511_000_000).map(lambda n: n / 1e6)
paths = st.lists(st.tuples(coordinates, coordinates, st.integers(0, 99), st.floats(0, 50)), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(
    rows=paths,
    base=st.sampled_from("01"),
    axes=st.sampled_from(["column_row", "row_column"]),
    layout=st.sampled_from(["list", "dict"]),
)
def test_a_round_trip_is_exact(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]], base: str, axes: str, layout: str
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    x, y, z, t = (list(each) for each in zip(*rows, strict=True))
    changes = {"X": x, "Y": y, "Z": z, "T": t, "length": len(x), "kind": ["drill"] * len(x), "K": 7}
    data = _read(_one(folder, **changes), index_base="0")
    declared = {"index_base": base, "z": "slice", "axes": axes, "layout": layout}
    written = write_ct_scangaze(data, folder / "out", checked_options(declared, FORMAT.write_options, "ct_scangaze"))
    again = _read(written[0], index_base=base, axes=axes)
    pd.testing.assert_frame_equal(data.fixations, again.fixations, check_exact=True)
    assert dict(again.cases[0].report) == {"2": "No nodule."}


@pytest.mark.parametrize("number", range(len(MUTATION_SUBJECTS)))
def test_damage_never_changes_numbers_in_silence(tmp_path: Path, number: int) -> None:
    assert_no_silent_damage(MUTATION_SUBJECTS[number], tmp_path)
