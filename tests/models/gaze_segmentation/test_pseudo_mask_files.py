"""The folder of pseudo-masks: what is in it, and that it is new."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import Cancelled, ModelError
from models.gaze_segmentation.pseudo_mask_files import write_pseudo_masks
from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings, pseudo_mask
from tests.models.gaze_segmentation.test_pseudo_masks import disc_case

SETTINGS = PseudoMaskSettings()
CASES = [disc_case(), replace(disc_case(None, mask=None), case="nobody")]


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_maps_are_written_in_16_bits_and_levels_as_masks(tmp_path: Path):
    written = write_pseudo_masks(CASES, SETTINGS, tmp_path / "out", origin={"ctgaze": "9"})
    out = tmp_path / "out"
    made = pseudo_mask(CASES[0], SETTINGS)
    assert read(out / "maps" / "disc.png").dtype == np.uint16
    assert read(out / "maps" / "disc.png") / 65535 == pytest.approx(made.map_ji, abs=1e-5)
    assert read(out / "heat_maps" / "disc.png") / 65535 == pytest.approx(made.heat_map.share_ji, abs=1e-5)
    for name, level in zip(("level_1_0.5", "level_2_0.3"), made.levels, strict=True):
        assert np.array_equal(read(out / name / "disc.png"), np.where(level, 255, 0))
    assert not read(out / "maps" / "nobody.png").any()
    assert (written.pictures, written.without_gaze, written.with_warnings) == (2, 1, 1)
    assert written.inside_fraction == pytest.approx(0.8)


def test_float_maps_keep_every_digit(tmp_path: Path):
    write_pseudo_masks(CASES[:1], SETTINGS, tmp_path, maps="float")
    assert np.array_equal(read(tmp_path / "maps" / "disc.tif"), pseudo_mask(CASES[0], SETTINGS).map_ji)


def test_the_table_and_the_provenance_say_how_each_was_made(tmp_path: Path):
    def wider(case: object) -> PseudoMaskSettings:
        return SETTINGS.model_copy(update={"window": (50.0, 200.0)}) if case is CASES[0] else SETTINGS

    written = write_pseudo_masks(CASES, SETTINGS, tmp_path, settings_of=wider, origin={"ctgaze": "9"})
    with (tmp_path / "quality.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["picture"], row["fixations"]) for row in rows] == [("disc", "3"), ("nobody", "0")]
    assert float(rows[0]["map_dice_2"]) == pytest.approx(written.map_dice[1], rel=1e-4)
    assert (rows[1]["map_dice_2"], rows[1]["warnings"].split("; ")[0]) == ("", "no fixation")
    said = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert said["origin"] == {"ctgaze": "9"}
    assert said["settings"] == json.loads(SETTINGS.model_dump_json())
    first, second = said["pictures"]
    assert first["settings"] == {"window": [50.0, 200.0]}
    assert first["picture_sha256"] == CASES[0].load().digest()
    assert (second["settings"], second["cell_sigmas"]) == ({}, None)
    assert first["gaze_sha256"] != second["gaze_sha256"]


def test_nothing_is_overwritten_and_a_name_stands_for_one_picture(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ModelError, match="is not empty"):
        write_pseudo_masks(CASES, SETTINGS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ModelError, match="picture disc occurs twice"):
        write_pseudo_masks([CASES[0], CASES[0]], SETTINGS, tmp_path / "out")


def test_it_tells_progress_and_stops_when_asked(tmp_path: Path):
    told: list[tuple[int, int]] = []
    write_pseudo_masks(CASES, SETTINGS, tmp_path / "a", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    with pytest.raises(Cancelled):
        write_pseudo_masks(CASES, SETTINGS, tmp_path / "b", cancelled=lambda: True)
