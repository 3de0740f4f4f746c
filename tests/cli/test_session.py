"""`ctgaze session`: exit codes, one line for a failure, JSON that parses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctgaze_app.cli.session import app
from tests.factories.sessions import make_session

run = CliRunner().invoke


def test_process_prints_counts_and_json(tmp_path: Path) -> None:
    folder = str(make_session(tmp_path / "s", audio=False).folder)
    plain = run(app, ["process", folder])
    assert plain.exit_code == 0
    assert "1 trial, 1500 gaze samples" in plain.stdout
    report = json.loads(run(app, ["process", folder, "--json"]).stdout)
    assert report["gaze_samples"] == 1500
    assert report["problems"] == []


def test_verify_fails_before_salvage_and_passes_after(tmp_path: Path) -> None:
    folder = str(make_session(tmp_path / "s", closed=False).folder)
    before = run(app, ["verify", folder])
    assert before.exit_code == 1
    assert "FAIL" in before.stdout
    salvaged = run(app, ["salvage", folder, "--json"])
    assert salvaged.exit_code == 0
    assert json.loads(salvaged.stdout)["problems"] == []
    after = run(app, ["verify", folder, "--json"])
    assert after.exit_code == 0
    assert json.loads(after.stdout)["passed"] is True
    again = run(app, ["salvage", folder])
    assert again.stdout.strip() == "Nothing needed to be done."


@pytest.mark.parametrize("command", ["process", "verify", "salvage"])
def test_help_has_an_example_and_a_missing_session_is_an_error(command: str, tmp_path: Path) -> None:
    assert f"Example: ctgaze session {command}" in " ".join(run(app, [command, "--help"]).stdout.split())
    failed = run(app, [command, str(tmp_path)])
    assert failed.exit_code == 1
    assert "no session here" in str(failed.exception)
    assert run(app, [command]).exit_code == 2


def test_a_chosen_detector_is_kept_and_verify_tells_measures_of_earlier_tables_only(tmp_path: Path) -> None:
    folder = make_session(tmp_path / "s", audio=False).folder
    run(app, ["process", str(folder)])
    run(app, ["measure", str(folder), "--organ", "none"])
    assert "measures" not in run(app, ["verify", str(folder)]).stdout
    chosen = run(app, ["process", str(folder), "--detector", "salvucci-idt"])
    assert "by I-DT (Salvucci & Goldberg 2000)" in chosen.stdout
    assert run(app, ["process", str(folder)]).stdout == chosen.stdout
    assert "made with other versions" not in run(app, ["verify", str(folder)]).stdout
    assert (
        "note  measures: made from earlier tables (run: ctgaze session measure)"
        in run(app, ["verify", str(folder)]).stdout
    )
