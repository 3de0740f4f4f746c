"""One orientation for every volume: axes, shares of the volume and back, and what is no volume."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelError
from models.volumes import CanonicalFrame, CtVolume

CANONICAL = np.diag([0.7, 0.8, -2.5, 1.0])
FLIPS = list(product((False, True), repeat=3))
ORDERS = list(permutations((0, 1, 2)))


def stored(order_kji: tuple[int, ...], against: tuple[bool, ...]) -> tuple[np.ndarray, np.ndarray]:
    """A numbered canonical volume of 4 x 5 x 6 with its axes stored in another order and direction, and its affine."""
    array = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    affine = CANONICAL.copy()
    affine[:3, 3] = (-100, -90, 300)
    columns = [affine[:3, 2 - axis] for axis in order_kji]
    array = array.transpose(order_kji)
    for place, turned in enumerate(against):
        if turned:
            affine[:3, 3] += columns[place] * (array.shape[place] - 1)
            columns[place] = -columns[place]
            array = np.flip(array, place)
    affine[:3, :3] = np.stack(columns[::-1], axis=1)
    return array, affine


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("against", FLIPS)
def test_every_way_of_storing_gives_the_canonical_array(order, against):
    array, affine = stored(order, against)
    frame = CanonicalFrame.of(array.shape, affine)
    turned = frame.reorient(array)
    assert np.array_equal(turned, np.arange(120).reshape(4, 5, 6))
    assert turned.base is not None
    assert frame.canonical_shape_kji == (4, 5, 6)
    assert frame.spacing_ijk_mm == pytest.approx((0.7, 0.8, 2.5))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("against", FLIPS)
def test_a_place_in_the_patient_has_the_same_shares_however_it_is_stored(order, against):
    point_lps_mm = np.array([-98.0, -87.5, 294.0, 1.0])
    first = stored((0, 1, 2), (False, False, False))
    other = stored(order, against)
    shares = [
        CanonicalFrame.of(array.shape, affine).to_shares((np.linalg.inv(affine) @ point_lps_mm)[:3])
        for array, affine in (first, other)
    ]
    np.testing.assert_allclose(shares[1], shares[0], atol=1e-9)
    # 2 mm to the left of the first voxel's centre, 2.5 mm behind it, 6 mm below it
    wanted = [(2 / 0.7 + 0.5) / 6, (2.5 / 0.8 + 0.5) / 5, (6 / 2.5 + 0.5) / 4]
    np.testing.assert_allclose(shares[0][0], wanted, atol=1e-9)


@given(
    st.sampled_from(ORDERS),
    st.sampled_from(FLIPS),
    st.lists(st.tuples(*[st.floats(-10, 600)] * 3), min_size=1, max_size=5),
)
def test_voxels_come_back_from_their_shares(order, against, voxels):
    array, affine = stored(order, against)
    frame = CanonicalFrame.of(array.shape, affine)
    np.testing.assert_allclose(frame.to_voxels(frame.to_shares(voxels)), voxels, atol=1e-8)


def test_the_outer_edges_of_the_volume_are_0_and_1():
    frame = CanonicalFrame.of((4, 5, 6), CANONICAL)
    np.testing.assert_allclose(frame.to_shares([[-0.5, -0.5, -0.5], [5.5, 4.5, 3.5]]), [[0, 0, 0], [1, 1, 1]])
    from_the_feet = CanonicalFrame.of((4, 5, 6), np.diag([0.7, 0.8, 2.5, 1.0]))
    np.testing.assert_allclose(from_the_feet.to_shares([[-0.5, -0.5, -0.5]]), [[0, 0, 1]])


def test_a_tilted_stack_keeps_its_tilt():
    tilt = np.radians(30)
    affine = np.diag([0.5, 0.5, 1.0, 1.0])
    affine[:3, 2] = (0, 2.5 * np.sin(tilt), -2.5 * np.cos(tilt))
    frame = CanonicalFrame.of((4, 5, 6), affine)
    assert frame.axes == (0, 1, 2)
    assert frame.flipped == (False, False, False)
    assert frame.spacing_ijk_mm == pytest.approx((0.5, 0.5, 2.5))


def test_without_geometry_the_stored_axes_count():
    frame = CanonicalFrame.of((4, 5, 6), None)
    assert (frame.axes, frame.flipped, frame.spacing_ijk_mm) == ((0, 1, 2), (False,) * 3, (1.0, 1.0, 1.0))


def test_the_digest_depends_on_voxels_type_shape_and_affine_and_not_on_memory_order():
    hu = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    digest = CtVolume(hu, CANONICAL, case="a").digest()
    assert CtVolume(np.asfortranarray(hu), CANONICAL, case="b").digest() == digest
    changed = hu.copy()
    changed[3, 4, 5] += 1
    others = [
        CtVolume(changed, CANONICAL),
        CtVolume(hu.astype(np.float32), CANONICAL),
        CtVolume(hu.reshape(5, 4, 6), CANONICAL),
        CtVolume(hu, CANONICAL * 1.001),
    ]
    assert len({digest, *(other.digest() for other in others)}) == 5


def test_the_patient_is_the_case_where_nothing_better_is_known():
    hu = np.zeros((4, 5, 6), dtype=np.int16)
    assert CtVolume(hu, CANONICAL, case="c").patient == "c"
    assert CtVolume(hu, CANONICAL, case="c", patient="p").patient == "p"


def test_what_is_no_volume_is_refused():
    with pytest.raises(ModelError, match=r"^c: not a volume: its array has 2 axes$"):
        CtVolume(np.zeros((4, 5), dtype=np.int16), CANONICAL, case="c")


@pytest.mark.parametrize("diagonal", [(0.7, 0.7, 0, 1), (np.nan, 1, 1, 1), (np.inf, 1, 1, 1)])
def test_an_affine_that_is_no_map_is_refused(diagonal):
    with pytest.raises(ModelError, match=r"^c: its affine is no map to millimetres$"):
        CtVolume(np.zeros((4, 5, 6), dtype=np.int16), np.diag(diagonal), case="c")
