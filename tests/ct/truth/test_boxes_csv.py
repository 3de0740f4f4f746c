"""Tables of boxes: what is declared counts, what is not declared is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctgaze_app.ct import Volume
from ctgaze_app.ct.truth import TruthError, read_truth

DECLARED = {
    "x_first": "x1", "x_last": "x2", "y_first": "y1", "y_last": "y2", "slice": "z", "slice_is": "index",
    "index_base": "0", "ends": "inclusive",
}  # fmt: skip
ROWS = "x1,x2,y1,y2,z\n10,14,20,22,5\n10,14,20,22,6\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "boxes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_boxes_of_neighbouring_slices_are_one_lesion(scan: Volume, tmp_path: Path) -> None:
    (region,) = read_truth(write(tmp_path, ROWS), scan, options=DECLARED)
    assert (region.first_kji, region.last_kji, region.n_voxels) == ((5, 20, 10), (6, 22, 14), 30)


@pytest.mark.parametrize(
    ("changed", "first", "last"),
    [
        ({"index_base": "1"}, (4, 19, 9), (5, 21, 13)),
        ({"ends": "exclusive"}, (5, 20, 10), (6, 21, 13)),
        ({"ends": "edges"}, (5, 20, 10), (6, 21, 13)),
        ({"slice_is": "index_reversed"}, (13, 20, 10), (14, 22, 14)),
        ({"box": "size"}, (5, 20, 10), (6, 41, 23)),
        ({"box": "size", "ends": "edges"}, (5, 20, 10), (6, 41, 23)),
    ],
)
def test_what_is_declared_moves_the_box(
    scan: Volume, tmp_path: Path, changed: dict[str, str], first: tuple[int, ...], last: tuple[int, ...]
) -> None:
    (region,) = read_truth(write(tmp_path, ROWS), scan, options=DECLARED | changed)
    assert (region.first_kji, region.last_kji) == (first, last)


def test_continuous_edges_hold_the_pixels_whose_centre_lies_between_them(scan: Volume, tmp_path: Path) -> None:
    path = write(tmp_path, "x1,x2,y1,y2,z\n10.6,14.4,20.4,22.6,5\n30.6,30.9,20.4,22.6,5\n")
    wide, narrow = read_truth(path, scan, options=DECLARED | {"ends": "edges"})
    assert (wide.first_kji, wide.last_kji) == ((5, 20, 11), (5, 22, 13))
    assert (narrow.first_kji, narrow.last_kji) == ((5, 20, 30), (5, 22, 30))  # no centre between: where it lies


def test_nothing_that_matters_has_a_default(scan: Volume, tmp_path: Path) -> None:
    for name in DECLARED:
        options = {key: value for key, value in DECLARED.items() if key != name}
        with pytest.raises(TruthError, match=f"declare {name}="):
            read_truth(write(tmp_path, ROWS), scan, options=options)


def test_slices_by_uid_and_by_z(scan: Volume, tmp_path: Path) -> None:
    uids, z = scan.source.sop_instance_uids, scan.positions_lps_mm[:, 2]
    (region,) = read_truth(
        write(tmp_path, f"x1,x2,y1,y2,z\n1,2,3,4,{uids[9]}\n"), scan, options=DECLARED | {"slice_is": "uid"}
    )
    assert region.first_kji == (9, 3, 1)
    (region,) = read_truth(
        write(tmp_path, f"x1,x2,y1,y2,z\n1,2,3,4,{z[11]}\n"), scan, options=DECLARED | {"slice_is": "z_mm"}
    )
    assert region.first_kji == (11, 3, 1)


def test_rows_of_other_scans_are_left_out_only_when_declared(scan: Volume, tmp_path: Path) -> None:
    path = write(tmp_path, f"x1,x2,y1,y2,z\n1,2,3,4,{scan.source.sop_instance_uids[9]}\n1,2,3,4,1.2.3\n")
    with pytest.raises(TruthError, match="1 of the 2 images"):
        read_truth(path, scan, options=DECLARED | {"slice_is": "uid"})
    (region,) = read_truth(path, scan, options=DECLARED | {"slice_is": "uid", "other_scans": "leave_out"})
    assert region.first_kji == (9, 3, 1)


def test_named_lesions_and_boxes_through_several_slices(scan: Volume, tmp_path: Path) -> None:
    text = "case,name,x1,x2,y1,y2,z,z2\na,b,1,3,1,3,2,4\nother,b,1,3,1,3,2,4\na,c,9,9,9,9,2,2\na,b,1,3,1,3,12,12\n"
    options = DECLARED | {"slice_last": "z2", "lesion": "name", "case_column": "case", "case": "a"}
    first, second = read_truth(write(tmp_path, text), scan, options=options)
    assert (first.name, first.first_kji, first.last_kji, first.n_voxels) == ("b", (2, 1, 1), (12, 3, 3), 36)
    assert (second.name, second.n_voxels) == ("c", 1)
    exclusive = read_truth(write(tmp_path, text), scan, options=options | {"ends": "exclusive", "case": "other"})
    assert (exclusive[0].first_kji, exclusive[0].last_kji) == ((2, 1, 1), (3, 2, 2))


def test_broken_tables_are_refused_in_one_line_with_their_row(scan: Volume, tmp_path: Path) -> None:
    named = DECLARED | {"lesion": "name"}
    broken: dict[str, tuple[str | bytes, dict[str, str], str]] = {
        "empty": ("", DECLARED, "is empty"),
        "header only": ("x1,x2,y1,y2,z\n", DECLARED, "no row"),
        "missing column": ("x1,x2,y1,z\n1,2,3,4\n", DECLARED, "no column 'y2'"),
        "renamed column": (ROWS.replace("x1", "left"), DECLARED, "no column 'x1'"),
        "doubled column": (ROWS.replace("x1,x2", "x1,x1"), DECLARED, "twice"),
        "short row": (ROWS + "1,2,3,4\n", DECLARED, "row 4: has 4 cells"),
        "long row": (ROWS + "1,2,3,4,5,6\n", DECLARED, "row 4: has 6 cells"),
        "text": (ROWS.replace("14,20,22,6", "14,x,22,6"), DECLARED, "row 3, column y1: 'x'"),
        "nan": (ROWS.replace("14,20,22,6", "14,nan,22,6"), DECLARED, "row 3, column y1: 'nan'"),
        "empty cell": (ROWS.replace("14,20,22,6", "14,,22,6"), DECLARED, "row 3, column y1"),
        "infinite": (ROWS.replace("14,20,22,6", "inf,20,22,6"), DECLARED, "row 3, column x2"),
        "fraction": (ROWS.replace("14,20,22,6", "14.5,20,22,6"), DECLARED, "declare ends=edges"),
        "fraction of a slice": (ROWS.replace("22,6", "22,6.5"), DECLARED, "whole number"),
        "turned round": (ROWS.replace("10,14", "14,10"), DECLARED, "ends before it begins"),
        "turned edges": (ROWS.replace("10,14", "14,10"), DECLARED | {"ends": "edges"}, "ends before it begins"),
        "outside": (ROWS.replace("14,20", "64,20"), DECLARED, "row 2: the box leaves the 64 x 48 pixels"),
        "negative": (ROWS.replace("10,14", "-1,14"), DECLARED, "leaves"),
        "one-based zero": ("x1,x2,y1,y2,z\n0,2,3,4,1\n", DECLARED | {"index_base": "1"}, "leaves"),
        "no such slice": (ROWS.replace("22,6", "22,20"), DECLARED, "outside the 20 slices"),
        "no such z": (ROWS, DECLARED | {"slice_is": "z_mm"}, "no slice of this CT lies at z"),
        "other scan": (ROWS, DECLARED | {"slice_is": "uid"}, "another scan"),
        "no such case": (ROWS, DECLARED | {"case_column": "z", "case": "77"}, "no row whose z"),
        "no case column": (ROWS, DECLARED | {"case_column": "case", "case": "77"}, "no column 'case'"),
        "lesion without name": ("name," + ROWS.replace("\n10", "\n ,10"), named, "names no lesion"),
        "unknown option": (ROWS, DECLARED | {"pixels": "2"}, "no option pixels"),
        "unknown choice": (ROWS, DECLARED | {"ends": "open"}, "is not one of"),
        "other encoding": (ROWS.encode("utf-16"), DECLARED, "not UTF-8"),
        "open quote": (ROWS + '"1,2,3,4,5\n', DECLARED, "not a CSV table"),
        "binary": (bytes(range(256)), DECLARED, "UTF-8"),
    }
    for name, (content, options, expected) in broken.items():
        path = tmp_path / "boxes.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(TruthError) as caught:
            read_truth(path, scan, format="boxes_csv", options=options)
        line = str(caught.value)
        assert expected in line and line.startswith("boxes.csv"), (name, line)
        assert "\n" not in line and str(tmp_path) not in line and caught.value.remedy, (name, line)
