"""Training cases from tables in the chest X-ray study's layout, made from nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ctgaze_app.errors import CTGazeError
from ctgaze_app.formats.egd_tables import SHEET_FILE
from ctgaze_app.formats.radiograph_training import LABELS, radiograph_cases_from_egd
from models.datasets.picture_case import PictureCase
from models.errors import ModelError
from tests.formats.egd_folders import PICTURES, PLACEMENT, make_egd_folder

SHRUNK = 40


def make_pictures(folder: Path) -> Path:
    """A fortieth of the size, the same proportions."""
    folder.mkdir()
    for number, (case, placement) in enumerate(PLACEMENT.items()):
        rows, columns = round(placement.rows / SHRUNK), round(placement.columns / SHRUNK)
        values = np.linspace(0, 60_000, rows * columns).reshape(rows, columns) * (number + 1) / 3
        Image.fromarray(values.astype(np.uint16)).save(folder / f"{case}.png")
    return folder


def change_sheet(folder: Path, row: int, **cells: str) -> None:
    sheet = pd.read_csv(folder / SHEET_FILE, dtype=str, keep_default_na=False)
    for name, value in cells.items():
        sheet.loc[row, name] = value
    sheet.to_csv(folder / SHEET_FILE, index=False, lineterminator="\n")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    folder = make_egd_folder(tmp_path / "egd")
    change_sheet(folder, 0, Normal="1", CHF="0", pneumonia="0")
    change_sheet(folder, 1, Normal="0", CHF="1", pneumonia="")
    change_sheet(folder, 2, Normal="", CHF="", pneumonia="1")
    return folder


def cases(tables: Path, **options: str) -> list[PictureCase]:
    return radiograph_cases_from_egd(tables, make_pictures(tables.parent / "png"), options)


def test_every_radiograph_that_was_looked_at_is_a_case_with_labels_gaze_and_patient(tables: Path) -> None:
    found = cases(tables)

    assert [case.case for case in found] == list(PICTURES)
    assert [case.patient for case in found] == ["100", "101", "102"]
    assert [tuple(case.labels[name] for name in LABELS) for case in found] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert {case.origin for case in found} == {"egd"}
    for case in found:
        assert case.gaze is not None
        assert case.gaze.reader == "reader-1"
        assert ((case.gaze.points_xy_share >= 0) & (case.gaze.points_xy_share <= 1)).all()
        assert (np.diff(case.gaze.onset_s) > 0).all()


def test_gaze_lies_at_the_stored_place_as_a_share_of_the_picture(tables: Path) -> None:
    first = cases(tables)[0]
    fixations = pd.read_csv(tables / "fixations.csv")
    row = fixations[fixations["DICOM_ID"] == PICTURES[0]].iloc[0]

    assert first.gaze is not None
    # A stored whole pixel is the pixel's centre.
    expected = ((row["X_ORIGINAL"] + 0.5) / 2544, (row["Y_ORIGINAL"] + 0.5) / 3056)
    assert tuple(first.gaze.points_xy_share[0]) == pytest.approx(expected, abs=1e-6)


def test_pictures_are_opened_when_they_are_loaded_and_carry_the_codes(tables: Path) -> None:
    picture = cases(tables)[1].load()

    assert (picture.case, picture.patient, picture.shape_kji) == (PICTURES[1], "101", (1, 64, 76))
    assert picture.values.dtype == np.float32


def test_the_path_of_the_sheet_goes_before_a_file_beside_it(tables: Path) -> None:
    pictures = make_pictures(tables.parent / "png")
    (pictures / "files").mkdir()
    change_sheet(tables, 0, path="files/first.png")
    (pictures / f"{PICTURES[0]}.png").rename(pictures / "files" / "first.png")

    assert radiograph_cases_from_egd(tables, pictures, {})[0].load().shape_kji == (1, 76, 64)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd"])
def test_a_sheet_does_not_lead_out_of_the_folder(tables: Path, path: str) -> None:
    pictures = make_pictures(tables.parent / "png")
    (pictures / f"{PICTURES[0]}.png").rename(tables.parent / "secret.png")
    change_sheet(tables, 0, path=path)

    with pytest.raises(CTGazeError, match=f"no radiograph of picture {PICTURES[0]}"):
        radiograph_cases_from_egd(tables, pictures, {})


def test_a_radiograph_of_other_proportions_is_one_line(tables: Path) -> None:
    first = cases(tables)[0]
    file = tables.parent / "png" / f"{PICTURES[0]}.png"
    Image.fromarray(np.zeros((76, 76), dtype=np.uint16)).save(file)

    with pytest.raises(ModelError, match="76 x 76 pixels are another picture") as caught:
        first.load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "match"),
    [("yes", "'yes' is neither 1, 0 nor blank"), ("2", "'2' is neither 1, 0 nor blank")],
)
def test_a_label_that_is_none_is_one_line(tables: Path, said: str, match: str) -> None:
    change_sheet(tables, 1, CHF=said)

    with pytest.raises(CTGazeError, match=match) as caught:
        cases(tables)
    assert f"{SHEET_FILE}, {PICTURES[1]}, column CHF" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_that_are_not_there_are_one_line(tables: Path) -> None:
    with pytest.raises(CTGazeError, match="there is no such folder of radiographs"):
        radiograph_cases_from_egd(tables, tables.parent / "nothing", {})
    with pytest.raises(CTGazeError, match="is not a folder"):
        radiograph_cases_from_egd(tables.parent / "nothing", tables, {})
