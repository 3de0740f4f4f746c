"""`ctgaze model make-set`: a whole set or nothing, with what made it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ctgaze_app.cli.model import app, configured
from ctgaze_app.formats import finding_sets
from models.datasets import finding_cases
from tests.models.simulation.finding_phantom import SEED, SMALL, make_bodies_once


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_bodies_once(monkeypatch)
    monkeypatch.setattr(configured, "usual_cache", lambda: tmp_path / "cache")
    for module, name in ((finding_sets, "write_volumes"), (finding_cases, "slice_cases"),
                         (finding_cases, "radiograph_cases")):  # fmt: skip
        monkeypatch.setattr(module, name, partial(getattr(module, name), settings=SMALL))


def run(kind: str, out: Path, *words: object) -> Result:
    fixed = ("make-set", "--kind", kind, "--out", out, "--count", 1, "--first-seed", SEED, "--workers", 1)
    return CliRunner().invoke(app, [str(word) for word in (*fixed, *words)])


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("volumes", {"labels.csv", "volumes", "masks", "provenance.json"}),
        ("slices", {"images", "masks", "gaze", "train.txt", "provenance.json"}),
        (
            "radiographs",
            {"fixations.csv", "master_sheet.csv", "image_sizes.csv", "screen.csv", "README.txt", "images",
             "provenance.json"},
        ),
    ],
)  # fmt: skip
def test_a_set_is_written_with_what_made_it(kind, files, tmp_path):
    said = run(kind, tmp_path / "out", "--json")
    assert said.exit_code == 0, said.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    told = json.loads(said.stdout)
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["options"]["first_seed"] == told["first_seed"] == SEED
    assert provenance["options"]["kind"] == kind
    assert provenance["version"]
    assert "no patient, no reader" in provenance["note"]
    assert (tmp_path / "cache" / "patients").is_dir()


def test_test_patients_come_from_the_band_of_the_test_part(tmp_path):
    said = run("slices", tmp_path / "out", "--test-count", 1, "--finding", "effusion", "--slices-per-patient", 1)
    assert said.exit_code == 0, said.output
    assert said.stdout.rstrip().endswith("1 train, 1 test")
    assert (tmp_path / "out" / "test.txt").read_text(encoding="utf-8").startswith("simulated-2000003-effusion-")
    assert (tmp_path / "out" / "train.txt").read_text(encoding="utf-8").startswith("simulated-000003-effusion-")


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    said = run("slices", tmp_path / "out")
    assert said.exit_code == 1
    assert "is there already and is not empty" in str(said.exception)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--count", 0), "--count"),
        (("--first-seed", 999_999, "--count", 2), "run into the seeds of the validation part"),
        (("--first-seed", 2_000_000, "--test-count", 1), "all of these patients are test patients"),
        (("--finding", "fracture"), "'fracture' is not one of"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_is_written(words, message, tmp_path):
    said = run("slices", tmp_path / "out", *words)
    assert said.exit_code != 0
    assert message in " ".join(f"{said.output} {said.exception}".replace("│", " ").split())
    assert not (tmp_path / "out").exists()
