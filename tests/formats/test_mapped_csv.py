"""A column mapping decides what a foreign CSV means; every unit leads there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctgaze_app.formats.case_grids import CaseGrid
from ctgaze_app.formats.column_mapping import ColumnMapping, read_mapping, template
from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.mapped_csv import read_mapped_csv, write_mapped_csv
from ctgaze_app.formats.mapped_places import (
    declared_from_norm,
    declared_from_voxel,
    norm_from_declared,
    voxel_from_declared,
)
from tests.formats.mutations import Subject, assert_no_silent_damage

SCREEN = "[screen]\nwidth_px = 1000.0\nheight_px = 500.0\nwidth_mm = 400.0\nheight_mm = 200.0\ndistance_mm = 600.0\n"
IMAGE_MAPPING = """schema = 1
rows = "fixations"
[columns]
x = "PX"
y = "PY"
z = "SLICE"
onset = "FROM"
duration = "DUR"
reader = "WHO"
case = "SCAN"
pupil = "PUPIL"
[units]
x_and_y = "px"
z = "voxel"
onset = "ms"
duration = "ms"
pupil = "mm"
[place]
frame = "image"
index_base = 1
shape = "40x200x300"
"""
SCREEN_MAPPING = (
    """schema = 1
rows = "samples"
[file]
separator = ";"
[columns]
x = "X"
y = "Y"
onset = "T"
trial = "TRIAL"
valid = "OK"
[constants]
reader = "r01"
case = "task"
[units]
x_and_y = "deg"
onset = "us"
[place]
frame = "screen"
"""
    + SCREEN
)
IMAGE_CSV = (
    "WHO,SCAN,FROM,DUR,PX,PY,SLICE,PUPIL,NOTE\n"
    "a,s1,0,250,0.5,0.5,1,3.25,007\na,s1,300,125.5,300,200,40,,x\na,s2,10,100,150,20.25,3,3,y\n"
    "b,s1,12.5,90,151,21.75,7,3.5,z\nb,s1,100,80,10,11,9,3.75,z\n"
)
SCREEN_CSV = "TRIAL;T;X;Y;OK\n1;0;0;0;1\n1;4000;10.5;-3.25;1\n1;8000;;;0\n2;1000;-2;1;1\n2;5000;-2.5;1.5;1\n"


def _files(folder: Path, mapping: str, csv: str) -> Path:
    (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    (folder / "gaze.csv").write_text(csv, encoding="utf-8")
    return folder / "gaze.csv"


def _read(path: Path) -> DataSet:
    return read_mapped_csv(path, {"mapping": str(path.with_name("mapping.toml"))})


def _image(folder: Path) -> Path:
    # More rows than elsewhere, so that shuffling them cannot by chance leave whole trials together.
    more = "".join(f"b,s1,{200 + 100 * n},80,{10 + n},11,9,3.75,z\n" for n in range(6))
    return _files(folder, IMAGE_MAPPING, IMAGE_CSV + more)


def _screen(folder: Path) -> Path:
    return _files(folder, SCREEN_MAPPING, SCREEN_CSV + "".join(f"2;{9000 + 4000 * n};{n};1;1\n" for n in range(6)))


PICTURE_MAPPING = (
    IMAGE_MAPPING.replace('frame = "image"', 'frame = "screen"')
    + SCREEN
    + "[picture]\nleft_px = 200.0\ntop_px = 50.0\nwidth_px = 600.0\nheight_px = 400.0\n"
)
PICTURE_CSV = (
    "WHO,SCAN,FROM,DUR,PX,PY,SLICE,PUPIL,NOTE\n"
    "a,s1,0,250,200,50,1,3,x\na,s1,300,200,500,250,40,3,x\na,s1,600,200,199.5,250,7,3,x\n"
)


def _picture(folder: Path) -> Path:
    more = "".join(f"b,s1,{200 + 100 * n},80,{400 + 9 * n},{200 + n},{3 + n},3.75,z\n" for n in range(8))
    return _files(folder, PICTURE_MAPPING, PICTURE_CSV + more)


_HERE = {"mapping": "{folder}/mapping.toml"}
_BOTH = ("gaze.csv", "mapping.toml")
MUTATION_SUBJECTS = (
    Subject(
        "mapped_csv", _image, _HERE, _BOTH, text_columns=frozenset({"NOTE"}), kinds={"mapping.toml": "lines"},
    ),
    Subject(
        "mapped_csv", _screen, _HERE, _BOTH, kinds={"mapping.toml": "lines"}, separator=";",
    ),
    Subject(
        "mapped_csv", _picture, _HERE, _BOTH, text_columns=frozenset({"NOTE"}), kinds={"mapping.toml": "lines"},
    ),
)  # fmt: skip


def test_pixels_slices_and_milliseconds(tmp_path: Path) -> None:
    data = _read(_files(tmp_path, IMAGE_MAPPING, IMAGE_CSV))
    table = data.fixations
    assert table["x_voxel"].tolist() == [0, 299.5, 149.5, 150.5, 9.5]
    assert table["y_voxel"].tolist() == [0, 199.5, 19.75, 21.25, 10.5]
    assert table["z_voxel"].tolist() == [0, 39, 2, 6, 8]
    assert table["onset_s"].tolist() == [0, 0.3, 0.01, 0.0125, 0.1]
    assert table["duration_s"].tolist() == [0.25, 0.1255, 0.1, 0.09, 0.08]
    assert table["trial"].tolist() == [1, 1, 2, 1, 1]
    assert table["fixation"].tolist() == [1, 2, 1, 1, 2]
    assert table["source_NOTE"].tolist() == ["007", "x", "y", "z", "z"]
    assert [(case.case, case.shape_kji) for case in data.cases] == [("s1", (40, 200, 300)), ("s2", (40, 200, 300))]
    assert "shape" not in data.provenance["mapping"]["place"]


def test_degrees_on_a_screen_become_fractions_of_it(tmp_path: Path) -> None:
    data = _read(_files(tmp_path, SCREEN_MAPPING, SCREEN_CSV))
    assert data.samples is not None
    table = data.samples
    expected = 0.5 + 600 * np.tan(np.deg2rad(10.5)) / 400
    assert table["x_screen_norm"].tolist()[:2] == [0.5, pytest.approx(expected, abs=1e-12)]
    assert table["onset_s"].tolist() == [0, 0.004, 0.008, 0.001, 0.005]
    assert table["valid"].tolist() == [True, True, False, True, True]
    assert table["trial"].tolist() == [1, 1, 1, 2, 2]
    assert not table["on_image"].any()
    assert data.fixations.empty
    assert data.scanpaths() == []
    far = _read(_files(tmp_path, SCREEN_MAPPING, SCREEN_CSV.replace("10.5", "80.5")))
    assert far.provenance["notes"][1:] == ["1 of 5 samples lie off the screen."]


def test_places_on_the_screen_become_voxels_through_the_declared_picture(tmp_path: Path) -> None:
    data = _read(_files(tmp_path, PICTURE_MAPPING, PICTURE_CSV))
    table = data.fixations
    # The picture's 300 x 200 pixels are 2 screen pixels each: its edge is half a pixel before the first centre.
    assert table["x_voxel"].tolist()[:2] == [-0.5, 149.5]
    assert table["y_voxel"].tolist()[:2] == [-0.5, 99.5]
    assert table["z_voxel"].tolist()[:2] == [0, 39]
    assert table["on_image"].tolist() == [True, True, False]
    assert table["x_screen_norm"].tolist() == [0.2, 0.5, 0.1995]
    assert len(data.scanpaths()[0]) == 2
    assert data.provenance["notes"] == [
        "The picture is taken to have stood still on the screen, without zoom and pan.",
        "1 of 3 fixations lie outside their image.",
    ]
    out = write_mapped_csv(data, tmp_path / "out", {"mapping": str(tmp_path / "mapping.toml")})
    assert _read_beside(out[0], tmp_path)["x_voxel"].tolist()[:2] == [-0.5, 149.5]


def _read_beside(path: Path, folder: Path) -> pd.DataFrame:
    return read_mapped_csv(path, {"mapping": str(folder / "mapping.toml")}).fixations


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",40,3", ",41,3", r"gaze.csv, row 3, column SLICE: slice 40 \(from 0\) of a case with 40"),
        ("width_px = 600.0", "width_px = -1.0", "picture.width_px"),
        ('z = "voxel"', 'z = "mm"', "units.z: beside places on a screen"),
        ('shape = "40x200x300"', "", "place.shape: places on an image need its size"),
        ("left_px = 200.0", "left_px = 5000.0", "no place lies on the picture"),
        ('frame = "screen"', 'frame = "image"', "picture: places on an image need none"),
    ],
)
def test_a_picture_that_cannot_be_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = _files(tmp_path, PICTURE_MAPPING.replace(old, new), PICTURE_CSV.replace(old, new))
    with pytest.raises(FormatError, match=said) as caught:
        _read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("300,200,40", "700,200,40", "gaze.csv, row 3, column PX: lies outside the image of case 's1'"),
        ("300,200,40", "300,200,400", "gaze.csv, row 3, column SLICE: lies outside"),
        ("b,s1,100", "b,s1,10", "gaze.csv, row 6, column FROM: time runs backwards"),
        ("b,s1,12.5", "a,s1,12.5", "gaze.csv, row 5, column SCAN: the rows of one trial are not together"),
        ("DUR", "DUR_s", "column DUR: this column is missing; the nearest that is there is DUR_s"),
        ("125.5", "-1", "row 3, column DUR: -1 is below 0"),
        ("125.5", "125500", "row 3, column DUR: 125500 is above 60000"),
    ],
)
def test_what_cannot_be_is_refused_with_row_and_column(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        _read(_files(tmp_path, IMAGE_MAPPING, IMAGE_CSV.replace(old, new)))
    assert said in str(caught.value)


def test_times_that_hardly_can_be_are_told(tmp_path: Path) -> None:
    assert _read(_files(tmp_path, IMAGE_MAPPING, IMAGE_CSV)).provenance["notes"] == []
    early = _read(_files(tmp_path, IMAGE_MAPPING, IMAGE_CSV.replace("a,s1,300,", "a,s1,200,")))
    assert early.provenance["notes"] == ["1 of 5 fixations begin before the one above has ended."]
    micro = _read(_files(tmp_path, IMAGE_MAPPING.replace('duration = "ms"', 'duration = "us"'), IMAGE_CSV))
    assert micro.provenance["notes"] == ["The fixations last 0.1 ms (median): check the unit of duration."]


def test_gaze_beside_the_picture_has_no_voxel(tmp_path: Path) -> None:
    data = _read(_files(tmp_path, IMAGE_MAPPING, IMAGE_CSV.replace("300,200,40", "310,200,40")))
    assert data.fixations["on_image"].tolist() == [True, False, True, True, True]
    assert data.fixations["x_voxel"].isna().tolist() == [False, True, False, False, False]
    assert data.provenance["notes"] == ["1 of 5 fixations lie outside their image."]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('x_and_y = "px"', 'x_and_y = "deg"', "degrees are places on a screen"),
        ('x = "PX"', 'x = ""', "mapping.toml: columns.x is empty (name the column of the file)"),
        ("index_base = 1", "", "slice numbers need it, 0 or 1"),
        ('shape = "40x200x300"', "", "place.shape: places on an image need its size"),
        ('onset = "ms"', 'onset = "minutes"', "units.onset: Input should be"),
        ('z = "voxel"', "", "units.z and columns.z belong together"),
        ('y = "PY"', 'y = "PX"', "one column is named for two things"),
        ("[place]", "[palace]", "mapping.toml: place: Field required"),
        ("schema = 1", "schema = ", "mapping.toml: is no TOML"),
        ("schema = 1", "schema = 2", "schema: Input should be 1"),
        ('reader = "WHO"', "", "reader: name a column or a constant"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        _read(_files(tmp_path, IMAGE_MAPPING.replace(old, new), IMAGE_CSV))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_template_names_the_columns_and_is_a_mapping_once_filled_in(tmp_path: Path) -> None:
    text = template(("PX", "PY"))
    assert "# The file has these columns: PX, PY" in text
    filled = text.replace('x = ""', 'x = "PX"', 1).replace('y = ""', 'y = "PY"', 1)
    filled = filled.replace('onset = ""', 'onset = "T"', 1).replace('duration = ""', 'duration = "D"', 1)
    filled = filled.replace('case = ""  ', 'case = "IMAGE"  ').replace('case = ""\n', 'case = "c1"\n')
    (tmp_path / "m.toml").write_text(filled, encoding="utf-8")
    assert read_mapping(tmp_path / "m.toml").columns.x == "PX"


AFFINE = np.array([[0.7, 0, 0, -100.0], [0, 0.7, 0.1, -90.0], [0, 0, -2.5, 300.0], [0, 0, 0, 1]])
POINTS = st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(points=POINTS, unit=st.sampled_from(["px", "norm", "voxel", "mm"]), base=st.sampled_from([0, 1]))
def test_every_unit_on_an_image_leads_there_and_back(points: list[tuple[float, ...]], unit: str, base: int) -> None:
    fields = {
        "schema": 1, "rows": "fixations", "columns": {"x": "a", "y": "b", "z": "c"},
        "units": {"x_and_y": unit, "z": "mm" if unit == "mm" else "voxel"},
        "place": {"frame": "image", "index_base": base, "shape": "1x1x1"},
    }  # fmt: skip
    mapping = ColumnMapping.model_validate(fields)
    grid = CaseGrid((40, 200, 300), AFFINE)
    voxel = np.array(points) * [299, 199, 39]
    declared = declared_from_voxel(voxel, grid, mapping)
    assert voxel_from_declared(declared, grid, mapping) == pytest.approx(voxel, abs=1e-8)


@settings(max_examples=20, deadline=None)
@given(points=POINTS, unit=st.sampled_from(["px", "norm", "mm", "deg"]))
def test_every_unit_on_a_screen_leads_there_and_back(points: list[tuple[float, ...]], unit: str) -> None:
    fields = {
        "schema": 1, "rows": "samples", "columns": {"x": "a", "y": "b"}, "units": {"x_and_y": unit},
        "place": {"frame": "screen"},
        "screen": {"width_px": 1000, "height_px": 500, "width_mm": 400, "height_mm": 200, "distance_mm": 600},
    }  # fmt: skip
    mapping = ColumnMapping.model_validate(fields)
    norm = np.array(points)[:, :2]
    assert norm_from_declared(declared_from_norm(norm, mapping), mapping) == pytest.approx(norm, abs=1e-12)


def test_a_table_comes_back_through_its_own_mapping(tmp_path: Path) -> None:
    data = _read(_files(tmp_path, IMAGE_MAPPING, IMAGE_CSV))
    paths = write_mapped_csv(data, tmp_path / "out", {"mapping": str(tmp_path / "mapping.toml")})
    assert [path.name for path in paths] == ["fixations.csv", "mapping.toml"]
    again = read_mapped_csv(paths[0], {"mapping": str(paths[1])})
    pd.testing.assert_frame_equal(data.fixations.drop(columns="source_NOTE"), again.fixations, check_exact=True)


def test_millimetres_need_a_geometry(tmp_path: Path) -> None:
    mapping = IMAGE_MAPPING.replace('"px"', '"mm"').replace('z = "voxel"', 'z = "mm"')
    with pytest.raises(FormatError, match="patient millimetres need a volume with a geometry"):
        _read(_files(tmp_path, mapping, IMAGE_CSV))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_damage_never_changes_numbers_in_silence(tmp_path: Path, number: int) -> None:
    assert_no_silent_damage(MUTATION_SUBJECTS[number], tmp_path)
