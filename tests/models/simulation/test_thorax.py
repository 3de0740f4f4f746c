"""The procedural chest: the same from the same seed, tissues at their HU, organs and nodules where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.simulation.thorax import MIDDLE_LEVEL_MM, NoduleSpec, Thorax, make_thorax

SHAPE = (60, 170, 170)
SPACING = (5.0, 2.1, 2.1)
NODULES = (NoduleSpec(18.0, "solid"), NoduleSpec(20.0, "ground_glass"), NoduleSpec(18.0, "juxta_pleural"))


@pytest.fixture(scope="module")
def thorax() -> Thorax:
    return make_thorax(5, SHAPE, SPACING, NODULES)


def _distance_mm(x: float, y: float, z: float) -> NDArray[np.float64]:
    """Distance of every voxel from a place in body coordinates."""
    axes = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(SHAPE, SPACING, strict=True)]
    k, j, i = np.meshgrid(axes[0] + MIDDLE_LEVEL_MM - z, axes[1] - y, axes[2] - x, indexing="ij")
    return np.sqrt(k**2 + j**2 + i**2)


def _hu_at(thorax: Thorax, x: float, y: float, z: float, radius_mm: float = 6.0) -> float:
    return float(np.median(thorax.hu[_distance_mm(x, y, z) < radius_mm]))


def test_the_same_seed_gives_the_same_volume_and_another_seed_another() -> None:
    small = {"shape_kji": (6, 40, 40), "spacing_kji_mm": (30.0, 9.0, 9.0), "nodules": (NoduleSpec(20.0),)}
    one, two, other = (make_thorax(seed, **small) for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert np.array_equal(one.hu, two.hu)
    assert one.nodules == two.nodules
    assert np.array_equal(one.lung_mask, two.lung_mask)
    assert one.nodules != other.nodules
    assert (one.hu != other.hu).mean() > 0.5


def test_the_volume_is_int16_within_what_a_scanner_stores(thorax: Thorax) -> None:
    assert thorax.hu.dtype == np.int16
    assert thorax.hu.shape == thorax.lung_mask.shape == SHAPE
    assert thorax.hu.min() == -1024
    assert 600 < thorax.hu.max() <= 3071
    assert (thorax.hu[:, 0, 0] == -1024).all()


@pytest.mark.parametrize(
    ("tissue", "place_mm", "low", "high"),
    [
        ("blood in the descending aorta", (28, 49, 125), 28, 56),
        ("heart", (25, -35, 180), 28, 60),
        ("liver", (-65, -10, 275), 45, 70),
        ("air in the trachea", (-3, 17, 35), -1024, -950),
        ("air in the room", (0, -165, 150), -1024, -960),
        ("gas in the stomach", (70, -48, 275), -1024, -940),
    ],
)
def test_tissues_have_their_hu(
    thorax: Thorax, tissue: str, place_mm: tuple[float, float, float], low: float, high: float
) -> None:
    assert low < _hu_at(thorax, *place_mm) < high, tissue


def test_bone_fat_and_muscle_are_there_in_plausible_amounts(thorax: Thorax) -> None:
    litre = np.prod(SPACING) / 1e6
    below_shoulders = thorax.hu[20:]
    assert 0.4 < (below_shoulders > 180).sum() * litre < 2.0
    assert 2.0 < ((below_shoulders > -150) & (below_shoulders < -50)).sum() * litre < 8.0
    assert 3.5 < ((below_shoulders > 0) & (below_shoulders < 100)).sum() * litre < 9.0


def test_the_lungs_are_air_filled_and_as_large_as_lungs(thorax: Thorax) -> None:
    lungs = thorax.hu[thorax.lung_mask]
    assert 3.0 < len(lungs) * np.prod(SPACING) / 1e6 < 6.5
    assert -900 < np.median(lungs) < -830
    assert (lungs < -700).mean() > 0.8
    in_body = thorax.hu > -1020
    assert not (thorax.lung_mask & ~in_body).any()


def test_lungs_are_denser_towards_the_back(thorax: Thorax) -> None:
    front, back = thorax.lung_mask.copy(), thorax.lung_mask.copy()
    front[:, 75:], back[:, :95] = False, False
    assert np.median(thorax.hu[back]) - np.median(thorax.hu[front]) > 15


def test_slices_run_from_head_to_feet_and_columns_to_the_patients_left(thorax: Thorax) -> None:
    area = thorax.lung_mask.sum(axis=(1, 2))
    assert area[2] < 0.2 * area[30]
    assert area[-1] < 0.2 * area[30]
    middle = SHAPE[2] // 2
    # The heart takes lung away on the left; the liver stands higher on the right.
    assert thorax.lung_mask[34, :, :middle].sum() > thorax.lung_mask[34, :, middle:].sum()
    assert _hu_at(thorax, -65, -10, 222) > 0 > _hu_at(thorax, 80, 30, 213)
    spine = thorax.hu[30] > 250
    assert np.nonzero(spine[:, middle - 6 : middle + 6].any(axis=1))[0].max() > SHAPE[1] // 2


def test_nodules_lie_in_the_lungs_at_their_density(thorax: Thorax) -> None:
    assert [(nodule.kind, nodule.diameter_mm) for nodule in thorax.nodules] == [
        (spec.kind, spec.diameter_mm) for spec in NODULES
    ]
    for nodule in thorax.nodules:
        i, j, k = nodule.voxel_ijk
        x, y, z = ((v - (n - 1) / 2) * s for v, n, s in zip((i, j, k), SHAPE[::-1], SPACING[::-1], strict=True))
        away = _distance_mm(x, y, z + MIDDLE_LEVEL_MM)
        core = np.median(thorax.hu[away < 0.3 * nodule.diameter_mm])
        ring = (away > 0.8 * nodule.diameter_mm) & (away < 1.1 * nodule.diameter_mm) & thorax.lung_mask
        assert thorax.lung_mask[round(k), round(j), round(i)]
        assert ring.sum() > 20
        assert np.median(thorax.hu[ring]) < -780
        if nodule.kind == "ground_glass":
            assert -680 < core < -540
        else:
            assert -60 < core < 60


def test_only_the_juxta_pleural_nodule_touches_the_wall(thorax: Thorax) -> None:
    for nodule in thorax.nodules:
        i, j, k = nodule.voxel_ijk
        jj, ii = np.meshgrid(*(np.arange(n) for n in SHAPE[1:]), indexing="ij")
        away = np.hypot((jj - j) * SPACING[1], (ii - i) * SPACING[2])
        to_wall = away[~thorax.lung_mask[round(k)]].min()
        assert (to_wall < nodule.diameter_mm / 2) == (nodule.kind == "juxta_pleural")


def test_a_nodule_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="no place left"):
        make_thorax(1, (4, 20, 20), (2.0, 2.0, 2.0), (NoduleSpec(30.0),))


def test_progress_counts_slices() -> None:
    seen: list[tuple[int, int]] = []
    make_thorax(1, (3, 16, 16), (60.0, 20.0, 20.0), (), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
