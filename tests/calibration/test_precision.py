from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from calibration.precision import accuracy_deg, bcea_deg2, rms_s2s_deg, std_deg
from calibration.procedure import EyeWindow, TargetSamples
from calibration.validation import validate
from tests.calibration.synthetic_gaze import MONITOR

# mean over nine targets: accuracy, RMS-S2S, STD (degrees), BCEA (square degrees), as ETDQualitizer reports them
GOLDEN = {
    ("Tobii_Spectrum_120Hz", "left"): (0.624, 0.087, 0.100, 0.032),
    ("Tobii_Spectrum_120Hz", "right"): (0.669, 0.100, 0.097, 0.033),
    ("Tobii_Spectrum_600Hz", "left"): (0.407, 0.073, 0.092, 0.027),
    ("Tobii_Spectrum_600Hz", "right"): (0.636, 0.096, 0.127, 0.053),
    ("Tobii_Spectrum_1200Hz", "left"): (0.427, 0.070, 0.098, 0.031),
    ("Tobii_Spectrum_1200Hz", "right"): (0.494, 0.080, 0.110, 0.037),
    ("EyeLink_1000+_binocular_1000Hz", "left"): (0.977, 0.055, 0.109, 0.031),
    ("EyeLink_1000+_binocular_1000Hz", "right"): (1.240, 0.058, 0.122, 0.042),
    ("EyeLink_1000+_left_1000Hz", "left"): (0.727, 0.061, 0.088, 0.023),
    ("EyeLink_1000+_right_1000Hz", "right"): (1.035, 0.060, 0.103, 0.030),
    ("SMI_RED500_500Hz", "left"): (0.992, 0.177, 0.675, 1.547),
    ("SMI_RED500_500Hz", "right"): (1.229, 0.144, 0.660, 1.346),
}


def _targets(path: Path) -> list[TargetSamples]:
    """A file of ETDQualitizer as nine collected targets; its pixels count from the centre of the screen."""
    rows: dict[int, list[dict[str, str]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if int(row["target_id"]) > 0:
                rows.setdefault(int(row["target_id"]), []).append(row)
    targets = []
    for index, found in sorted(rows.items()):
        eyes = {}
        for eye in ("left", "right"):
            if f"{eye}_x" in found[0]:
                px = np.array([[float(row[f"{eye}_x"]), float(row[f"{eye}_y"])] for row in found])
                px += (960.0, 540.0)
                eyes[eye] = EyeWindow(px, np.isfinite(px).all(axis=1))
        target = (float(found[0]["tar_x"]) + 960.0, float(found[0]["tar_y"]) + 540.0)
        targets.append(TargetSamples(index, target, np.arange(len(found)) / 1000.0, eyes, 0.0, 1.0))
    return targets


@pytest.mark.parametrize("name", sorted({name for name, _ in GOLDEN}))
def test_published_recordings_give_the_published_figures(shared_data: Path, name: str) -> None:
    validation = validate(_targets(shared_data / "gaze" / "etdqualitizer" / f"{name}.tsv"), MONITOR)
    for eye in {"left", "right"} & validation.eyes.keys():
        mean = validation.eyes[eye].mean
        found = (mean.accuracy_deg, mean.rms_s2s_deg, mean.std_deg, mean.bcea_deg2)
        assert np.abs(np.subtract(found, GOLDEN[name, eye])).max() <= 0.0005 + 1e-9, (eye, found)


def test_accuracy_has_the_golden_total_and_parts() -> None:
    assert accuracy_deg([1.0, 2.0], [1.0, 2.0], 0.0, 0.0) == pytest.approx((2.12116, 1.49954, 1.50023), abs=5e-6)


def test_accuracy_ignores_invalid_samples_and_is_missing_without_valid_ones() -> None:
    assert accuracy_deg([3.0, np.nan], [0.0, 1.0], 1.0, 0.0) == pytest.approx((2.0, 2.0, 0.0), abs=1e-12)
    assert np.isnan(accuracy_deg([np.nan], [np.nan], 0.0, 0.0)).all()


def test_rms_counts_steps_between_neighbours_only() -> None:
    angles = np.array([[0.0, 0.0], [3.0, 4.0], [np.nan, np.nan], [50.0, 50.0], [50.0, 51.0]])
    assert rms_s2s_deg(angles) == pytest.approx(np.sqrt((25.0 + 1.0) / 2.0))
    assert np.isnan(rms_s2s_deg(angles[:1]))


def test_std_joins_both_axes() -> None:
    assert std_deg(np.array([[-3.0, -4.0], [3.0, 4.0], [np.nan, 0.0]])) == pytest.approx(5.0)
    assert np.isnan(std_deg(np.full((2, 2), np.nan)))


def test_bcea_holds_its_share_of_a_normal_cloud() -> None:
    cloud = np.random.default_rng(1).normal(0.0, (0.3, 0.5), (200_000, 2))
    assert bcea_deg2(cloud) == pytest.approx(2 * np.log(1 / 0.32) * np.pi * 0.3 * 0.5, rel=0.01)
    assert bcea_deg2(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])) == 0.0
    assert np.isnan(bcea_deg2(cloud[:2]))
