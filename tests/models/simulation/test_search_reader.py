"""Simulated readers: the same again, inside the volume, driven by what the CT shows, and above the floors."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import ModelError
from models.metrics import floors
from models.metrics.edit_distance import edit_distance
from models.metrics.floors import Target
from models.metrics.measures import MeasureParameters, ReferenceScorer
from models.scanpath import Scanpath
from models.simulation.markov_reader import fit_markov_reader
from models.simulation.search_reader import FAMILIES, HELD_OUT_FAMILIES, TRAINING_FAMILIES, read_case
from tests.models.simulation.chest_phantom import SPACING_KJI_MM, Ball, chest

NODULE: Ball = ((20.0, 25.0, 40.0), 18.0, 0.0)
PATIENTS = {
    "p1": [NODULE, ((60.0, 35.0, 75.0), 24.0, 0.0)],
    "p2": [((25.0, 38.0, 70.0), 21.0, 0.0), ((55.0, 22.0, 25.0), 15.0, 0.0), ((62.0, 35.0, 60.0), 12.0, 0.0)],
    "p3": [((15.0, 30.0, 20.0), 15.0, 0.0), ((28.0, 30.0, 55.0), 24.0, -300.0)],
    "p4": [((52.0, 38.0, 48.0), 27.0, 0.0)],
}
CENTRING_KJI = {"p1": (8, 5, 6), "p2": (-9, -6, 2), "p3": (3, -3, -8), "p4": (-4, 7, -4)}


def share_of_dwell(path: Scanpath, ball: Ball) -> float:
    """On the ball or within a degree of it, on its slices and one more on each side."""
    (i, j, k), diameter, _ = ball
    near = np.hypot(path.x_voxel - i, path.y_voxel - j) * 5 <= diameter / 2 + path.mm_per_degree
    near &= np.abs(path.z_voxel - k) * 3 <= diameter / 2 + 3
    return float(path.duration_s[near].sum() / path.duration_s.sum())


def test_families_for_training_and_held_out_ones_are_apart() -> None:
    assert set(TRAINING_FAMILIES) == {"driller-lung", "driller-quadrant", "scanner"}
    assert set(HELD_OUT_FAMILIES) == {"scanner-zigzag", "driller-bottom-up", "drill-then-scan"}
    assert set(FAMILIES) == {*TRAINING_FAMILIES, *HELD_OUT_FAMILIES}
    assert all(family.name == name and family.summary for name, family in FAMILIES.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reading_is_a_whole_scan_path_inside_its_volume(family: str) -> None:
    patient = chest(PATIENTS["p1"], case="p1")
    path = read_case(patient, family, seed=3, reader="r1")
    assert (path.who, path.case, path.patient, path.source, path.trial) == (
        "r1", "p1", "p1", "simulated", f"{family} 3",
    )  # fmt: skip
    assert path.shape_kji == patient.volume.shape_kji
    np.testing.assert_array_equal(path.affine_lps, patient.volume.affine_lps)
    assert 80 <= len(path) <= 220
    assert (path.voxel_ijk >= 0).all()
    assert (path.voxel_ijk <= np.array(path.shape_kji[::-1]) - 1).all()
    np.testing.assert_array_equal(path.z_voxel, np.rint(path.z_voxel))
    assert (path.duration_s > 0.05).all()
    assert (path.onset_s[1:] > path.onset_s[:-1] + path.duration_s[:-1]).all()
    assert 12 < path.mm_per_degree < 20  # 400 mm across about 25 degrees


@pytest.mark.parametrize("family", FAMILIES)
def test_the_seed_the_reader_and_the_patient_decide_a_reading(family: str) -> None:
    patient = chest(PATIENTS["p1"], case="p1")
    first, again = (read_case(patient, family, seed=3, reader="r1") for _ in range(2))
    np.testing.assert_array_equal(first.voxel_ijk, again.voxel_ijk)
    np.testing.assert_array_equal(first.duration_s, again.duration_s)
    others = (
        read_case(patient, family, seed=4, reader="r1"),
        read_case(patient, family, seed=3, reader="r2"),
        read_case(chest(PATIENTS["p1"], case="p9"), family, seed=3, reader="r1"),
    )
    assert all(len(o) != len(first) or not np.array_equal(o.voxel_ijk, first.voxel_ijk) for o in others)


def test_a_reader_keeps_habits_over_seeds_and_readers_differ() -> None:
    patient = chest(case="p1")
    same = {read_case(patient, "scanner", seed=seed, reader="r1").mm_per_degree for seed in range(5)}
    assert len(same) == 1
    assert read_case(patient, "scanner", seed=0, reader="r2").mm_per_degree not in same
    unnamed = read_case(patient, "scanner", seed=7)
    assert unnamed.who == "scanner-7"
    assert unnamed.mm_per_degree not in same


def test_an_unknown_family_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ModelError, match=r"named 'wanderer' \(one of driller-lung, .*drill-then-scan\)"):
        read_case(chest(), "wanderer", seed=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_visible_lesion_takes_a_good_share_of_the_dwell_and_its_place_without_it_does_not(family: str) -> None:
    with_it, without = (
        [share_of_dwell(read_case(patient, family, seed=seed), NODULE) for seed in range(8)]
        for patient in (chest([NODULE]), chest())
    )
    assert np.mean(with_it) > 0.10
    assert np.mean(without) < 0.03


@pytest.mark.parametrize("family", FAMILIES)
def test_a_lesion_that_no_voxel_shows_is_not_found(family: str) -> None:
    patient = chest([NODULE], drawn=False)
    hidden = [share_of_dwell(read_case(patient, family, seed=seed), NODULE) for seed in range(8)]
    assert np.mean(hidden) < 0.03


def test_drillers_move_through_slices_and_scanners_within_them() -> None:
    moves = {}
    for family in ("driller-lung", "driller-quadrant", "scanner"):
        steps = np.abs(np.diff(read_case(chest(), family, seed=1).voxel_ijk, axis=0)) * SPACING_KJI_MM[::-1]
        moves[family] = np.median(np.hypot(steps[:, 0], steps[:, 1])), np.median(steps[:, 2])
    for family in ("driller-lung", "driller-quadrant"):
        within, along = moves[family]
        assert within < 20 < 2.5 * along
    within, along = moves["scanner"]
    assert within > 40
    assert along <= 3


@pytest.mark.parametrize("family", FAMILIES)
def test_two_readers_of_a_patient_agree_more_than_any_floor(family: str) -> None:
    """What a model must be able to learn: the path follows the patient beyond all that floors know."""
    patients = [chest(PATIENTS[name], case=name, moved_kji=moved) for name, moved in CENTRING_KJI.items()]
    first, second = ([read_case(each, family, seed=n, reader=f"r{n}") for each in patients] for n in (1, 2))
    scores: dict[str, list[tuple[float, ...]]] = {}
    for number, (patient, reference) in enumerate(zip(patients, second, strict=True)):
        scorer = ReferenceScorer.of(reference, MeasureParameters())
        target = Target(reference, None, patient.lungs_kji)
        donors = [path for path in first if path.patient != patient.patient]
        candidates = {
            "reader": first[number],
            "saw-tooth": floors.saw_tooth(target),
            "other patient": floors.length_matched_shuffle(target, donors, number),
            "markov": floors.markov(target, fit_markov_reader(donors), number),
            "centre": floors.centre(target, number),
        }
        for name, path in candidates.items():
            found = scorer.scores(path)
            similarity = edit_distance(path, reference).similarity
            scores.setdefault(name, []).append(
                (found["scanmatch"], found["position"], similarity, found["nss"], found["cc"])
            )
    means = {name: np.mean(rows, axis=0) for name, rows in scores.items()}
    best_floor = np.max([mean for name, mean in means.items() if name != "reader"], axis=0)
    margins = np.array((0.08, 0.015, 0.10, 3.0, 0.25))
    assert (means["reader"] > best_floor + margins).all(), (means["reader"], best_floor)
