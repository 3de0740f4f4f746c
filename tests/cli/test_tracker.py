"""`ctgaze tracker`: help with examples, one-line errors, usage errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctgaze_app.acquisition.trackers.options import TrackerOptions
from ctgaze_app.acquisition.trackers.outlet import GazeOutlet
from ctgaze_app.cli.tracker import app
from ctgaze_app.errors import CTGazeError, StreamError


@pytest.mark.parametrize("command", ["list", "simulate", "replay"])
def test_help_shows_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: ctgaze tracker {command}" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "--rate", "20"],
        ["simulate", "--rate", "2001"],
        ["simulate", "--screen", "wide"],
        ["simulate", "--screen", "0x1080"],
        ["simulate", "--screen-mm", "528"],
        ["simulate", "--seconds", "-1"],
        ["simulate", "--mouse", "--origin", "here"],
        ["replay"],
        ["nothing"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "absent.tsv")])
    assert isinstance(result.exception, CTGazeError)
    assert str(result.exception).startswith("absent.tsv: cannot be read")


def test_a_run_reports_its_stream_and_its_frames() -> None:
    result = CliRunner().invoke(app, ["simulate", "--seconds", "0.5", "--number", "51", "--rate", "100", "--json"])
    assert result.exit_code == 0
    ready, closed = (json.loads(line) for line in result.output.splitlines())
    assert ready["state"] == "ready" and ready["name"] == "CTGaze Simulated Tracker 51"
    assert ready["source_id"].startswith("ctgaze-simulated-")
    assert closed["state"] == "closed" and 30 <= closed["frames"] <= 60


def test_list_names_streams_and_how_they_are_read() -> None:
    outlet = GazeOutlet(TrackerOptions(number=52), 60.0, source="simulated")
    result = CliRunner().invoke(app, ["list", "--json"])
    words = CliRunner().invoke(app, ["list"])
    outlet.close()
    (row,) = (row for row in json.loads(result.output) if row["source_id"] == outlet.source_id)
    assert (row["name"], row["dialect"], row["unit"], row["eyes"]) == (
        outlet.name,
        "ctgaze",
        "normalized",
        ["left", "right"],
    )
    assert outlet.name in words.output and "normalized" in words.output


def test_no_stream_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctgaze_app.acquisition.inlet.list_gaze_streams", lambda wait: [])
    result = CliRunner().invoke(app, ["list"])
    assert isinstance(result.exception, StreamError) and "no gaze stream" in str(result.exception)
