"""GazeMedSeg CSV: fractions become pixels by a rule that puts 0 and 1 on the outer edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.gazemedseg import FORMAT, read_gazemedseg, write_gazemedseg
from tests.formats.gaze_tables import make_dataset
from tests.formats.mutations import Subject, assert_no_silent_damage

HEADER = (
    "IMAGE,CURRENT_FIX_INDEX,CURRENT_FIX_X,CURRENT_FIX_Y,CURRENT_FIX_DURATION,CURRENT_FIX_PUPIL,CURRENT_FIX_START,"
    "IMAGE_HEIGHT,IMAGE_WIDTH\n"
)
ROWS = (
    "p1_01.jpg,1,0,0,120,812,3,400,500\n"
    "p1_01.jpg,2,1,1,80.5,815,140,400,500\n"
    "p1_01.jpg,4,0.5,0.25,220,,301,400,500\n"
    "p1_02.jpg,1,0.75,0.5,95,799,12,300,600\n"
    "p1_02.jpg,2,0.25,0.125,101,790,160,300,600\n"
)


def _csv(folder: Path, text: str = HEADER + ROWS) -> Path:
    path = folder / "nci_fixation.csv"
    path.write_text(text, encoding="utf-8")
    return path


def _longer(folder: Path) -> Path:
    # So many rows that shuffling them cannot by chance leave images together.
    return _csv(
        folder, HEADER + ROWS + "".join(f"p1_02.jpg,{n},0.3,0.4,90,801,{n * 200},300,600\n" for n in range(3, 9))
    )


MUTATION_SUBJECTS = (Subject("gazemedseg", _longer, {}),)


def _read(path: Path, **options: str) -> DataSet:
    return read_gazemedseg(path, checked_options(options, FORMAT.read_options, "gazemedseg"))


def _write(data: DataSet, folder: Path, **options: str) -> tuple[Path, ...]:
    return write_gazemedseg(data, folder, checked_options(options, FORMAT.write_options, "gazemedseg"))


def test_fractions_and_milliseconds_become_pixels_and_seconds(tmp_path: Path) -> None:
    data = _read(_csv(tmp_path), reader="a1", patient_pattern=r"^(p\d+)_")
    first = data.fixations[data.fixations["case"] == "p1_01"]
    assert first["x_voxel"].tolist() == [-0.5, 499.5, 249.5]
    assert first["y_voxel"].tolist() == [-0.5, 399.5, 99.5]
    assert first["duration_s"].tolist() == [0.12, 0.0805, 0.22]
    assert first["onset_s"].tolist() == [0.003, 0.14, 0.301]
    assert first["fixation"].tolist() == [1, 2, 4]
    assert np.array_equal(first["pupil"], [812, 815, np.nan], equal_nan=True)
    assert [(c.case, c.patient, c.shape_kji) for c in data.cases] == [
        ("p1_01", "p1", (1, 400, 500)), ("p1_02", "p1", (1, 300, 600)),
    ]  # fmt: skip
    assert data.cases[0].attributes["image"] == "p1_01.jpg"
    assert set(data.fixations["reader"]) == {"a1"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",1,1,80.5", ",1.01,1,80.5", "row 3, column CURRENT_FIX_X: 1.01 is above 1"),
        ("120,812", "-120,812", "row 2, column CURRENT_FIX_DURATION: -120 is below 0"),
        ("jpg,2,1", "jpg,1,1", "row 3, column CURRENT_FIX_INDEX: fixations of one image must count upwards"),
        ("815,140", "815,1", "row 3, column CURRENT_FIX_START: fixations of one image must follow"),
        ("95,799,12,300", "95,799,12,301", "row 6, column IMAGE_HEIGHT: this image has another size"),
        ("p1_02.jpg,2", "p1_01.jpg,2", "row 6, column IMAGE_HEIGHT: this image has another size"),
        ("p1_02.jpg", "p1_01.png", "row 5, column IMAGE: p1_01.png and p1_01.jpg differ only in their extension"),
        ("CURRENT_FIX_DURATION", "CURRENT_FIX_DURATION_S", "column CURRENT_FIX_DURATION: this column is missing"),
    ],
)
def test_what_cannot_be_is_refused_with_row_and_column(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        _read(_csv(tmp_path, (HEADER + ROWS).replace(old, new)))
    assert said in str(caught.value)


def test_pictures_come_back_exactly(tmp_path: Path) -> None:
    data = _read(_csv(tmp_path))
    written = _write(data, tmp_path / "out")
    assert [path.name for path in written] == ["annotator_fixation.csv", "export.json"]
    again = _read(written[0])
    pd.testing.assert_frame_equal(data.fixations, again.fixations, check_exact=True)
    assert [case.attributes for case in again.cases] == [case.attributes for case in data.cases]


rows = st.lists(
    st.tuples(
        st.integers(-500, 639_500).map(lambda n: n / 1000), st.integers(-500, 479_500).map(lambda n: n / 1000),
        st.integers(0, 60_000_000).map(lambda n: n / 1e6),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(rows=rows)
def test_any_place_on_a_picture_survives_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, float, float]]
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    text = HEADER + "".join(
        f"a.jpg,{n + 1},{(x + 0.5) / 640!r},{(y + 0.5) / 480!r},{round(t * 1000, 6)!r},,{n * 70000},480,640\n"
        for n, (x, y, t) in enumerate(rows)
    )
    data = _read(_csv(folder, text))
    assert data.fixations["x_voxel"].tolist() == [x for x, _, _ in rows]
    assert data.fixations["duration_s"].tolist() == [t for _, _, t in rows]
    again = _read(_write(data, folder / "out")[0])
    pd.testing.assert_frame_equal(data.fixations, again.fixations, check_exact=True)


def test_a_volume_leaves_as_one_picture_a_slice(tmp_path: Path) -> None:
    data = make_dataset()
    shown = data.fixations[data.fixations["on_image"] & (data.fixations["reader"] == "r01")]
    paths = _write(data, tmp_path / "out", extension=".png")
    assert [path.name for path in paths] == ["r01_fixation.csv", "r02_fixation.csv", "export.json"]
    again = _read(paths[0])
    assert len(again.fixations) == len(shown) > 10
    row = shown.iloc[3]
    name = f"{row['case']}_{round(row['z_voxel']) + 1:04d}"
    found = again.fixations[(again.fixations["case"] == name) & (again.fixations["onset_s"] == row["onset_s"])]
    assert found["x_voxel"].tolist() == [pytest.approx(row["x_voxel"], abs=1e-9)]
    assert again.case(name).attributes["image"] == name + ".png"
    assert again.case(name).shape_kji == (1, 512, 512)


def test_a_fixation_that_began_before_the_picture_comes_back(tmp_path: Path) -> None:
    fixations = make_dataset().fixations.query("reader == 'r01' and case == 'case-1'").copy()
    fixations["onset_s"] -= fixations["onset_s"].iloc[0] + 0.021
    _write(make_dataset(fixations=fixations), tmp_path / "out")
    back = _read(tmp_path / "out" / "r01_fixation.csv").fixations
    assert back["onset_s"].min() == -0.021
    before = fixations[fixations["on_image"]].sort_values("onset_s")
    assert back.sort_values("onset_s")["duration_s"].tolist() == before["duration_s"].tolist()


@pytest.mark.parametrize("extension", ["/../../x.jpg", "jpg", ".j,g"])
def test_an_extension_is_an_extension(tmp_path: Path, extension: str) -> None:
    with pytest.raises(FormatError, match="is no extension"):
        _write(make_dataset(), tmp_path / "out", extension=extension)


def test_two_readings_of_one_case_are_not_mixed(tmp_path: Path) -> None:
    data = make_dataset()
    repeat = data.fixations.copy()
    repeat["trial"] += 2
    both = make_dataset(fixations=pd.concat([data.fixations, repeat], ignore_index=True))
    with pytest.raises(FormatError, match="read case case-1 more than once"):
        _write(both, tmp_path / "out")


def test_damage_never_changes_numbers_in_silence(tmp_path: Path) -> None:
    assert_no_silent_damage(MUTATION_SUBJECTS[0], tmp_path)
