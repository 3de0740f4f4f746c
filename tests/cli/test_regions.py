from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctgaze_app.cli import app
from ctgaze_app.formats.registry import format_named
from tests.formats.test_region_report import grouped


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    own = format_named("ctgaze")
    assert own.write is not None
    own.write(grouped(), tmp_path / "set", {})
    return tmp_path / "set"


def test_groups_are_compared_and_the_files_hold_what_is_printed(imported: Path, tmp_path: Path) -> None:
    asked = ["regions", str(imported), "--group", "a", "--group", "b", "--bootstrap", "200"]
    plain = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "out")])
    assert plain.exit_code == 0, plain.output
    tests = pd.read_csv(tmp_path / "out" / "tests.csv")
    assert tests["region"].tolist() == ["sum over regions", "left half", "right half"]
    assert len(pd.read_csv(tmp_path / "out" / "readings.csv")) == 16
    assert "left half" in plain.output
    assert "Hedges g" in plain.output
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert told["statistics"]["tests"][1]["published_p_value"] == pytest.approx(tests["published_p_value"][1])
    assert len(told["readings"]) == 16


def test_nothing_that_exists_is_overwritten(imported: Path) -> None:
    refused = CliRunner().invoke(app, ["regions", str(imported), "--out", str(imported)])
    assert refused.exit_code == 1
    assert "already there" in str(refused.exception)
