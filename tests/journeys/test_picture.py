"""A radiograph as a PNG: opened, read under tracking, processed, checked, replayed and exported, with real widgets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from ctgaze_app.formats.from_session import dataset_from_session
from ctgaze_app.study.loading import open_session
from ctgaze_app.study.session import read_manifest
from models.simulation.script import ReadingPlan
from models.simulation.thorax import make_thorax

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 5
SPACING_MM = (6.0, 3.0, 3.0)


def write_radiograph(path: Path) -> None:
    """A made chest, seen from the front: the sum of what the rays meet, 8 bits."""
    thorax = make_thorax(5, (50, 110, 120), SPACING_MM, ())
    met = np.clip(thorax.hu.astype(np.float64) + 1000, 0, None).sum(axis=1)
    frontal = ndimage.zoom(met, (SPACING_MM[0], SPACING_MM[2]), order=1)
    low, high = np.percentile(frontal, (1, 99.5))
    Image.fromarray((np.clip((frontal - low) / (high - low), 0, 1) * 255).astype(np.uint8)).save(path)


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *(str(each) for each in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT, check=False)


@pytest.mark.slow
def test_a_png_radiograph_is_read_and_fixations_land_on_it(tmp_path: Path) -> None:
    picture, session, log = tmp_path / "chest.png", tmp_path / "session", tmp_path / "log"
    write_radiograph(picture)
    done = _run("tests.journeys.logged_demo", picture, session, log, SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    faults = [line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] in ("fault", "failed")]
    assert faults == []

    (series,) = read_manifest(session).series
    with Image.open(picture) as image:
        columns, rows = image.size
    assert (series.modality, series.units, series.has_mm) == ("PNG", "arbitrary", False)
    assert series.shape_kji == (1, rows, columns)

    fixations = pd.read_csv(session / "derived" / "fixations.csv")
    assert (fixations["z_voxel"] == 0).all() and (fixations["slice_index"] == 0).all()
    assert fixations[["x_mm", "y_mm", "z_mm", "uncertainty_mm"]].isna().all(axis=None)
    found = fixations[["x_voxel", "y_voxel"]].to_numpy()
    assert ((found > -0.5) & (found < (columns - 0.5, rows - 0.5))).all()
    truth = np.array([dwell.voxel_ijk[:2] for dwell in ReadingPlan.read(session / "simulated" / "plan.json").dwells])
    nearest_px = np.linalg.norm(truth[:, None] - found[None], axis=2).min(axis=1) * fixations["zoom"].iloc[0]
    assert len(truth) >= 4 and np.median(nearest_px) < 15  # screen pixels, about half a degree

    verified = _run("ctgaze_app", "session", "verify", session)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    replayed = open_session(session)
    assert replayed.volumes[0].picture
    assert len(replayed.trials[0].replay.fixations) == len(fixations)

    (case,) = dataset_from_session(session).cases
    assert (case.kind, case.affine_lps) == ("image", None)
    private = [path for path in session.rglob("*") if path.is_file() and b"chest.png" in path.read_bytes()]
    assert private == [session / "private" / "series.json"]


def test_a_file_that_is_no_picture_is_one_line(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("text")
    done = _run("ctgaze_app", "demo", "--headless", "--case", notes, "--out", tmp_path / "session")
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith(f"ctgaze: {notes}: neither a DICOM picture nor PNG, JPEG or TIFF (")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "session").exists()
