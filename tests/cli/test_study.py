from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctgaze_app.cli import app
from ctgaze_app.study.session import read_manifest, write_manifest
from tests.factories.sessions import make_session


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for number in (1, 2):
        folder = tmp_path / "study" / "sessions" / f"s{number}"
        make_session(folder, seconds=3.0, rate_hz=120.0, audio=False, seed=number, slices=12)
        code = f"r0{number}_2026010{number}T030405Z"
        changes = {"session": code, "reader": f"r0{number}"}
        write_manifest(folder, read_manifest(folder).model_copy(update=changes))
    return tmp_path / "study"


def test_process_says_what_became_of_every_session_and_where_the_table_is(study: Path) -> None:
    first = CliRunner().invoke(app, ["study", "process", str(study), "--processes", "1"])
    assert first.exit_code == 0, first.output
    table = pd.read_parquet(study / "derived" / "fixations.parquet")
    lines = first.output.splitlines()
    counts = table.groupby("session").size()
    assert lines[:2] == [f"processed  {name}  {count} fixations" for name, count in counts.items()]
    assert lines[-1].startswith(f"{len(table)} fixations of 2 sessions in ")
    assert lines[-1].endswith(", by I-VT (Olsen 2012)")
    meanings = tomllib.loads((study / "derived" / "columns.toml").read_text(encoding="utf-8"))
    assert set(table.columns) <= {*meanings["common"], *meanings["fixations"]}
    again = CliRunner().invoke(app, ["study", "process", str(study), "--processes", "1", "--json"])
    told = json.loads(again.output)
    assert [each["state"] for each in told["sessions"]] == ["unchanged", "unchanged"]
    assert told["fixations"] == len(table)


def test_a_failed_session_is_exit_code_one_and_the_table_holds_the_others(study: Path) -> None:
    (study / "sessions" / "s1" / "recording.xdf").unlink()
    done = CliRunner().invoke(app, ["study", "process", str(study), "--processes", "1"])
    assert done.exit_code == 1
    assert "failed     s1  " in done.output
    assert pd.read_csv(study / "derived" / "fixations.csv")["reader"].unique().tolist() == ["r02"]


def test_measures_are_a_row_a_trial(study: Path) -> None:
    done = CliRunner().invoke(app, ["study", "process", str(study), "--processes", "1", "--measures", "none", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["files"] == [
        "fixations.csv", "fixations.parquet", "measures.csv", "measures.parquet",
    ]  # fmt: skip
    assert pd.read_parquet(study / "derived" / "measures.parquet")["trial"].tolist() == [1, 1]


def test_another_detector_says_that_the_measures_are_of_earlier_tables_and_that_detectors_are_mixed(
    study: Path,
) -> None:
    measured = ["study", "process", str(study), "--processes", "1"]
    CliRunner().invoke(app, [*measured, "--measures", "none"])
    session = study / "sessions" / "s1"
    alone = CliRunner().invoke(app, ["session", "process", str(session), "--detector", "salvucci-idt"])
    assert "note  the measures in derived/ are of the tables before" in alone.output
    told = json.loads(CliRunner().invoke(app, [*measured, "--json"]).output)
    assert [each["state"] for each in told["sessions"]] == ["unchanged", "unchanged"]
    assert [note.split(":")[0] for note in told["notes"]] == [
        "the sessions were processed with different detectors and cannot be compared",
        "the measures of 1 sessions are of earlier tables",
    ]
    mended = [*measured, "--measures", "none", "--detector", "tobii-ivt", "--json"]
    assert json.loads(CliRunner().invoke(app, mended).output)["notes"] == []
