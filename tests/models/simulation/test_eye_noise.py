"""What the simulated tracker does to the true gaze has the size that it was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.geometry import ScreenGeometry
from models.simulation.eye_noise import Distortion, DropOuts, white_noise_deg

SCREEN = ScreenGeometry(1920, 1080, 528, 297, 650)


def distortion(strength: float = 1.0) -> Distortion:
    return Distortion((960, 540), (960, 540), SCREEN.px_per_deg(), strength)


def screen_grid() -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 1920, 33), np.linspace(0, 1080, 25))
    return np.column_stack([x.ravel(), y.ravel()])


@pytest.mark.parametrize("eye", ["left", "right"])
def test_the_default_distortion_is_large_and_an_affine_refit_undoes_it(eye: str) -> None:
    true = screen_grid()
    seen = distortion().apply(true, eye)
    assert SCREEN.angle_between_deg(true, seen).mean() >= 1.5
    design = np.column_stack([seen, np.ones(len(seen))])
    refitted = design @ np.linalg.lstsq(design, true, rcond=None)[0]
    residual = SCREEN.angle_between_deg(true, refitted)
    assert 0.02 < residual.max() < 0.15


def test_no_strength_is_the_true_gaze_and_eyes_differ_a_little() -> None:
    true = screen_grid()
    assert np.array_equal(distortion(0.0).apply(true, "left"), true)
    between = SCREEN.angle_between_deg(distortion().apply(true, "left"), distortion().apply(true, "right"))
    assert between.max() == pytest.approx(0.12, rel=0.02)


@pytest.mark.parametrize("rms", [0.1, 0.3, 1.0])
def test_white_noise_has_the_rms_sample_to_sample_asked_for(rms: float) -> None:
    noise = white_noise_deg(np.random.default_rng(1), 50_000, rms)
    steps = np.diff(noise, axis=0)
    assert np.sqrt(np.mean((steps**2).sum(axis=1))) == pytest.approx(rms, rel=0.02)


def test_no_noise_is_none() -> None:
    assert not white_noise_deg(np.random.default_rng(1), 10, 0.0).any()


def test_drop_outs_come_as_often_and_as_long_as_asked() -> None:
    spells = DropOuts(30.0, 0.15, 0.0, np.random.default_rng(2))
    times = np.arange(0, 600, 0.001)
    lost = np.concatenate([spells.lost(part) for part in np.array_split(times, 5000)])
    starts = np.count_nonzero(np.diff(lost.astype(int)) == 1)
    assert starts == pytest.approx(600 / (2.0 + 0.15), rel=0.15)
    assert np.count_nonzero(lost) * 0.001 / starts == pytest.approx(0.15, rel=0.05)


def test_drop_outs_do_not_depend_on_how_time_is_cut() -> None:
    times = np.arange(0, 60, 0.001)
    whole = DropOuts(30.0, 0.15, 0.0, np.random.default_rng(2)).lost(times)
    parts = DropOuts(30.0, 0.15, 0.0, np.random.default_rng(2))
    assert np.array_equal(whole, np.concatenate([parts.lost(part) for part in np.array_split(times, 977)]))
    assert whole.any()


def test_no_drop_outs_when_none_are_asked_for() -> None:
    assert not DropOuts(0.0, 0.15, 0.0, np.random.default_rng(2)).lost(np.arange(0, 60, 0.01)).any()
