"""Plain tables keep every digit and say what their columns mean."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.plain_tables import read_plain_tables, write_plain_tables
from tests.formats.gaze_tables import make_dataset
from tests.formats.mutations import TABLES, Subject, assert_no_silent_damage

CSV = {"type": "csv", "samples": "yes", "session_tables": "no"}


def _written(folder: Path) -> Path:
    write_plain_tables(make_dataset(), folder / "data", CSV)
    return folder / "data"


MUTATION_SUBJECTS = (
    Subject(
        "plain_tables",
        _written,
        files=("data/fixations.csv", "data/samples.csv"),
    ),
    Subject(
        "plain_tables",
        _written,
        files=("data/tables.json",),
        text_columns=frozenset({"provenance", "report", "attributes", "meaning"}),
    ),
)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_written_is_read_back_equal(tmp_path: Path, kind: str, seed: int) -> None:
    data = make_dataset(seed)
    paths = write_plain_tables(data, tmp_path / "d", {**CSV, "type": kind})
    assert [path.name for path in paths] == [
        f"fixations.{kind}", f"samples.{kind}", f"events.{kind}", f"words.{kind}", "tables.json",
    ]  # fmt: skip
    again = read_plain_tables(tmp_path / "d", {})
    for name in TABLES:
        if getattr(data, name) is not None:
            pd.testing.assert_frame_equal(getattr(data, name), getattr(again, name), check_exact=True)
    assert dict(again.screen) == dict(data.screen)
    assert [case.case for case in again.cases] == [case.case for case in data.cases]
    assert again.cases[0].report == data.cases[0].report


def test_any_program_reads_the_csv_and_finds_the_units_beside_it(tmp_path: Path) -> None:
    folder = _written(tmp_path)
    with (folder / "fixations.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = make_dataset().fixations
    assert [float(row["duration_s"]) for row in rows] == table["duration_s"].tolist()
    content = json.loads((folder / "tables.json").read_text(encoding="utf-8"))
    assert content["tables"]["fixations"]["columns"]["duration_s"] == {"type": "number", "meaning": "seconds"}
    assert list(content["tables"]["fixations"]["columns"]) == list(rows[0])


def test_missing_rows_are_told(tmp_path: Path) -> None:
    folder = _written(tmp_path)
    lines = (folder / "fixations.csv").read_bytes().splitlines(keepends=True)
    (folder / "fixations.csv").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(FormatError, match=r"fixations\.csv: has 47 rows where tables\.json says 48"):
        read_plain_tables(folder, {})


def test_samples_may_be_left_out(tmp_path: Path) -> None:
    write_plain_tables(make_dataset(), tmp_path / "d", {**CSV, "samples": "no"})
    assert not (tmp_path / "d" / "samples.csv").exists()
    assert read_plain_tables(tmp_path / "d", {}).samples is None


@pytest.mark.parametrize("number", range(len(MUTATION_SUBJECTS)))
def test_damage_never_changes_numbers_in_silence(tmp_path: Path, number: int) -> None:
    assert_no_silent_damage(MUTATION_SUBJECTS[number], tmp_path)
