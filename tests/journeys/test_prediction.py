"""From a recorded reading to a model's path beside it, with the model that came with the program and its commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from ctgaze_app.ct import load_series
from ctgaze_app.formats.ct_scangaze import read_ct_scangaze
from ctgaze_app.study.session import read_manifest
from models.prediction_file import read_prediction
from models.registry import MODELS_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
SKIN_MM = 3.0
FLOORS = {"uniform", "centre", "saw-tooth sweep"}
"""Those that need no reading of another patient."""


def _ctgaze(*arguments: object, folder: Path) -> str:
    """Standard output of a command, without models of the user's own."""
    environment = {**os.environ, MODELS_VARIABLE: str(folder / "no models"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "ctgaze_app", *(str(each) for each in arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _body(hu_kji: Any) -> Any:
    """(K, J, I): tissue and all that it surrounds in a slice, the largest piece of it."""
    tissue = ndimage.binary_opening(hu_kji > -500, iterations=2)
    filled = np.stack([ndimage.binary_fill_holes(one) for one in tissue])
    labels, count = ndimage.label(filled)
    sizes = ndimage.sum_labels(filled, labels, range(1, count + 1))
    return labels == 1 + int(np.argmax(sizes))


@pytest.mark.slow
def test_a_reading_is_recorded_predicted_compared_and_exported(tmp_path: Path) -> None:
    """On the reading of the headless demo, which is short and simulated; the commands are those of the README."""
    _ctgaze("demo", "--headless", "--seconds", 12, "--out", "S", "--json", folder=tmp_path)
    said = _ctgaze(
        "model", "predict", "ct-searcher", "--session", "S", "--count", 2, "--out", "p.json", folder=tmp_path
    )
    assert "model, research only" in said
    manifest, found = read_manifest(tmp_path / "S"), read_prediction(tmp_path / "p.json")
    assert {path.case for path in found.paths} == {manifest.trials[0].case}
    assert {path.shape_kji for path in found.paths} == {manifest.series[0].shape_kji}

    report = json.loads(_ctgaze("compare", "S", "p.json", "--json", folder=tmp_path))
    rows = {(row["role"], row["name"]): row for row in report["rows"]}
    model = rows["candidate", "ct-searcher (model)"]
    assert model["n_pairs"] == 2 and np.isfinite(model["scores"]["scanmatch"]["mean"])
    assert all(rows["floor", name]["n_pairs"] == 1 for name in FLOORS)
    missing = [row for row in report["rows"] if row["role"] in ("floor", "ceiling") and not row["n_pairs"]]
    assert all(row["note"].startswith("not available: ") for row in missing)

    declared = [word for each in ("index_base=1", "z=slice", "axes=column_row") for word in ("--option", each)]
    _ctgaze("export", "p.json", "--format", "ct_scangaze", *declared, "--out", "exported", folder=tmp_path)
    again = ("--count", 2, "--format", "ct_scangaze", "--out", "predicted")
    _ctgaze("model", "predict", "ct-searcher", "--session", "S", *again, folder=tmp_path)
    exported = tmp_path / "exported" / "ct_scangaze.json"
    assert exported.read_bytes() == (tmp_path / "predicted" / "ct_scangaze.json").read_bytes()
    shape = "x".join(str(size) for size in manifest.series[0].shape_kji)
    options = {"index_base": "1", "z": "slice", "axes": "column_row", "xy": "pixel", "shape": shape}
    for read, made in zip(read_ct_scangaze(exported, options).scanpaths(), found.paths, strict=True):
        np.testing.assert_allclose(read.voxel_ijk, made.voxel_ijk, atol=1e-9)
        np.testing.assert_allclose(read.duration_s, made.duration_s, atol=1e-9)


@pytest.mark.slow
def test_on_a_real_ct_the_path_stays_in_the_body_and_has_the_same_bytes(shared_data: Path, tmp_path: Path) -> None:
    case = shared_data / "ct" / "nlst_chest"
    words = ("model", "predict", "ct-searcher", "--case", case, "--json")
    first = _ctgaze(*words, folder=tmp_path)
    assert _ctgaze(*words, folder=tmp_path) == first
    said = json.loads(first)
    volume = load_series(case)
    assert tuple(said["shape_kji"]) == volume.shape_kji
    (path,) = said["paths"]
    x, y, z = (np.array(path[name]) for name in ("x_voxel", "y_voxel", "z_voxel"))
    assert len(x) >= 20
    assert set(z) <= set(range(volume.shape_kji[0]))
    beside_mm = volume.pixel_spacing_ij_mm[0] * np.array(
        [ndimage.distance_transform_edt(~one) for one in _body(volume.voxels)]
    )
    assert beside_mm[z.astype(int), np.rint(y).astype(int), np.rint(x).astype(int)].max() <= SKIN_MM
