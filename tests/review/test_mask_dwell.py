"""Seconds inside and outside a mask, and near it within the gaze's uncertainty."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.review.mask_dwell import mask_dwell

MASK = np.zeros((4, 20, 30), dtype=bool)
MASK[1, 5:10, 10:20] = True
MASK[2, 5:10, 10:15] = True


def test_seconds_add_up_inside_and_outside():
    places = [(10.0, 5.0, 1), (19.4, 9.4, 1.2), (19.6, 9.0, 1), (12.0, 7.0, 2), (12.0, 7.0, 3), (0.0, 0.0, 0)]
    found = mask_dwell(MASK, places, [1.0, 0.5, 0.25, 2.0, 4.0, 0.125])
    assert (found.total_s, found.inside_s, found.outside_s) == (7.875, 3.5, 4.375)
    assert found.on_slices_s == 3.75
    assert found.inside_share == pytest.approx(3.5 / 7.875)
    # Slice 1 is a twelfth mask (50 of 600), slice 2 half as much.
    assert found.expected_share == pytest.approx((1.75 * 50 / 600 + 2.0 * 25 / 600) / 7.875)
    assert np.isnan(found.within_uncertainty_s)


def test_a_place_beside_the_mask_counts_within_its_uncertainty_in_millimetres():
    # Columns are 0.5 mm apart, rows 2 mm: 4 columns beside the mask are 2 mm, 2 rows above it 4 mm.
    places = [(23.0, 7.0, 1), (12.0, 3.0, 1), (12.0, 7.0, 1), (12.0, 7.0, 3), (23.0, 7.0, 1)]
    kinds = {"uncertainty_mm": [2.0, 3.9, np.nan, 50.0, 1.9], "spacing_ij_mm": (0.5, 2.0)}
    found = mask_dwell(MASK, places, [1.0, 2.0, 4.0, 8.0, 16.0], **kinds)
    assert found.inside_s == 4.0
    assert found.within_uncertainty_s == 5.0


def test_what_lies_beside_the_volume_or_nowhere_is_left_out():
    places = [(np.nan, 1.0, 1), (-1.0, 5.0, 1), (30.0, 5.0, 1), (15.0, 7.0, 4), (15.0, 7.0, 1)]
    found = mask_dwell(MASK, places, [1.0] * 5, uncertainty_mm=[1.0] * 5, spacing_ij_mm=(1.0, 1.0))
    assert (found.total_s, found.inside_s, found.within_uncertainty_s) == (1.0, 1.0, 1.0)


def test_no_gaze_and_no_mask_give_no_shares():
    nothing = mask_dwell(MASK, np.empty((0, 3)), [])
    assert nothing.total_s == 0
    assert np.isnan(nothing.inside_share)
    assert np.isnan(nothing.expected_share)
    empty = mask_dwell(np.zeros_like(MASK), [(1.0, 1.0, 1)], [2.0], uncertainty_mm=[9.0], spacing_ij_mm=(1.0, 1.0))
    assert (empty.inside_s, empty.on_slices_s, empty.within_uncertainty_s, empty.expected_share) == (0, 0, 0, 0)


def test_lengths_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="1 places and 2 lengths"):
        mask_dwell(MASK, [(1, 1, 1)], [1.0, 2.0])
    with pytest.raises(ValueError, match="negative"):
        mask_dwell(MASK, [(1, 1, 1)], [-1.0])
