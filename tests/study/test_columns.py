"""Every column of every table is explained, beside the tables themselves."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pyarrow.parquet
import pytest

from ctgaze_app.gaze.fixations import FIXATION_COLUMNS, SEGMENT_COLUMNS
from ctgaze_app.gaze.movements import BLINK_COLUMNS, SACCADE_COLUMNS
from ctgaze_app.study.processing import process_session
from ctgaze_app.study.verify import passes, verify_session
from tests.factories.sessions import make_session


def test_every_column_is_explained_once_and_nothing_else_is(tmp_path: Path) -> None:
    make_session(tmp_path / "s", seconds=2.0)
    process_session(tmp_path / "s")
    texts = tomllib.loads((tmp_path / "s" / "derived" / "columns.toml").read_text(encoding="utf-8"))
    gaze = pyarrow.parquet.read_schema(tmp_path / "s" / "derived" / "gaze.parquet").names
    tables = {
        "gaze": gaze, "fixations": FIXATION_COLUMNS, "dwell_segments": SEGMENT_COLUMNS, "saccades": SACCADE_COLUMNS,
        "blinks": BLINK_COLUMNS,
    }  # fmt: skip
    for table, columns in tables.items():
        assert set(columns) <= set(texts["common"]) | set(texts[table]), table
        assert set(texts[table]) <= set(columns), table
        assert not set(texts[table]) & set(texts["common"]), table
    assert set(texts["common"]) <= {column for columns in tables.values() for column in columns}


def test_the_copy_is_the_programs_own(tmp_path: Path) -> None:
    make_session(tmp_path / "s", seconds=2.0)
    process_session(tmp_path / "s")
    own = resources.files("resources").joinpath("columns.toml").read_bytes().replace(b"\r\n", b"\n")
    assert (tmp_path / "s" / "derived" / "columns.toml").read_bytes() == own


@pytest.mark.parametrize("name", ["fixations.csv", "dwell_segments.csv", "saccades.csv", "blinks.csv", "gaze.parquet"])
def test_a_table_that_was_altered_after_it_was_made_is_told_and_made_anew(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "s"
    make_session(folder, seconds=2.0)
    process_session(folder)
    whole = verify_session(folder)
    assert passes(whole), whole
    table = folder / "derived" / name
    before = table.read_bytes()
    table.write_bytes(before[:-7] + b"garbage")
    problems = verify_session(folder)
    assert not passes(problems)
    assert any(name in str(problem) and "process" in str(problem) for problem in problems)
    process_session(folder)
    assert table.read_bytes() == before
    assert passes(verify_session(folder))
