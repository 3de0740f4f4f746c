"""Tokens find their stored slices and their millimetres, however the volume is stored."""

from __future__ import annotations

import numpy as np
import pytest

from models.ct_scroll.tokens import token_map
from tests.models.ct_scroll.made_chests import chest, stored_otherwise, tiny_settings


def test_a_token_of_three_slices_sees_these_three():
    settings = tiny_settings(input_shape_slp=(30, 32, 32), spacing_slp_mm=(6.0, 11.0, 11.0))
    found = token_map(chest(), settings).shares_tk
    assert found.shape == (10, 30)
    # Token 0 is caudal, and slices are stored from the head.
    np.testing.assert_allclose(found[0], np.eye(30)[27:].sum(0) / 3, atol=1e-6)
    np.testing.assert_allclose(found[9], np.eye(30)[:3].sum(0) / 3, atol=1e-6)


def test_slices_stored_from_the_feet_are_found_from_the_feet():
    settings = tiny_settings(input_shape_slp=(30, 32, 32), spacing_slp_mm=(6.0, 11.0, 11.0))
    turned = stored_otherwise(chest(), (0, 1, 2), (True, False, False))
    np.testing.assert_array_equal(
        token_map(turned, settings).shares_tk, token_map(chest(), settings).shares_tk[:, ::-1]
    )


def test_thin_and_thick_slices_are_shared_by_length():
    # 4 tokens of 60 mm over 180 mm of volume: of the first the upper 40 mm lie in it, six slices and two thirds.
    found = token_map(chest(), tiny_settings(input_shape_slp=(12, 32, 32), spacing_slp_mm=(20.0, 11.0, 11.0)))
    assert found.shares_tk.sum(axis=1) == pytest.approx([1, 1, 1, 1])
    assert found.shares_tk[0, 22:] == pytest.approx([0, 0.1, *[0.15] * 6])
    assert (found.shares_tk[1] > 0).sum() == 11
    assert found.seen_k.all()


def test_padding_belongs_to_no_slice_and_cropped_slices_are_not_seen():
    padded = token_map(chest(), tiny_settings(input_shape_slp=(90, 32, 32), spacing_slp_mm=(6.0, 11.0, 11.0)))
    assert padded.shares_tk.sum(axis=1) == pytest.approx([0] * 10 + [1] * 10 + [0] * 10)
    cropped = token_map(chest(), tiny_settings(input_shape_slp=(12, 32, 32), spacing_slp_mm=(6.0, 11.0, 11.0)))
    assert np.flatnonzero(cropped.seen_k).tolist() == list(range(9, 21))


def test_evidence_is_spread_evenly_and_keeps_its_sum():
    where = token_map(chest(), tiny_settings())
    by_token = np.random.default_rng(1).normal(size=(2, 6)).astype(np.float32)
    spread = where.spread(by_token)
    assert spread.shape == (2, 30)
    np.testing.assert_allclose(spread.sum(axis=1), by_token.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0)], ids=["coronal", "sagittal"])
def test_slices_along_another_axis_share_every_token(order):
    turned = stored_otherwise(chest(), order, (False, True, False))
    found = token_map(turned, tiny_settings()).shares_tk
    assert found.shape == (6, turned.shape_kji[0])
    np.testing.assert_allclose(found, np.broadcast_to(found[0], found.shape))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("order", "against"),
    [((0, 1, 2), (False, False, False)), ((0, 1, 2), (True, True, False)), ((1, 0, 2), (True, False, True))],
)
def test_millimetres_are_the_patients_whatever_the_storage(order, against):
    settings = tiny_settings(input_shape_slp=(30, 32, 32), spacing_slp_mm=(6.0, 11.0, 11.0))
    found = token_map(stored_otherwise(chest(), order, against), settings).centre_lps_mm
    wanted = np.array([[43 / 2 * 8, 39 / 2 * 8, -6 * (28 - 3 * token)] for token in range(10)])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
