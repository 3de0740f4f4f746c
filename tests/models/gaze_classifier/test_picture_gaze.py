"""Gaze on one picture from a scan path, and from a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.gaze_classifier.picture_gaze import gaze_on_picture, read_fixations, write_fixations
from models.scanpath import Scanpath
from tests.models.gaze_classifier.saved_classifiers import gaze_at

HEADER = "IMAGE,CURRENT_FIX_INDEX,CURRENT_FIX_X,CURRENT_FIX_Y,CURRENT_FIX_DURATION,CURRENT_FIX_START"


def test_a_scan_path_on_one_slice_becomes_shares_of_its_sides() -> None:
    path = Scanpath.from_voxels(
        [[-0.5, 49.5, 0], [79.5, 99.5, 0]], [0.2, 0.3], shape_kji=(1, 100, 80), who="r1", case="c"
    )

    gaze = gaze_on_picture(path)

    assert gaze.points_xy_share.tolist() == [[0.0, 0.5], [1.0, 1.0]]
    assert (gaze.duration_s.tolist(), gaze.reader) == ([0.2, 0.3], "r1")


def test_a_scan_path_through_a_volume_is_one_line() -> None:
    path = Scanpath.from_voxels([[1, 1, 5]], [0.2], shape_kji=(30, 10, 10), case="c7")

    with pytest.raises(ModelError, match="c7: a scan path through 30 slices is no gaze on one picture"):
        gaze_on_picture(path)


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    gaze = gaze_at((0.125, 0.5), (1.5, 0.5), (1.0, 0.0))
    file = write_fixations(tmp_path / "r1.csv", gaze, case="x1", shape_ji=(50, 40))

    found = read_fixations(file)

    assert found.points_xy_share.tolist() == [[0.125, 0.5], [1.0, 0.0]]
    np.testing.assert_allclose(found.duration_s, [0.2, 0.2])
    np.testing.assert_allclose(found.onset_s, [0.0, 0.6])
    assert found.reader == "r1"


def test_of_several_pictures_the_rows_of_this_case_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    file.write_text(f"{HEADER}\na.png,1,0.1,0.1,100,0\nb.png,1,0.9,0.8,200,0\n")

    assert read_fixations(file, "b").points_xy_share.tolist() == [[0.9, 0.8]]
    with pytest.raises(ModelError, match=r"all.csv: holds fixations on 2 pictures, and none is called 'c'"):
        read_fixations(file, "c")


def test_without_start_times_the_rows_are_in_order(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("IMAGE,CURRENT_FIX_X,CURRENT_FIX_Y,CURRENT_FIX_DURATION\na,0.5,0.5,100\n")

    assert np.isnan(read_fixations(file).onset_s).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks the column IMAGE"),
        ("IMAGE,CURRENT_FIX_X,CURRENT_FIX_DURATION\na,0.1,3\n", "lacks the column CURRENT_FIX_Y"),
        (f"{HEADER}\n", "holds no fixation"),
        (f"{HEADER}\na,1,0.5,x,100,0\n", "line 2, column CURRENT_FIX_Y: is no number: 'x'"),
        (f"{HEADER}\na,1,512,0.5,100,0\n", "column CURRENT_FIX_X: 512 is not between 0 and 1"),
        (f"{HEADER}\na,1,0.5,0.5,nan,0\n", "column CURRENT_FIX_DURATION: nan is not between"),
        (f"{HEADER}\na,1,0.5,0.5\n", "line 2: has another number of cells"),
        (f"{HEADER}\na,1,0.5,0.5,100,0,7\n", "line 2: has another number of cells"),
        (f'{HEADER}\na,1,"0.5,0.5,100,0\n', "is no table"),
        ("\x00\xff\xfe", "lacks the column IMAGE|is no table"),
    ],
)
def test_a_broken_table_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(text.encode("latin-1"))

    with pytest.raises(ModelError, match=said) as caught:
        read_fixations(file)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing.csv: cannot be read"):
        read_fixations(tmp_path / "nothing.csv")
