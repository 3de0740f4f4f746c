"""`ctgaze model pseudo-masks`: pictures and sessions to masks, and one line for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ctgaze_app.cli.model import app
from ctgaze_app.formats import session_pictures
from tests.factories.sessions import make_session
from tests.models.datasets.test_picture_folders import kvasir_folder


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["pseudo-masks", *map(str, words)])


@pytest.fixture(scope="module")
def kvasir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kvasir_folder(tmp_path_factory.mktemp("kvasir") / "k")


def of(root: Path) -> tuple[object, ...]:
    return "--fixations", root / "gaze" / "kvasir_fixation.csv", "--images", root / "images"


def test_pictures_and_a_table_become_maps_levels_and_what_made_them(kvasir: Path, tmp_path: Path):
    out = tmp_path / "out"
    said = run(*of(kvasir), "--masks", kvasir / "masks", "--out", out, "--levels", 3, "--crf", "sxy=20,iterations=4")
    assert said.exit_code == 0, said.output
    assert "3 pictures, levels at 0.5, 0.3, 0.4" in said.output
    assert "looking time inside the true masks: 50 %" in said.output
    assert {path.name for path in out.iterdir()} == {
        "maps", "heat_maps", "level_1_0.5", "level_2_0.3", "level_3_0.4", "quality.csv", "provenance.json",
    }  # fmt: skip
    made = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    assert made["settings"]["crf"] == {"sxy_px": 20.0, "srgb": 13.0, "compat": 1.0, "iterations": 4}
    assert len(made["origin"]["fixations_sha256"]) == 64
    with Image.open(out / "maps" / "a1.png") as picture:
        assert np.asarray(picture).max() > 50_000


def test_widths_weights_edges_and_formats_arrive_in_the_settings(kvasir: Path, tmp_path: Path):
    words = ("--sigma", "2deg", "--px-per-degree", 3, "--weighting", "count", "--edge", "cut", "--crf", "none")
    said = run(*of(kvasir), "--out", tmp_path / "out", *words, "--levels", "0.25,0.75", "--maps", "float", "--json")
    found = json.loads(said.stdout)
    assert (found["pictures"], found["thresholds"], found["map_dice"]) == (3, [0.25, 0.75], [])
    made = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert made["settings"]["heat_map"] == {"sigma": "2deg", "weighting": "count", "edge": "cut"}
    assert (made["settings"]["crf"], made["settings"]["px_per_degree"]) == (None, 3.0)
    assert (tmp_path / "out" / "maps" / "a1.tif").is_file()


def test_the_published_arithmetic_is_there_when_asked_for(kvasir: Path, tmp_path: Path):
    for name, words in (("right", ()), ("published", ("--faithful",))):
        assert run(*of(kvasir), "--out", tmp_path / name, *words).exit_code == 0
    maps = []
    for name in ("right", "published"):
        with Image.open(tmp_path / name / "heat_maps" / "a2.png") as picture:
            maps.append(np.asarray(picture))
    # a2 was looked at in its lower left corner, which the published rule sends to the lower right.
    assert maps[0][19, 0] > 60_000 > 1000 > maps[0][19, 29]
    assert maps[1][19, 29] > 60_000 > 1000 > maps[1][19, 0]


def test_a_recorded_reading_gives_each_slice_its_table_and_its_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = make_session(tmp_path / "s", trials=2, seconds=4.0, audio=False)
    monkeypatch.setattr(session_pictures, "load_volume", lambda *_, **__: made.volume)
    said = run("--session", f"{made.folder}:2", "--out", tmp_path / "out", "--sigma", "1.3deg")
    assert said.exit_code == 0, said.output
    slices = sorted(path.stem for path in (tmp_path / "out" / "maps").iterdir())
    assert len(slices) >= 3
    assert all(name.startswith("case-2_00") for name in slices)
    assert (tmp_path / "out" / "r01_fixation.csv").is_file()
    records = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))["pictures"]
    assert {tuple(each["settings"]["window"]) for each in records} == {(40.0, 400.0)}
    assert all(each["settings"]["px_per_degree"] > 0 for each in records)
    named = run("--session", f"{made.folder}:2", "--out", tmp_path / "lung", "--window", "Lung")
    assert named.exit_code == 0, named.output
    common = json.loads((tmp_path / "lung" / "provenance.json").read_text(encoding="utf-8"))["settings"]
    assert common["window"] == [-600.0, 1500.0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sigma", "9"), "write it as 9.1%, 70px or 1.3deg"),
        (("--sigma", "1deg"), "give pixels per degree"),
        (("--preset", "polyp"), "presets: kvasir, prostate, egd"),
        (("--preset", "prostate", "--levels", "3"), "no thresholds were published for 3 levels"),
        (("--preset", "egd"), "no thresholds were published"),
        (("--levels", "0.5,0.5"), "none twice"),
        (("--levels", "0.5,2"), "each above 0 and below 1"),
        (("--window", "40,400"), "a colour picture has no window"),
        (("--masks", "nowhere"), "there is no such folder"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(kvasir: Path, tmp_path: Path, words: tuple[str, ...], said: str):
    found = run(*of(kvasir), "--out", tmp_path / "out", *words)
    assert found.exit_code == 1
    assert said in str(found.exception)
    assert "\n" not in str(found.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--crf", "sigma=3"), "is not one of sxy"),
        (("--crf", "sxy=-3"), "sxy_px"),
        (("--crf", "sxy=x"), "no number"),
        (("--levels", "many"), "no number"),
        (("--window", "Toes"), "is none of Lung"),
        (("--window", "40,0"), "a width above 0"),
        (("--window", "as-read"), "only a session knows"),
        (("--faithful", "--sigma", "70px"), "--faithful"),
        (("--session", "s"), "name --fixations and --images, or"),
    ],
)
def test_wrong_usage_is_told_as_such(kvasir: Path, tmp_path: Path, words: tuple[str, ...], said: str):
    found = run(*of(kvasir), "--out", tmp_path / "out", *words)
    assert found.exit_code == 2
    assert said in " ".join(found.output.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_tables_and_pictures_that_do_not_fit_are_one_line(kvasir: Path, tmp_path: Path):
    text = (kvasir / "gaze" / "kvasir_fixation.csv").read_text(encoding="utf-8")
    for number, (old, new, said) in enumerate(
        (
            ("CURRENT_FIX_DURATION", "MS", "has no column CURRENT_FIX_DURATION"),
            ("a1.jpg", "a7.jpg", "a7.jpg is not in the folder of the pictures"),
            (",20,30", ",20,31", "has 30 x 20 pixels, its fixations were made on 31 x 20"),
        )
    ):
        table = tmp_path / f"{number}.csv"
        table.write_text(text.replace(old, new), encoding="utf-8")
        found = run("--fixations", table, "--images", kvasir / "images", "--out", tmp_path / "out")
        assert (found.exit_code, said in str(found.exception)) == (1, True), found.exception
        assert not (tmp_path / "out").exists()


def test_a_mask_of_another_size_and_a_full_folder_are_one_line(kvasir: Path, tmp_path: Path):
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.fromarray(np.ones((9, 9), dtype=np.uint16)).save(masks / "a1.png")
    found = run(*of(kvasir), "--out", tmp_path / "out", "--masks", masks)
    assert "its mask has 9 x 9 pixels, the picture 30 x 20" in str(found.exception)
    found = run(*of(kvasir), "--out", masks)
    assert "is not empty" in str(found.exception)
    assert [path.name for path in masks.iterdir()] == ["a1.png"]
