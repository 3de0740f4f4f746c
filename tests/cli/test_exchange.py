"""`ctgaze import` and `ctgaze export`: exit codes, one line an error, JSON where asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ctgaze_app.cli.exchange import export, import_
from ctgaze_app.errors import CTGazeError
from ctgaze_app.formats.ctgaze_dataset import read_ctgaze, write_ctgaze
from models.prediction_file import write_prediction
from tests.formats.gaze_tables import make_dataset
from tests.formats.test_ct_scangaze import RECORD
from tests.formats.test_mapped_csv import IMAGE_CSV
from tests.ui.review.model_scene import prediction

app = typer.Typer()
app.command(name="import")(import_)
app.command(name="export")(export)
OPTIONS = [
    part for text in ("index_base=1", "z=slice", "axes=column_row", "shape=100x512x512") for part in ("--option", text)
]


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _gaze(folder: Path) -> Path:
    path = folder / "gaze.json"
    path.write_text(json.dumps([RECORD]), encoding="utf-8")
    return path


def test_import_tells_what_came_in(tmp_path: Path) -> None:
    done = _run("import", _gaze(tmp_path), "--format", "ct_scangaze", *OPTIONS, "--out", tmp_path / "in")
    assert done.exit_code == 0
    assert done.stdout.startswith("1 reader, 1 case, 1 trial, 3 fixations, 0 samples -> ")
    assert len(read_ctgaze(tmp_path / "in", {}).fixations) == 3


def test_json_is_one_object(tmp_path: Path) -> None:
    done = _run("import", _gaze(tmp_path), "--format", "ct_scangaze", *OPTIONS, "--out", tmp_path / "in", "--json")
    assert json.loads(done.stdout)["fixations"] == 3
    out = _run("export", tmp_path / "in", "--format", "plain_tables", "--out", tmp_path / "out", "--json")
    assert json.loads(out.stdout)["files"] == ["fixations.csv", "tables.json"]


def test_a_prediction_goes_out_as_a_reading_does(tmp_path: Path) -> None:
    made = write_prediction(tmp_path / "p.json", prediction("case7", count=2))
    declared = [part for part in OPTIONS if not part.startswith("shape")][:-1]
    out = _run("export", made, "--format", "ct_scangaze", *declared, "--out", tmp_path / "out", "--json")
    said = json.loads(out.stdout)
    assert (said["readers"], said["cases"], said["trials"], said["fixations"]) == (1, 1, 2, 80)
    assert "model, research only" in said["notes"][0]


def test_a_damaged_prediction_is_one_line(tmp_path: Path) -> None:
    made = write_prediction(tmp_path / "p.json", prediction())
    made.write_text(made.read_text("utf-8")[:-200], "utf-8")
    error = _run("export", made, "--format", "plain_tables", "--out", tmp_path / "out").exception
    assert isinstance(error, CTGazeError) and str(error).startswith("p.json: is no JSON")


def test_an_undeclared_option_is_usage(tmp_path: Path) -> None:
    done = _run("import", _gaze(tmp_path), "--format", "ct_scangaze", "--out", tmp_path / "in")
    assert done.exit_code == 2
    assert "declare it: --option index_base=0|1, and z, axes, shape)" in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "{gaze}", "--format", "nonsense", "--out", "{out}"),
        ("import", "{gaze}", "--format", "ct_scangaze", "--option", "z", "--out", "{out}"),
        ("import", "{gaze}", "--format", "ct_scangaze", "--option", "z=slice", "--option", "z=slice", "--out", "{out}"),
        ("import", "{gaze}", "--format", "ct_scangaze"),
        ("import",),
        ("export", "{gaze}", "--out", "{out}"),
        ("export", "--format", "plain_tables", "--out", "{out}"),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    filled = [each.format(gaze=_gaze(tmp_path), out=tmp_path / "in") for each in arguments]
    assert _run(*filled).exit_code == 2
    assert not (tmp_path / "in").exists()


def test_without_a_format_the_likely_one_is_named_but_not_taken(tmp_path: Path) -> None:
    done = _run("import", _gaze(tmp_path), "--out", tmp_path / "in")
    assert done.exit_code == 2
    assert "looks like ct_scangaze" in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "in").exists()


def test_a_failure_is_our_own_error_which_the_program_tells_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "gaze.json").write_text("[1, 2", encoding="utf-8")
    done = _run("import", tmp_path / "gaze.json", "--format", "ct_scangaze", *OPTIONS, "--out", tmp_path / "in")
    assert isinstance(done.exception, CTGazeError)
    assert str(done.exception).startswith("gaze.json: is not JSON")
    assert [path.name for path in tmp_path.iterdir()] == ["gaze.json"]


def test_the_list_names_every_format_and_what_must_be_declared() -> None:
    done = _run("import", "--list")
    assert done.exit_code == 0
    assert "ct_scangaze: CT-ScanGaze JSON" in done.stdout
    assert "import --option index_base=0|1  whether the first column, row and slice is 0 or 1 (must be declared)" in (
        done.stdout
    )
    listed = json.loads(_run("import", "--list", "--json").stdout)["formats"]
    assert {"ctgaze", "ct_scangaze", "gazemedseg", "mapped_csv", "plain_tables"} <= {each["name"] for each in listed}


def test_a_mapping_is_written_filled_in_and_kept_beside_the_import(tmp_path: Path) -> None:
    (tmp_path / "gaze.csv").write_text(IMAGE_CSV.replace(",", ";"), encoding="utf-8")
    mapping = tmp_path / "mapping.toml"
    assert _run("import", tmp_path / "gaze.csv", "--template", mapping).exit_code == 0
    text = mapping.read_text(encoding="utf-8")
    assert "WHO, SCAN, FROM, DUR, PX, PY, SLICE, PUPIL, NOTE" in text
    assert 'separator = ";"' in text
    for ours, theirs in (
        ("x", "PX"),
        ("y", "PY"),
        ("z", "SLICE"),
        ("onset", "FROM"),
        ("duration", "DUR"),
        ("reader", "WHO"),
        ("case", "SCAN"),
    ):
        text = text.replace(f'\n{ours} = ""', f'\n{ours} = "{theirs}"', 1)
    text = text.replace('z = ""  # voxel', 'z = "voxel"  # voxel').replace("index_base = 0", "index_base = 1")
    mapping.write_text(text.replace("1x512x512", "40x200x300"), encoding="utf-8")
    done = _run(
        "import",
        tmp_path / "gaze.csv",
        "--format",
        "mapped_csv",
        "--option",
        f"mapping={mapping}",
        "--out",
        tmp_path / "in",
    )
    assert done.exit_code == 0, done.exception
    assert read_ctgaze(tmp_path / "in", {}).fixations["z_voxel"].tolist() == [0, 39, 2, 6, 8]
    assert (tmp_path / "in" / "mapping.toml").read_bytes() == mapping.read_bytes()
    again = _run("import", tmp_path / "gaze.csv", "--template", mapping)
    assert isinstance(again.exception, CTGazeError)


def test_a_data_set_goes_through_every_format_that_writes_it_and_back(tmp_path: Path) -> None:
    write_ctgaze(make_dataset(), tmp_path / "d", {})
    assert _run("export", tmp_path / "d", "--format", "ctgaze", "--out", tmp_path / "again").exit_code == 0
    assert read_ctgaze(tmp_path / "again", {}).fixations.equals(make_dataset().fixations)
