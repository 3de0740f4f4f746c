"""Made radiographs: attenuation along straight rays, and a reader whose gaze tells what is there."""

from __future__ import annotations

import numpy as np
import pytest

from models.simulation.chest_radiograph import WATER_PER_MM, frontal_radiograph, radiograph_labels, read_radiograph
from models.simulation.findings import FINDINGS
from models.volumes import CtVolume
from tests.models.simulation.finding_phantom import patient_with

LUNG = (slice(3, 7), slice(2, 8), slice(2, 8))


def blocks() -> tuple[CtVolume, np.ndarray]:
    """Air with a water block of 10 rows in some columns and of 5 in others; 2 mm pixels, 4 mm slices."""
    hu = np.full((10, 12, 10), -1000, dtype=np.int16)
    hu[:, 1:11, 1:5] = 0
    hu[:, 1:6, 5:9] = 0
    lungs = np.zeros(hu.shape, dtype=bool)
    lungs[LUNG] = True
    return CtVolume(hu, np.diag([2.0, 2.0, -4.0, 1.0]), "blocks"), lungs


def test_brightness_goes_with_the_attenuation_on_the_ray():
    values = frontal_radiograph(*blocks()).values_ji
    assert values.dtype == np.float32
    assert values[5, 0] == values[5, 9] == 0.0
    assert values[5, 2] == 1.0
    assert values[5, 6] == pytest.approx(0.5, abs=1e-6)
    assert pytest.approx(0.02) == WATER_PER_MM


def test_pixels_are_square_and_the_lungs_box_is_where_the_lungs_are():
    made = frontal_radiograph(*blocks())
    assert made.pixel_mm == 2.0
    assert made.values_ji.shape == (20, 10)
    assert made.lungs_in_picture == pytest.approx((0.2, 0.3, 0.8, 0.7))


def test_a_volume_that_is_stored_the_other_way_round_gives_the_same_picture():
    volume, lungs = blocks()
    turned = CtVolume(
        np.ascontiguousarray(volume.hu_kji[::-1, :, ::-1]),
        volume.affine_lps @ np.array([[-1, 0, 0, 9], [0, 1, 0, 0], [0, 0, -1, 9], [0, 0, 0, 1.0]]),
        "turned",
    )
    straight, back = frontal_radiograph(volume, lungs), frontal_radiograph(turned, lungs[::-1, :, ::-1])
    assert back.values_ji == pytest.approx(straight.values_ji)
    assert back.lungs_in_picture == pytest.approx(straight.lungs_in_picture)


def test_an_enlarged_heart_and_an_opacity_cast_a_shadow():
    healthy = patient_with(seed=8)
    clear = frontal_radiograph(healthy.volume, healthy.lungs_kji).values_ji
    for name in ("cardiomegaly", "opacity"):
        made = patient_with(name, seed=8)
        shadow = frontal_radiograph(made.volume, made.lungs_kji).values_ji - clear
        i, _, k = next(each.voxel_ijk for each in made.lesions if each.finding == name)
        row = round((k + 0.5) * clear.shape[0] / made.volume.shape_kji[0])
        if name == "opacity":
            assert shadow[row - 1 : row + 2, round(i) - 1 : round(i) + 2].mean() > 0.01
        else:
            columns = np.flatnonzero(made.masks_kji[name].any(axis=(0, 1)))
            assert shadow[row, columns[0] : columns[-1]].max() > 0.05


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ((), (1, 0, 0)),
        (("nodule", "emphysema", "calcification"), (1, 0, 0)),
        (("cardiomegaly",), (0, 1, 0)),
        (("effusion",), (0, 1, 0)),
        (("opacity",), (0, 0, 1)),
        (("opacity", "effusion"), (0, 1, 1)),
    ],
)
def test_labels_follow_the_findings(there, expected):
    labels = radiograph_labels({name: int(name in there) for name in FINDINGS})
    assert tuple(labels.items()) == tuple(zip(("Normal", "CHF", "Pneumonia"), expected, strict=True))


@pytest.mark.parametrize("name", ["opacity", "cardiomegaly"])
def test_more_gaze_falls_on_what_is_there(name):
    made, healthy = patient_with(name, seed=8), patient_with(seed=8)
    mask = made.masks_kji[name].any(axis=1)
    near = np.zeros_like(mask)
    ks, columns = np.nonzero(mask)
    if name == "cardiomegaly":
        near[:, [columns.min(), columns.max()]] = True
        near = np.roll(near, 1, axis=1) | near | np.roll(near, -1, axis=1)
    else:
        near[ks.min() : ks.max() + 1, columns.min() : columns.max() + 1] = True

    def share(patient) -> float:
        radiograph = frontal_radiograph(patient.volume, patient.lungs_kji)
        found = []
        for seed in range(12):
            gaze = read_radiograph(patient, radiograph, np.random.default_rng(seed))
            row, column = np.floor(gaze.points_xy_share * near.shape[::-1]).astype(int).T[::-1]
            seen = near[np.minimum(row, near.shape[0] - 1), np.minimum(column, near.shape[1] - 1)]
            found.append(gaze.duration_s[seen].sum() / gaze.duration_s.sum())
        return float(np.mean(found))

    assert share(made) > 1.3 * share(healthy)


def test_gaze_lies_in_the_picture_and_repeats():
    made = patient_with("opacity", seed=8)
    radiograph = frontal_radiograph(made.volume, made.lungs_kji)
    first, again = (read_radiograph(made, radiograph, np.random.default_rng(2), reader="r") for _ in range(2))
    assert (first.points_xy_share == again.points_xy_share).all()
    assert ((first.points_xy_share >= 0) & (first.points_xy_share <= 1)).all()
    assert first.reader == "r"
