"""Floors: the length asked for, other patients only, the body, and the sweep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics import floors
from models.metrics.floors import NoFloorError, Target
from models.metrics.scanmatch import scanmatch
from models.scanpath import Scanpath
from models.simulation.markov_reader import Box, fit_markov_reader


def path_of(
    patient: str, count: int, shape: tuple[int, int, int] = (30, 40, 50), seed: int = 0, **fields: object
) -> Scanpath:
    random = np.random.default_rng(seed)
    voxels = random.uniform(0, np.array(shape[::-1]) - 1, (count, 3))
    return Scanpath.from_voxels(
        voxels, random.lognormal(-1.4, 0.4, count), shape_kji=shape, who="r1", case=f"case-{patient}", patient=patient,
        **fields,
    )  # fmt: skip


def test_chance_floors_know_the_length_and_the_total_alone() -> None:
    like = path_of("a", 400)
    for make in (floors.uniform, floors.centre):
        made = make(Target(like), 1)
        assert len(made) == 400
        assert made.duration_s.sum() == pytest.approx(like.duration_s.sum())
        assert np.ptp(made.duration_s) == 0
        assert (made.case, made.patient, made.shape_kji) == (like.case, "a", like.shape_kji)
        np.testing.assert_array_equal(made.voxel_ijk, make(Target(like), 1).voxel_ijk)
        assert not np.array_equal(made.voxel_ijk, make(Target(like), 2).voxel_ijk)
    even = floors.uniform(Target(like), 1).voxel_ijk
    np.testing.assert_allclose(even.mean(axis=0), [24.5, 19.5, 14.5], rtol=0.1)
    np.testing.assert_allclose(even.std(axis=0), np.array([50, 40, 30]) / np.sqrt(12), rtol=0.1)
    central = floors.centre(Target(like), 1).voxel_ijk
    np.testing.assert_allclose(central.std(axis=0), np.array([50, 40, 30]) / 6, rtol=0.15)


def test_chance_floors_stay_in_the_body() -> None:
    body = Box((10.5, 5.5, 3.5), (30.5, 20.5, 8.5))
    made = floors.uniform(Target(path_of("a", 300), body), 1).voxel_ijk
    assert (made >= np.array(body.low_ijk)).all()
    assert (made <= np.array(body.high_ijk)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 60))
def test_no_floor_ever_uses_the_targets_own_patient(seed: int, count: int) -> None:
    like = path_of("a", count)
    donors = [path_of("a", 20, seed=1), path_of("b", 15, seed=2), like, path_of("c", 25, seed=3)]
    target = Target(like)
    shuffled = floors.length_matched_shuffle(target, donors, seed)
    assert len(shuffled) == count
    other = floors.other_patient(target, donors, seed)
    sources = {
        floor: [d for d in donors if np.isin(floor.duration_s, d.duration_s).all()] for floor in (shuffled, other)
    }
    assert all(len(found) == 1 and found[0].patient in "bc" for found in sources.values())
    assert len(other) == len(sources[other][0])


def test_the_shuffle_is_a_path_cut_or_repeated_in_its_own_order() -> None:
    donor = path_of("b", 4, seed=9)
    longer = floors.length_matched_shuffle(Target(path_of("a", 10)), [donor], 1)
    np.testing.assert_allclose(longer.voxel_ijk, donor.voxel_ijk[[0, 1, 2, 3, 0, 1, 2, 3, 0, 1]])
    np.testing.assert_allclose(longer.duration_s, donor.duration_s[[0, 1, 2, 3, 0, 1, 2, 3, 0, 1]])
    shorter = floors.length_matched_shuffle(Target(path_of("a", 3)), [donor], 1)
    np.testing.assert_allclose(shorter.voxel_ijk, donor.voxel_ijk[:3])


def test_a_path_of_a_larger_volume_keeps_its_shares() -> None:
    donor = Scanpath.from_voxels(
        [(99.5, 39.5, 59.5), (49.5, 19.5, 29.5)], [0.1, 0.1], shape_kji=(60, 80, 100), patient="b"
    )
    made = floors.length_matched_shuffle(Target(path_of("a", 2)), [donor], 1)
    np.testing.assert_allclose(made.voxel_ijk, [(49, 19.5, 29), (24.5, 9.5, 14.5)])


def test_another_patient_is_moved_from_body_to_body() -> None:
    donor = Scanpath.from_voxels([(20, 10, 10), (30, 20, 20)], [0.1, 0.3], shape_kji=(30, 40, 50), patient="b")
    target = Target(path_of("a", 5), Box((0, 0, 0), (20, 10, 10)))
    made = floors.other_patient(target, [donor], 1, bodies=[Box((10, 10, 10), (30, 30, 30))])
    np.testing.assert_allclose(made.voxel_ijk, [(10, 0, 0), (20, 5, 5)])
    assert made.duration_s.tolist() == [0.1, 0.3]


def test_floors_that_need_other_patients_say_so() -> None:
    like = path_of("a", 5)
    for donors in ([], [like], [path_of("a", 9, seed=4)]):
        with pytest.raises(NoFloorError, match="no path of another patient"):
            floors.length_matched_shuffle(Target(like), donors, 1)
    with pytest.raises(NoFloorError, match="no human path"):
        floors.other_patient(Target(like), [path_of("b", 5, source="model")], 1)
    with pytest.raises(NoFloorError, match="patient a is among the training data"):
        floors.markov(Target(like), fit_markov_reader([path_of("b", 9), path_of("a", 9)]), 1)
    assert len(floors.markov(Target(like), fit_markov_reader([path_of("b", 9)]), 1)) == 5


def test_the_sweep_goes_through_one_lung_and_then_the_other() -> None:
    lungs = np.zeros((30, 40, 50), dtype=bool)
    lungs[5:25, 10:21, 5:16] = True
    lungs[5:25, 20:31, 34:45] = True
    made = floors.saw_tooth(Target(path_of("a", 80), lungs_kji=lungs))
    np.testing.assert_allclose(np.unique(made.x_voxel), [10, 39])
    np.testing.assert_allclose(made.y_voxel, np.where(made.x_voxel == 10, 15, 25))
    assert (made.x_voxel[:40] == 10).all()
    assert (made.x_voxel[40:] == 39).all()
    np.testing.assert_allclose(made.z_voxel[:20], 5 + np.arange(20))
    np.testing.assert_allclose(made.z_voxel[20:40], made.z_voxel[:20][::-1])
    assert made.duration_s.sum() == pytest.approx(path_of("a", 80).duration_s.sum())


def test_the_sweep_never_leaves_the_lungs() -> None:
    lungs = np.zeros((30, 40, 50), dtype=bool)
    lungs[2:20, 5:36, 2:20] = True
    lungs[2:20, 9:32, 8:20] = False  # bent around a heart: its centre is none of it
    lungs[6:28:2, 20:31, 34:45] = True  # begins and ends elsewhere than the other, with slices missing
    made = floors.saw_tooth(Target(path_of("a", 300), lungs_kji=lungs))
    i, j, k = np.floor(made.voxel_ijk + 0.5).astype(int).T
    assert lungs[k, j, i].all()
    assert (k[:150].min(), k[:150].max(), k[150:].min(), k[150:].max()) == (2, 19, 6, 26)


def test_without_lungs_the_sweep_goes_through_the_body() -> None:
    made = floors.saw_tooth(Target(path_of("a", 30)), passes=1)
    np.testing.assert_allclose(made.z_voxel, np.arange(30))
    np.testing.assert_allclose(made.x_voxel, 12.0)
    np.testing.assert_allclose(made.y_voxel, 19.5)
    with pytest.raises(ValueError, match="lung mask has the shape"):
        floors.saw_tooth(Target(path_of("a", 3), lungs_kji=np.ones((2, 2, 2), dtype=bool)))


def test_an_empty_path_has_empty_floors() -> None:
    like = path_of("a", 0)
    assert len(floors.uniform(Target(like), 1)) == 0
    assert len(floors.saw_tooth(Target(like))) == 0


def test_uniform_against_uniform_has_the_known_chance_level_of_the_published_scanmatch() -> None:
    shape = (512, 512, 512)
    like = path_of("a", 400, shape)
    scores = [scanmatch(floors.uniform(Target(like), seed), like, faithful=True).score for seed in range(11, 16)]
    assert np.mean(scores) == pytest.approx(0.35, abs=0.01)


def test_a_simulated_reader_is_lent_to_by_simulated_readers_alone() -> None:
    like = path_of("a", 5, source="simulated")
    human, simulated = path_of("b", 7, seed=1), path_of("c", 9, seed=2, source="simulated")
    for seed in range(6):
        assert len(floors.other_patient(Target(like), [human, simulated], seed)) == 9
        assert len(floors.other_patient(Target(path_of("a", 5)), [human, simulated], seed)) == 7
    with pytest.raises(NoFloorError, match="no path of a simulated reader"):
        floors.other_patient(Target(like), [human], 1)
