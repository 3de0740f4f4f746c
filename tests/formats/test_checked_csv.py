"""What the CSV reader accepts, and the one line that it says otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.formats.checked_csv import Column, read_csv_table
from ctgaze_app.formats.contract import FormatError

COLUMNS = (
    Column("name", "text"),
    Column("x", "number", minimum=0, maximum=512, aliases=("X_ORIGINAL",)),
    Column("count", "integer", minimum=0),
    Column("pupil", "number", required=False, missing=True),
    Column("kind", "text", required=False, choices=("gaze", "calibration")),
    Column("valid", "flag", required=False, missing=True),
)
GOOD = "name,x,count,pupil,kind,valid\na,1.5,1,3.25,gaze,1\nb,2,2,,calibration,0\nc,3e2,3.0,nan,gaze,\n"


def _file(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def _line(folder: Path, content: str | bytes, **options: object) -> str:
    with pytest.raises(FormatError) as caught:
        read_csv_table(_file(folder, content), COLUMNS, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_types_are_as_declared(tmp_path: Path) -> None:
    table = read_csv_table(_file(tmp_path, GOOD), COLUMNS)
    assert list(table["name"]) == ["a", "b", "c"]
    assert table["x"].to_numpy().tolist() == [1.5, 2.0, 300.0]
    assert table["count"].dtype == np.int64
    assert table["count"].tolist() == [1, 2, 3]
    assert np.array_equal(table["pupil"].to_numpy(), [3.25, np.nan, np.nan], equal_nan=True)
    assert list(table["kind"]) == ["gaze", "calibration", "gaze"]
    assert table["valid"].isna().tolist() == [False, False, True]
    assert table["valid"].fillna(False).tolist() == [True, False, False]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace("b,2,2", "\nb,2,2"),
        GOOD.replace(",1.5,", ", 1.5 ,"),
        GOOD.replace("a,", '"a",').replace("1.5", '"1.5"'),
        GOOD.replace("name,x", '"name", x'),
        GOOD.replace("name,x", "name,X_ORIGINAL"),
    ],
    ids=["windows", "utf-8 mark", "blank line", "spaces", "quoted", "quoted header", "alias"],
)
def test_harmless_differences_change_nothing(tmp_path: Path, content: str) -> None:
    expected = read_csv_table(_file(tmp_path, GOOD), COLUMNS)
    assert read_csv_table(_file(tmp_path, content), COLUMNS).equals(expected)


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    table = read_csv_table(_file(tmp_path, "count,x,name\n7,1,a\n"), COLUMNS)
    assert table.to_dict("records") == [{"count": 7, "x": 1.0, "name": "a"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD.replace("2,2", "two,2"), "table.csv, row 3, column x: 'two' is not a number"),
        (GOOD.replace("2,2,", "2,2.5,"), "table.csv, row 3, column count: '2.5' is not a whole number"),
        (GOOD.replace("b,2,", "b,,"), "table.csv, row 3, column x: the cell is empty"),
        (GOOD.replace("b,2,", ",2,"), "table.csv, row 3, column name: the cell is empty"),
        (GOOD.replace("3e2", "-1"), "table.csv, row 4, column x: -1 is below 0"),
        (GOOD.replace("3e2", "1e30"), "table.csv, row 4, column x: 1e+30 is above 512"),
        (GOOD.replace("3e2", "inf"), "table.csv, row 4, column x: inf is not a number"),
        (GOOD.replace("3e2", "1e999"), "table.csv, row 4, column x: inf is not a number"),
        (GOOD.replace("3e2", "NaN"), "table.csv, row 4, column x: nan is not a number"),
        (GOOD.replace("3e2", "3,2"), "table.csv, row 4: too many cells: 7 where the header has 6"),
        (GOOD.replace("a,1.5,1,3.25,gaze,1", "a,1.5,1"), "table.csv, row 2: too few cells: 3 where the header has 6"),
        (GOOD.replace("3.0,", "0x1F,"), "table.csv, row 4, column count: '0x1F' is not a number"),
        (GOOD.replace("3e2", "0x10"), "table.csv, row 4, column x: '0x10' is not a number"),
        (GOOD.replace("3.0,", "99999999999999999999,"), "table.csv, row 4, column count: '99999999999999999999' is"),
        (GOOD.replace("gaze,1", "Gaze,1"), "table.csv, row 2, column kind: 'Gaze' is not one of gaze, calibration"),
        (GOOD.replace("gaze,1", "gaze,yes"), "table.csv, row 2, column valid: 'yes' is neither true nor false"),
        (GOOD.replace("name,x,", "name,x_px,"), "table.csv, row 1, column x: this column is missing"),
        (
            GOOD.replace(",count", ",Count"),
            "row 1, column count: this column is missing; the nearest that is there is Count",
        ),
        (GOOD.replace("pupil", "pupil_mm"), "table.csv, row 1, column pupil_mm: this column is not known, but is"),
        (GOOD.replace("pupil", "x"), "table.csv, row 1, column x: this column is there twice"),
        (GOOD.replace("pupil", "X_ORIGINAL"), "table.csv, row 1: x and X_ORIGINAL mean the same column"),
        (GOOD.replace("pupil", '"pu\npil"'), "row 1, column pu pil: this column is not known"),
        ("a" * 300 + "\n1\n", "table.csv, row 1: the name of column 1 has 300 characters"),
        (GOOD.replace(",", ";"), "the cells seem to be separated by semicolons"),
        (GOOD[:-12], "has no line end, so the file may have been cut off"),
        (GOOD.replace("b,2", '"b,2'), "table.csv, row 3: a quotation mark is not closed"),
        (GOOD.replace("b,", "é,").encode("latin-1"), "is not utf-8: 0xE9 at byte 50, line 3"),
        (GOOD.encode("utf-16"), "is UTF-16, not utf-8 (byte order mark at byte 0)"),
        (GOOD.encode("utf-16-le"), "holds a NUL byte at byte 1, line 1"),
        (GOOD.replace("b,", "\0,"), "holds a NUL byte"),
        ("", "table.csv: the file is empty"),
        ("\n \n", "table.csv: the file is empty"),
        ("name,x,count\n", "table.csv: has a header and no rows"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said in _line(tmp_path, content)


def test_a_row_is_a_record_even_when_a_cell_holds_line_ends(tmp_path: Path) -> None:
    text = 'name,x,count\n"two\nlines",1,1\n\n"three\r\nli\nnes",2,2\nd,bad,3\n'
    assert "table.csv, row 5, column x: 'bad' is not a number" in _line(tmp_path, text)
    good = read_csv_table(_file(tmp_path, text.replace("bad", "3")), COLUMNS)
    assert list(good["name"]) == ["two\nlines", "three\r\nli\nnes", "d"]


def test_comment_lines_before_the_header_are_passed_over(tmp_path: Path) -> None:
    path = _file(tmp_path, "# made by x\n# y\nname,x,count\na,1,1\n")
    assert read_csv_table(path, COLUMNS, comment="#")["x"].tolist() == [1.0]
    said = _line(tmp_path, "# made by x\nname,x,count\na,1,b\n", comment="#")
    assert "row 3, column count" in said


def test_extra_columns_are_kept_as_text_refused_or_left_out(tmp_path: Path) -> None:
    path = _file(tmp_path, "name,x,count,Zufall,\na,1,1,007,q\n")
    kept = read_csv_table(path, COLUMNS)
    assert kept["Zufall"].tolist() == ["007"]
    assert kept["unnamed_5"].tolist() == ["q"]
    assert list(read_csv_table(path, COLUMNS, extra="drop").columns) == ["name", "x", "count"]
    assert "row 1, column Zufall: this column is not known" in _line(tmp_path, path.read_bytes(), extra="refuse")


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="this is a folder"):
        read_csv_table(tmp_path, COLUMNS)
    with pytest.raises(FormatError, match=r"nothing\.csv: there is no such file"):
        read_csv_table(tmp_path / "nothing.csv", COLUMNS)


def test_a_huge_cell_is_read_and_one_beyond_the_block_is_told(tmp_path: Path) -> None:
    table = read_csv_table(_file(tmp_path, f"name,x,count\n{'a' * 3_000_000},1,1\n"), COLUMNS)
    assert len(table["name"][0]) == 3_000_000
    said = _line(tmp_path, b"name,x,count\n" + b"a" * (40 << 20) + b",1,1\nb,2,2\n")
    assert said.startswith("table.csv: ")
    assert len(said) < 400


def test_a_header_alone_and_an_open_last_line_may_be_allowed(tmp_path: Path) -> None:
    empty = read_csv_table(_file(tmp_path, "name,x,count\n"), COLUMNS, empty="keep")
    assert empty.shape == (0, 3)
    assert empty["x"].dtype == np.float64
    table = read_csv_table(_file(tmp_path, "name,x,count\na,1,2"), COLUMNS, unfinished="keep")
    assert table["count"].tolist() == [2]


def test_another_encoding_may_be_declared(tmp_path: Path) -> None:
    path = _file(tmp_path, GOOD.replace("b,", "é,").encode("latin-1"))
    assert read_csv_table(path, COLUMNS, encoding="latin-1")["name"].tolist() == ["a", "é", "c"]
    path = _file(tmp_path, GOOD.encode("utf-16"))
    assert read_csv_table(path, COLUMNS, encoding="utf-16")["count"].tolist() == [1, 2, 3]
