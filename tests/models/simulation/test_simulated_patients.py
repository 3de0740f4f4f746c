"""Made patients: the same again, differing as patients and scans do, with a truth that the voxels agree with."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.simulation import simulated_patients
from models.simulation.markov_reader import Box
from models.simulation.simulated_patients import (
    PatientSettings,
    SimulatedPatient,
    body_axes,
    load_patient,
    make_patient,
)
from models.simulation.thorax import NoduleSpec
from models.volumes import CanonicalFrame

COARSE = PatientSettings(slices=(48, 56), pixels=(48, 60))
STILL = replace(
    COARSE,
    slices=(50, 50),
    pixels=(56, 56),
    field_of_view_mm=(420.0, 420.0),
    off_centre_mm=(0.0, 0.0),
    top_mm=(-40.0, -40.0),
    bottom_mm=(320.0, 320.0),
    body_scale=(1.0, 1.0),
    height_scale=(1.0, 1.0),
    lesion_counts_weight=(0.0, 0.0, 1.0),
    lesion_mm=(24.0, 30.0),
    kind_weights=(1.0, 0.0, 0.0),
)
"""Nothing varies but the body and the places of its lesions."""
SEED = 6


@cache
def made(seed: int, settings: PatientSettings) -> SimulatedPatient:
    return make_patient(seed, settings=settings)


def lungs_mm(patient: SimulatedPatient) -> np.ndarray:
    """(2, 3) lower and higher edges of the lungs' box in the patient, in mm from the volume's first voxel."""
    box = Box.of_mask(patient.lungs_kji)
    steps = np.linalg.norm(patient.volume.affine_lps[:3, :3], axis=0)
    return np.array([box.low_ijk, box.high_ijk]) * steps


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_scan() -> None:
    first, again, other = made(3, COARSE), make_patient(3, settings=COARSE), made(4, COARSE)
    assert first.volume.digest() == again.volume.digest()
    assert np.array_equal(first.lungs_kji, again.lungs_kji)
    assert first.lesions == again.lesions
    assert (first.case, first.patient) == ("simulated-000003", "simulated-000003")
    assert other.case != first.case
    assert other.volume.shape_kji != first.volume.shape_kji
    steps = [np.linalg.norm(each.volume.affine_lps[:3, :3], axis=0) for each in (first, other)]
    assert (np.abs(steps[0] / steps[1] - 1) > 1e-3).all()
    assert (first.volume.affine_lps[:3, 3] != other.volume.affine_lps[:3, 3]).all()


def test_volumes_are_stored_from_head_to_feet_to_the_left_and_to_the_back() -> None:
    volume = made(3, COARSE).volume
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    assert (frame.axes, frame.flipped) == ((0, 1, 2), (False, False, False))
    assert volume.affine_lps[2, 2] < 0
    assert volume.hu_kji.dtype == np.int16
    assert volume.hu_kji.flags.c_contiguous
    assert 48 <= volume.shape_kji[0] <= 56
    assert volume.shape_kji[1] == volume.shape_kji[2]
    assert (volume.hu_kji[:, 0, 0] == -1024).all()
    # The heart takes room from the left lung.
    lungs = made(3, COARSE).lungs_kji
    box = Box.of_mask(lungs)
    middle = round((box.low_ijk[0] + box.high_ijk[0]) / 2)
    assert lungs[:, :, :middle].sum() > 1.05 * lungs[:, :, middle + 1 :].sum()


def test_lesions_are_where_the_truth_says() -> None:
    patient = made(SEED, STILL)
    assert len(patient.lesions) == 2
    assert patient.lesions[0].voxel_ijk[2] < patient.lesions[1].voxel_ijk[2]
    for lesion in patient.lesions:
        i, j, k = (round(value) for value in lesion.voxel_ijk)
        assert 24 <= lesion.diameter_mm <= 30
        assert patient.volume.hu_kji[k, j, i] > -100
        assert patient.lungs_kji[k, j, i]
        ring = patient.volume.hu_kji[k, j, i - 5 : i + 6 : 10]  # 37 mm to both sides
        assert ring.min() < -600


def test_off_centre_moves_the_body_by_whole_pixels_and_nothing_else() -> None:
    centred, moved = made(SEED, STILL), made(SEED, replace(STILL, off_centre_mm=(30.0, 30.0)))
    shift = np.array(Box.of_mask(moved.lungs_kji).low_ijk) - Box.of_mask(centred.lungs_kji).low_ijk
    assert shift[2] == 0
    assert (shift[:2] != 0).all()
    assert (np.abs(shift[:2]) * 7.5 <= 33.75).all()
    rolled = np.roll(centred.lungs_kji, shift[::-1].astype(int), axis=(0, 1, 2))
    assert np.array_equal(rolled, moved.lungs_kji)
    for one, other in zip(centred.lesions, moved.lesions, strict=True):
        np.testing.assert_allclose(np.subtract(other.voxel_ijk, one.voxel_ijk), shift, atol=1e-9)


def test_the_scan_starts_and_stops_at_its_levels() -> None:
    top_mm, bottom_mm = -10.0, 270.0
    usual, other = made(SEED, STILL), made(SEED, replace(STILL, top_mm=(top_mm,) * 2, bottom_mm=(bottom_mm,) * 2))
    steps = [float(-each.volume.affine_lps[2, 2]) for each in (usual, other)]
    np.testing.assert_allclose(steps, (360 / 49, (bottom_mm - top_mm) / 49))
    levels = [
        np.array([lesion.voxel_ijk[2] for lesion in each.lesions]) * step + top
        for each, step, top in zip((usual, other), steps, (-40.0, top_mm), strict=True)
    ]
    np.testing.assert_allclose(levels[0], levels[1], atol=sum(steps) / 4)
    apex = [float(lungs_mm(each)[0, 2]) + top for each, top in ((usual, -40.0), (other, top_mm))]
    assert abs(apex[0] - apex[1]) < 8


def test_a_larger_body_has_larger_lungs_and_the_lesions_asked_for() -> None:
    usual, larger = made(SEED, STILL), made(SEED, replace(STILL, body_scale=(1.1, 1.1), height_scale=(0.9, 0.9)))
    sizes = [np.diff(lungs_mm(each), axis=0)[0] for each in (usual, larger)]
    np.testing.assert_allclose(sizes[1] / sizes[0], (1.1, 1.1, 0.9), rtol=0.08)
    diameters = [sorted(lesion.diameter_mm for lesion in each.lesions) for each in (usual, larger)]
    np.testing.assert_allclose(diameters[0], diameters[1])


def test_what_has_no_room_is_left_out_the_smallest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def room_for_two(_seed: int, _shape: object, _spacing: object, nodules: tuple[NoduleSpec, ...]) -> None:
        asked.append([nodule.diameter_mm for nodule in nodules])
        if len(nodules) > 2:
            raise ValueError("no place left in the lungs for a nodule")
        raise AssertionError("made")

    monkeypatch.setattr(simulated_patients, "make_thorax", room_for_two)
    with pytest.raises(AssertionError, match="made"):
        make_patient(SEED, settings=replace(STILL, lesion_counts_weight=(0.0,) * 5 + (1.0,)))
    assert asked[0] == sorted(asked[0], reverse=True)
    assert asked == [asked[0], asked[0][:4], asked[0][:3], asked[0][:2]]


def test_a_body_that_cannot_be_made_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise ValueError("no place")

    monkeypatch.setattr(simulated_patients, "make_thorax", never)
    with pytest.raises(ValueError, match="no place"):
        make_patient(SEED, settings=STILL)


def test_a_patient_is_kept_in_a_file_named_by_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(STILL, slices=(8, 8), pixels=(24, 24))
    first = load_patient(7, settings, tmp_path / "new")
    assert [each.name for each in (tmp_path / "new").iterdir()] == [f"patient_000007_{settings.digest()}.npz"]
    monkeypatch.setattr(simulated_patients, "make_patient", lambda *_, **__: pytest.fail("made again"))
    kept = load_patient(7, settings, tmp_path / "new")
    assert kept.volume.digest() == first.volume.digest()
    assert np.array_equal(kept.lungs_kji, first.lungs_kji)
    assert (kept.lesions, kept.case, kept.patient) == (first.lesions, first.case, first.patient)
    assert replace(settings, slices=(9, 9)).digest() != settings.digest()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / f"patient_000007_{STILL.digest()}.npz"
    place.write_bytes(content)
    with pytest.raises(ModelError, match=r"patient_000007_.*not a made patient.*delete the file"):
        load_patient(7, STILL, tmp_path)


def test_a_folder_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("x")
    small = replace(STILL, slices=(20, 20), pixels=(32, 32))
    with pytest.raises(ModelError, match=r"a file/patient_000007_.*cannot be kept: File exists"):
        load_patient(7, small, tmp_path / "a file")
    (tmp_path / f"patient_000007_{small.digest()}.npz").mkdir()
    with pytest.raises(ModelError, match=r"patient_000007_.*cannot be read: Is a directory"):
        load_patient(7, small, tmp_path)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        PatientSettings(field_of_view_mm=(400.0, 300.0))
    with pytest.raises(ValueError, match="starts above"):
        PatientSettings(top_mm=(-40.0, 300.0))
    with pytest.raises(ValueError, match="weights"):
        PatientSettings(kind_weights=(0.0, 0.0, 0.0))


@pytest.mark.parametrize("seed", [6, 7])
def test_body_axes_say_where_the_body_lies_in_the_voxels(seed):
    patient, axes = made(seed, COARSE), body_axes(seed, settings=COARSE)
    assert (len(axes.z_mm), len(axes.y_mm), len(axes.x_mm)) == patient.volume.shape_kji
    spacing = np.linalg.norm(patient.volume.affine_lps[:3, :3], axis=0)
    for axis, scale, step in zip((axes.x_mm, axes.y_mm, axes.z_mm), axes.scale_xyz, spacing, strict=True):
        assert np.diff(axis) * scale == pytest.approx(step)

    def mean_hu(x: float, y: float, z: float) -> float:
        k, j, i = (int(np.abs(axis - at).argmin()) for axis, at in ((axes.z_mm, z), (axes.y_mm, y), (axes.x_mm, x)))
        return float(patient.volume.hu_kji[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2].mean())

    # Heart, liver, and the lungs beside them, in the plan of `models.simulation.anatomy`.
    assert 0 < mean_hu(20, -30, 178) < 90
    assert 20 < mean_hu(-66, -6, 275) < 90
    for side in (-85, 95):
        assert mean_hu(side, 0, 130) < -700
