from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ctgaze_app.cli import app
from ctgaze_app.formats.egd_masks import write_mask
from ctgaze_app.formats.egd_tables import CASE_FOLDER
from ctgaze_app.formats.registry import format_named
from tests.factories.sessions import make_session
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


def test_organ_masks_of_a_chest_x_ray_data_set_are_regions(tmp_path: Path) -> None:
    volumes, imported = grouped(), tmp_path / "set"
    pictures = tuple(replace(record, shape_kji=(1, 512, 512), kind="image") for record in volumes.cases)
    own = format_named("ctgaze")
    assert own.write is not None
    flat = replace(volumes, cases=pictures, fixations=volumes.fixations.assign(z_voxel=0.0), regions=None, samples=None)
    own.write(replace(flat, events=None, words=None), imported, {})
    place = tmp_path / "egd" / CASE_FOLDER / "case-0"
    place.mkdir(parents=True)
    mask = np.zeros((512, 512), dtype=bool)
    mask[:, :256] = True
    write_mask(place / "left_lung.png", mask)
    done = CliRunner().invoke(app, ["regions", str(imported), "--regions", str(tmp_path / "egd"), "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)["readings"]
    assert [(row["case"], row["region"], row["n_fixations"]) for row in rows] == [("case-0", "left lung", 6)]
    write_mask(place / "left_lung.png", mask[:100])
    refused = CliRunner().invoke(app, ["regions", str(imported), "--regions", str(tmp_path / "egd")])
    assert "has 512 x 100 pixels, the picture 512 x 512" in str(refused.exception)
    empty = CliRunner().invoke(app, ["regions", str(imported), "--regions", str(tmp_path)])
    assert "holds no masks of these cases" in str(empty.exception)


def test_nothing_that_exists_is_overwritten(imported: Path) -> None:
    refused = CliRunner().invoke(app, ["regions", str(imported), "--out", str(imported)])
    assert refused.exit_code == 1
    assert "already there" in str(refused.exception)


def test_a_drill_of_a_session_dwells_on_each_slice_only_while_it_was_shown(tmp_path: Path) -> None:
    folder = make_session(tmp_path / "s", seconds=4.0, audio=False).folder
    box = "region,i_first,i_last,j_first,j_last,k_first,k_last\nupper,0,63,0,63,0,2\n"
    (tmp_path / "box.csv").write_text(box, encoding="utf-8")
    asked = ["regions", str(folder), "--regions", str(tmp_path / "box.csv"), "--json"]
    told = json.loads(CliRunner().invoke(app, asked).output)["readings"][0]
    segments = pd.read_csv(folder / "derived" / "dwell_segments.csv")
    inside = segments[segments["slice_index"].between(0, 2) & segments["x_voxel"].notna()]
    whole = pd.read_csv(folder / "derived" / "fixations.csv").query("0 <= slice_index <= 2")["duration_s"].sum()
    assert told["dwell_s"] == pytest.approx(inside["duration_s"].sum())
    assert told["dwell_s"] < whole
    assert told["n_fixations"] == inside["fixation"].nunique()
    assert told["visible_s"] < told["reading_s"] < 4.0
    assert told["dwell_s"] <= told["visible_s"]


def test_a_folder_that_refuses_is_one_line_and_holds_nothing(
    imported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    refused = CliRunner().invoke(app, ["regions", str(imported), "--out", str(tmp_path / "new" / "out")])
    assert refused.exit_code == 1
    assert str(refused.exception).endswith("No space left on device (check rights and space)")
    assert list((tmp_path / "new").iterdir()) == []


def test_readings_are_counted_by_reader_and_case_and_tables_fit_80_columns(
    imported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    asked = ["regions", str(imported), "--group", "a", "--group", "b", "--bootstrap", "200"]
    told = CliRunner().invoke(app, asked).output
    assert "mean of 8 readings" in told
    assert max(len(line) for line in told.splitlines()) <= 80


def test_a_box_beyond_its_image_is_told(tmp_path: Path) -> None:
    folder = make_session(tmp_path / "s", seconds=2.0, audio=False).folder
    box = "region,i_first,i_last,j_first,j_last,k_first,k_last\nwide,0,6300,0,63,0,2\nwithin,0,5,0,5,0,1\n"
    (tmp_path / "box.csv").write_text(box, encoding="utf-8")
    told = CliRunner().invoke(app, ["regions", str(folder), "--regions", str(tmp_path / "box.csv")]).output
    assert "note  1 boxes reach beyond their image, check axes and slices: wide" in " ".join(told.split("\n"))
