"""Gaze on one picture from a scan path, and from a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.gaze_classifier.picture_gaze import (
    gaze_digest,
    gaze_on_picture,
    read_fixations,
    write_fixations,
)
from models.scanpath import Scanpath
from tests.models.gaze_classifier.saved_classifiers import gaze_at

HEADER = (
    "IMAGE,CURRENT_FIX_INDEX,CURRENT_FIX_X,CURRENT_FIX_Y,CURRENT_FIX_DURATION,CURRENT_FIX_START,IMAGE_HEIGHT,"
    "IMAGE_WIDTH"
)


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


def test_the_digest_of_gaze_is_that_of_what_is_read_back_and_of_no_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    points, seconds = rng.uniform(-0.1, 1.1, (200, 2)), rng.uniform(0.05, 0.9, 200)
    gaze = PictureGaze(points, seconds, np.cumsum(seconds) + 7 / 3, "r1")
    unknown = replace(gaze, onset_s=np.full(200, np.nan))

    for one in (gaze, unknown):
        file = write_fixations(tmp_path / "r1.csv", one, case="x1", shape_ji=(50, 40))
        assert gaze_digest(read_fixations(file)) == gaze_digest(one)
    later = replace(gaze, onset_s=gaze.onset_s + 0.001)
    elsewhere = replace(gaze, points_xy_share=points + 1e-6)
    longer = replace(gaze, duration_s=seconds + 0.001)
    assert len({gaze_digest(one) for one in (gaze, unknown, later, elsewhere, longer)}) == 5
    assert gaze_digest(replace(gaze, reader="r2")) == gaze_digest(gaze)


def test_without_onsets_each_fixation_is_written_after_the_one_before(tmp_path: Path) -> None:
    gaze = replace(gaze_at((0.1, 0.1), (0.2, 0.2)), onset_s=np.full(2, np.nan))

    found = read_fixations(write_fixations(tmp_path / "r.csv", gaze, case="x", shape_ji=(9, 9)))

    np.testing.assert_allclose(found.onset_s, [0.0, 0.2])


def test_of_several_pictures_the_rows_of_this_case_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    file.write_text(f"{HEADER}\na.png,1,0.1,0.1,100,0,50,40\nb.png,1,0.9,0.8,200,0,50,40\n")

    assert read_fixations(file, "b").points_xy_share.tolist() == [[0.9, 0.8]]
    with pytest.raises(ModelError, match=r"all.csv: holds fixations on 2 pictures such as a, and none on c "):
        read_fixations(file, "c")
    with pytest.raises(ModelError, match="and none on a picture without a name"):
        read_fixations(file)


def test_a_table_of_another_picture_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "r1.csv"
    file.write_text(f"{HEADER}\nfolder/a.png,1,0.1,0.1,100,0,50,40\n")

    with pytest.raises(ModelError) as caught:
        read_fixations(file, "b")
    assert str(caught.value) == (
        "r1.csv: holds fixations on a, and none on b "
        "(give this picture's table, or what the table calls it: --option picture=a)"
    )
    for own in ("a", "a.png", "elsewhere/a.jpg", ""):
        assert read_fixations(file, own).points_xy_share.tolist() == [[0.1, 0.1]]


def test_names_with_dots_are_whole_names(tmp_path: Path) -> None:
    file = tmp_path / "r1.csv"
    file.write_text(f"{HEADER}\n1.2.840.17,1,0.1,0.1,100,0,50,40\n")

    assert len(read_fixations(file, "1.2.840.17").points_xy_share) == 1
    with pytest.raises(ModelError, match=r"and none on 1\.2\.840\.18 "):
        read_fixations(file, "1.2.840.18")


def test_fixations_on_a_picture_of_another_size_are_one_line(tmp_path: Path) -> None:
    file = write_fixations(tmp_path / "r1.csv", gaze_at((0.5, 0.5)), case="x1", shape_ji=(50, 40))

    assert len(read_fixations(file, "x1", (50, 40)).points_xy_share) == 1
    with pytest.raises(ModelError, match=r"r1.csv: its fixations were made on 40 x 50 pixels, the picture has 50 x 40"):
        read_fixations(file, "x1", (40, 50))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "IMAGE,CURRENT_FIX_X,CURRENT_FIX_DURATION\na,0.1,3\n",
        f"{HEADER}\n",
        f"{HEADER}\na,1,512,0.5,100,0,50,40\n",
        f"{HEADER}\na,1,0.5,0.5,nan,0,50,40\n",
    ],
)
def test_a_broken_table_is_one_line_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)

    with pytest.raises(ModelError, match=r"^t.csv") as caught:
        read_fixations(file)
    assert "\n" not in str(caught.value)
