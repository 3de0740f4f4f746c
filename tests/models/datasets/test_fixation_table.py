"""GazeMedSeg's fixation CSV as gaze on pictures; what cannot be is one line with row and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.datasets.fixation_table import read_fixation_table
from models.errors import ModelError

HEADER = (
    "IMAGE,CURRENT_FIX_INDEX,CURRENT_FIX_X,CURRENT_FIX_Y,CURRENT_FIX_DURATION,CURRENT_FIX_PUPIL,CURRENT_FIX_START,"
    "IMAGE_HEIGHT,IMAGE_WIDTH\n"
)
ROWS = (
    "p1_01.jpg,2,1,1,80.5,815,140,400,500\n"
    "p1_01.jpg,1,0,0,120,812,3,400,500\n"
    "sub/p1_02.png,1,0.75,0.5,95,,-12,300,600\n"
)


def table(folder: Path, text: str) -> Path:
    path = folder / "fix.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_become_gaze_in_the_order_of_their_index(tmp_path: Path):
    found = read_fixation_table(table(tmp_path, "\ufeff" + HEADER + ROWS), reader="a1")
    assert list(found) == ["p1_01", "p1_02"]
    first = found["p1_01"]
    assert first.gaze.points_xy_share.tolist() == [[0, 0], [1, 1]]
    assert first.gaze.duration_s.tolist() == [0.12, 0.0805]
    assert first.gaze.onset_s.tolist() == [0.003, 0.14]
    assert (first.image, first.width_px, first.height_px, first.gaze.reader) == ("p1_01.jpg", 500, 400, "a1")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("CURRENT_FIX_DURATION,", "MS,", "fix.csv: has no column CURRENT_FIX_DURATION"),
        ("CURRENT_FIX_X,CURRENT_FIX_Y", "X,Y", "has no column CURRENT_FIX_X, CURRENT_FIX_Y"),
        ("IMAGE_HEIGHT,IMAGE_WIDTH", "H,W", "has no column IMAGE_HEIGHT, IMAGE_WIDTH"),
        (",1,1,80.5", ",1.01,1,80.5", "fix.csv, row 2, CURRENT_FIX_X: 1.01 is not a number from 0 to 1"),
        (",1,1,80.5", ",nan,1,80.5", "row 2, CURRENT_FIX_X: nan is not"),
        ("80.5", "-1", "row 2, CURRENT_FIX_DURATION: -1 is not"),
        ("80.5", "8O.5", "row 2, CURRENT_FIX_DURATION: '8O.5' is no number"),
        ("p1_01.jpg,2", ",2", "row 2, IMAGE: the cell is empty"),
        ("140,400,500", "140,400,501", "row 3, IMAGE_WIDTH: this image has another size"),
        ("140,400,500", "140,400,500.5", "row 2, IMAGE_WIDTH: 500.5 is not a whole number"),
        ("140,400,500", "140,400,500,7", "row 2: too many cells"),
        ("140,400,500", "140,400", "row 2, IMAGE_WIDTH: '' is no number"),
        ("sub/p1_02.png", "sub/p1_01.png", "sub/p1_01.png and p1_01.jpg differ only"),
        (ROWS, "", "has a header and no rows"),
        ("p1_01.jpg,2", '"p1_01.jpg,2', "is no CSV table"),
    ],
)
def test_what_cannot_be_is_refused_with_row_and_column(tmp_path: Path, old: str, new: str, said: str):
    with pytest.raises(ModelError) as caught:
        read_fixation_table(table(tmp_path, (HEADER + ROWS).replace(old, new)))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_is_one_line(tmp_path: Path):
    with pytest.raises(ModelError, match=r"gone\.csv: cannot be read"):
        read_fixation_table(tmp_path / "gone.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ModelError, match="is no CSV table"):
        read_fixation_table(tmp_path / "b.csv")
