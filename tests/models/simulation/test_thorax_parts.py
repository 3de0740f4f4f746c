"""The parts that the procedural chest is built from, against what geometry and statistics say."""

from __future__ import annotations

import numpy as np
import pytest

from models.simulation import anatomy
from models.simulation.branching import grow_tree
from models.simulation.ct_noise import NoiseTexture, outside_reconstruction
from models.simulation.random_fields import PlaneWaves
from models.simulation.swept_tubes import FAR_MM, Tubes, along, distance_on_slice

X = np.arange(-20.0, 20.5, 0.5)
Y = np.arange(-15.0, 15.5, 0.5)


def test_a_field_has_the_same_value_on_a_slice_and_at_its_points() -> None:
    field = PlaneWaves(np.random.default_rng(0), 20)
    on_slice = field.on_slice(X, Y, 7.0)
    points = np.array([[X[3], Y[5], 7.0], [X[40], Y[50], 7.0]])
    np.testing.assert_allclose(field.at(points), [on_slice[5, 3], on_slice[50, 40]], atol=1e-5)


def test_a_field_has_mean_zero_and_standard_deviation_one() -> None:
    points = np.random.default_rng(1).uniform(-2000, 2000, (20000, 3))
    values = PlaneWaves(np.random.default_rng(2), 20, count=40).at(points)
    assert abs(values.mean()) < 0.03
    assert values.std() == pytest.approx(1, abs=0.03)


def test_the_distance_to_a_ball_is_exact_near_it_and_far_beyond() -> None:
    ball = Tubes(np.array([[3.0, -2.0, 10.0]]), np.array([4.0]), np.array([4.0]))
    distance = distance_on_slice(ball, X, Y, 12.0, margin_mm=2.0)
    assert distance is not None
    expected = np.sqrt((X[None] - 3) ** 2 + (Y[:, None] + 2) ** 2 + 4) - 4
    near = expected < 2.0
    np.testing.assert_allclose(distance[near], expected[near], atol=1e-4)
    assert (distance[~near] == FAR_MM).all()


def test_no_distance_where_no_tube_comes_near() -> None:
    assert distance_on_slice(along([(0, 0, 0, 2), (5, 0, 0, 2)]), X, Y, 10.0, margin_mm=1.0) is None


def test_tubes_cut_by_the_edge_of_the_grid_stay_in_their_row() -> None:
    edge = Tubes(np.array([[20.0, 0.0, 0.0]]), np.array([3.0]), np.array([3.0]))
    distance = distance_on_slice(edge, X, Y, 0.0, margin_mm=1.0)
    assert distance is not None
    assert (distance[:, :20] == FAR_MM).all()
    assert distance[30, -1] == pytest.approx(-3)


def test_a_swept_curve_has_no_gaps() -> None:
    tube = along([(0, 0, 0, 2.0), (10, 5, 3, 1.0), (20, 0, 9, 1.5)])
    steps = np.linalg.norm(np.diff(tube.centres_mm, axis=0), axis=1)
    assert steps.max() < 0.5 * tube.radii_mm.min()
    np.testing.assert_allclose(tube.centres_mm[[0, -1]], [[0, 0, 0], [20, 0, 9]], atol=1e-9)


def test_a_tree_reaches_every_target_and_its_root_carries_all_of_them() -> None:
    rng = np.random.default_rng(3)
    targets = rng.uniform((40, -40, -40), (120, 40, 40), (64, 3))
    tree = grow_tree(rng, np.zeros(3), np.array([1.0, 0, 0]), targets, leaf_radius_mm=0.5, exponent=3.0)
    gaps = np.linalg.norm(targets[:, None] - tree.centres_mm[None], axis=2).min(axis=1)
    assert gaps.max() < 1e-9
    assert tree.radii_mm.min() == pytest.approx(0.5)
    # Murray: the two first branches together carry 64 twigs, so that the larger one holds between half and all.
    assert 0.5 * 32 ** (1 / 3) <= tree.radii_mm.max() <= 0.5 * 64 ** (1 / 3) * 1.0001


def test_noise_has_unit_deviation_and_is_correlated_like_a_soft_kernel() -> None:
    noise = NoiseTexture((128, 128), (0.7, 0.7)).draw(np.random.default_rng(4), 0.0)
    assert noise.std() == pytest.approx(1, abs=0.05)
    assert 0.2 < (noise[:, 1:] * noise[:, :-1]).mean() < 0.8
    assert abs((noise[:, 6:] * noise[:, :-6]).mean()) < 0.1


def test_streaks_run_from_side_to_side() -> None:
    noise = NoiseTexture((128, 128), (0.7, 0.7)).draw(np.random.default_rng(5), 0.9)
    along_rows, along_columns = (noise[:, 5:] * noise[:, :-5]).mean(), (noise[5:] * noise[:-5]).mean()
    assert along_rows > 0.4 > abs(along_columns)


def test_the_field_of_view_is_round() -> None:
    outside = outside_reconstruction(X, Y, 15.0)
    assert outside[0, 0]
    assert not outside[30, 40]
    assert outside.mean() == pytest.approx(1 - np.pi * 15**2 * 4 / outside.size, abs=0.01)


def test_an_ellipsoid_of_equal_radii_is_a_ball() -> None:
    x, y = np.meshgrid(X.astype(np.float32), Y.astype(np.float32))
    distance = anatomy.ellipsoid_distance(x, y, 1.0, (2, 1, -1), (6, 6, 6), 30)
    expected = np.sqrt((x - 2) ** 2 + (y - 1) ** 2 + 4) - 6
    np.testing.assert_allclose(distance, expected, atol=2e-3)


def test_points_on_the_cage_have_no_distance_to_it() -> None:
    for angle in (20, 75, 130):
        x, y = anatomy.cage_point(angle, 150.0, 0.0)
        distance = anatomy.cage_distance(np.full((1, 1), x, np.float32), np.full((1, 1), y, np.float32), 150.0)
        assert abs(float(distance[0, 0])) < 0.05


def test_a_blend_is_a_union_with_a_fillet() -> None:
    a, b = np.array([[-2.0, 0.0, 5.0]], np.float32), np.array([[9.0, 0.0, 20.0]], np.float32)
    np.testing.assert_allclose(anatomy.blend(a, b, 4), [[-2.0, -1.0, 5.0]])
