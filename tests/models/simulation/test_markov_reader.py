"""The Markov reader: learned transitions, its smoothing, its durations, and boxes."""

from __future__ import annotations

import numpy as np
import pytest

from models.scanpath import Scanpath
from models.simulation.markov_reader import Box, fit_markov_reader

SHAPE = (8, 20, 20)


def path_of(voxels: object, durations: object, patient: str = "p1") -> Scanpath:
    return Scanpath.from_voxels(voxels, durations, shape_kji=SHAPE, patient=patient)  # type: ignore[arg-type]


def test_transitions_and_first_cells_are_counted_and_smoothed() -> None:
    # Two cells along i: left, right, right, left.
    path = path_of([(2, 9, 3), (15, 9, 3), (16, 9, 3), (1, 9, 3)], [0.1, 0.2, 0.1, 0.2])
    reader = fit_markov_reader([path], cells_ijk=(2, 1, 1), smoothing=0.5)
    np.testing.assert_allclose(reader.transitions, [[0.5 / 2, 1.5 / 2], [1.5 / 3, 1.5 / 3]])
    np.testing.assert_allclose(reader.first, [1.5 / 2, 0.5 / 2])
    by_default = fit_markov_reader([path], cells_ijk=(2, 1, 1))
    np.testing.assert_allclose(by_default.transitions, [[0.5 / 2, 1.5 / 2], [1.5 / 3, 1.5 / 3]])
    assert by_default.to_dict()["smoothing"] == 0.5
    assert reader.log_mean == pytest.approx(np.log([0.1, 0.2]).mean())
    assert reader.patients == {"p1"}


def test_a_sample_follows_the_transitions_and_the_seed() -> None:
    to_and_fro = path_of([(2, 9, 3), (15, 9, 3)] * 200, [0.2] * 400)
    reader = fit_markov_reader([to_and_fro], cells_ijk=(2, 1, 1), smoothing=1e-6)
    shares, durations = reader.sample(50, seed=3)
    assert (shares[::2, 0] < 0.5).all()
    assert (shares[1::2, 0] >= 0.5).all()
    np.testing.assert_allclose(durations, 0.2)
    again, _ = reader.sample(50, seed=3)
    np.testing.assert_array_equal(shares, again)
    assert not np.array_equal(shares, reader.sample(50, seed=4)[0])


def test_durations_have_the_training_distribution() -> None:
    random = np.random.default_rng(1)
    path = path_of(random.uniform(0, 7, (500, 3)), random.lognormal(-1.5, 0.5, 500))
    _, durations = fit_markov_reader([path]).sample(20_000, seed=1)
    assert np.log(durations).mean() == pytest.approx(np.log(path.duration_s).mean(), abs=0.02)
    assert np.log(durations).std() == pytest.approx(np.log(path.duration_s).std(), abs=0.02)


def test_a_box_is_the_masks_and_goes_both_ways() -> None:
    mask = np.zeros((4, 5, 6), dtype=bool)
    mask[1:3, 2:4, 0:5] = True
    box = Box.of_mask(mask)
    assert box == Box((-0.5, 1.5, 0.5), (4.5, 3.5, 2.5))
    np.testing.assert_allclose(box.to_shares([(-0.5, 3.5, 1.5)]), [[0, 1, 0.5]])
    places = np.random.default_rng(1).uniform(-3, 9, (20, 3))
    np.testing.assert_allclose(box.to_voxels(box.to_shares(places)), places)
    with pytest.raises(ValueError, match="empty"):
        Box.of_mask(np.zeros((2, 2, 2)))


def test_without_durations_or_smoothing_there_is_no_reader() -> None:
    with pytest.raises(ValueError, match="no training fixation"):
        fit_markov_reader([path_of([(1, 1, 1)], [0.0])])
    with pytest.raises(ValueError, match="no training fixation"):
        fit_markov_reader([])
    with pytest.raises(ValueError, match="smoothing"):
        fit_markov_reader([path_of([(1, 1, 1)], [0.1])], smoothing=0.0)
