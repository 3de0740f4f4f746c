"""Simulated gaze on made findings: longer where a finding is, and over all of a structure that is marked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt

from models.errors import ModelError
from models.simulation.finding_gaze import ACCURACY_DEG, DEGREES_ACROSS, mark_structure, read_findings
from tests.models.simulation.finding_phantom import patient_with

WIDTH = 120
PER_DEG = WIDTH / DEGREES_ACROSS


def dwell_share(path, slices: np.ndarray) -> float:
    return float(path.duration_s[np.isin(path.z_voxel, slices)].sum() / path.duration_s.sum())


def disc(radius: float, centre: tuple[float, float] = (60, 50)) -> np.ndarray:
    rows, columns = np.indices((100, WIDTH)) + 0.5
    return np.hypot(columns - centre[0], rows - centre[1]) <= radius


@pytest.mark.parametrize("name", ["nodule", "opacity", "effusion", "cardiomegaly"])
def test_slices_with_a_finding_are_looked_at_for_longer(name):
    made, healthy = patient_with(name, seed=8), patient_with(seed=8)
    area = made.masks_kji[name].sum(axis=(1, 2))
    reach = np.flatnonzero(area >= 0.5 * area.max())
    seeds = range(6)
    with_it = np.mean([dwell_share(read_findings(made, seed=seed), reach) for seed in seeds])
    without = np.mean([dwell_share(read_findings(healthy, seed=seed), reach) for seed in seeds])
    assert with_it > 1.15 * without


def test_a_reading_is_the_same_for_the_same_reader_and_seed_and_stays_in_the_volume():
    made = patient_with("nodule", "calcification")
    first, again = (read_findings(made, seed=4, reader="scanner-2") for _ in range(2))
    assert (first.voxel_ijk == again.voxel_ijk).all()
    assert len(read_findings(made, seed=5, reader="scanner-2")) != 0
    assert (first.voxel_ijk >= 0).all()
    assert (first.voxel_ijk <= np.array(made.volume.shape_kji[::-1]) - 1).all()
    assert (first.who, first.case, first.source) == ("scanner-2", made.case, "simulated")


@pytest.mark.parametrize("reader", ["scanner", "radiologist-1", ""])
def test_a_reader_of_no_family_is_refused(reader):
    with pytest.raises(ModelError, match="is of no known family"):
        read_findings(patient_with("nodule"), seed=1, reader=reader)


def test_all_parts_of_a_structure_are_looked_at():
    mask = disc(28)
    for seed in range(5):
        gaze = mark_structure(mask, np.random.default_rng(seed))
        seen = np.ones(mask.shape, dtype=bool)
        places = np.floor(gaze.points_xy_share * (WIDTH, 100)).astype(int)
        seen[places[:, 1], places[:, 0]] = False
        away_deg = distance_transform_edt(seen)[mask] / PER_DEG
        assert away_deg.max() < 2.5
        assert away_deg.mean() < 1.0


def test_after_the_rough_look_the_gaze_stays_at_the_structure_and_begins_in_its_middle():
    mask = disc(20, (80, 40))
    near = binary_dilation(mask, iterations=round(2.5 * ACCURACY_DEG * PER_DEG))
    for seed in range(5):
        gaze = mark_structure(mask, np.random.default_rng(seed))
        places = np.floor(gaze.points_xy_share * (WIDTH, 100)).astype(int)
        inside = near[places[:, 1], places[:, 0]]
        first = int(np.argmax(inside[4:])) + 4
        assert inside[5:].mean() > 0.95
        away = np.linalg.norm(gaze.points_xy_share * (WIDTH, 100) - (80, 40), axis=1)
        assert away[first : first + 2].min() < 8
        assert away[-5:].mean() > away[first : first + 2].min()


def test_places_are_about_half_a_degree_off():
    mask = disc(0.8)
    middle = np.array([0.5, 0.5])
    off = []
    for seed in range(400):
        gaze = mark_structure(mask, np.random.default_rng(seed))
        off.append((gaze.points_xy_share[-1] - middle) * (WIDTH, 100) / PER_DEG)
    spread = np.sqrt((np.array(off) ** 2).mean(axis=0))
    # Two halves, one of them constant through a picture, add up to 0.5 / sqrt(2) along each axis.
    assert spread == pytest.approx([ACCURACY_DEG / np.sqrt(2)] * 2, rel=0.12)


def test_no_fixation_is_shorter_than_50_ms_or_beside_the_picture():
    corner = np.zeros((100, WIDTH), dtype=bool)
    corner[:6, :6] = True
    counts = set()
    for seed in range(60):
        gaze = mark_structure(corner, np.random.default_rng(seed))
        assert (gaze.duration_s >= 0.05).all()
        assert ((gaze.points_xy_share >= 0) & (gaze.points_xy_share <= 1)).all()
        assert (np.diff(gaze.onset_s) > 0).all()
        counts.add(len(gaze.duration_s))
    assert len(counts) > 3  # some were left out


def test_without_a_structure_there_is_the_rough_look_alone():
    gaze = mark_structure(np.zeros((100, WIDTH), dtype=bool), np.random.default_rng(0))
    assert 1 <= len(gaze.duration_s) <= 4


def test_of_two_parts_the_larger_is_looked_at_first():
    mask = disc(22, (85, 50)) | disc(9, (25, 50))
    gaze = mark_structure(mask, np.random.default_rng(1))
    on_left = gaze.points_xy_share[5:, 0] < 0.45
    assert on_left.any()
    assert not on_left[: len(on_left) // 2].any()
