"""Kappa and event agreement against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctgaze_app.gaze.agreement import cohens_kappa, event_agreement, events_of


def test_kappa_is_what_the_formula_gives_by_hand() -> None:
    # Agreed 3/4; by chance 2/4 * 1/4 + 2/4 * 3/4 = 1/2; (3/4 - 1/2) / (1 - 1/2) = 1/2.
    assert cohens_kappa([1, 1, 0, 0], [1, 0, 0, 0]) == pytest.approx(0.5)


def test_kappa_of_the_same_labels_is_one_and_of_opposite_ones_minus_one() -> None:
    assert cohens_kappa([1, 0, 1, 0], [1, 0, 1, 0]) == 1.0
    assert cohens_kappa([1, 0, 1, 0], [0, 1, 0, 1]) == -1.0


def test_kappa_cannot_be_told_without_samples_or_without_a_second_label() -> None:
    assert math.isnan(cohens_kappa([], []))
    assert math.isnan(cohens_kappa([1, 1, 1], [1, 1, 1]))


def test_labels_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        cohens_kappa([1, 0], [1])


def test_runs_of_flags_become_intervals_in_seconds() -> None:
    assert events_of([1, 0, 0, 1, 1], 0.5).tolist() == [[0.0, 0.5], [1.5, 2.5]]
    assert events_of([], 0.5).shape == (0, 2)


def test_event_f1_and_timing_are_what_pencil_and_paper_give() -> None:
    reference = np.array([[0.0, 1.0], [2.0, 3.0]])
    found = np.array([[0.1, 0.9], [2.9, 4.0], [5.0, 6.0], [2.1, 3.1]])
    agreed = event_agreement(reference, found)
    assert (agreed.reference, agreed.found, agreed.matched) == (2, 4, 2)
    assert agreed.f1 == pytest.approx(2 * 2 / 6)
    assert agreed.onset_offset_ms == pytest.approx(100.0)
    assert agreed.onset_deviation_ms == pytest.approx(0.0, abs=1e-9)
    assert agreed.offset_offset_ms == pytest.approx(0.0, abs=1e-9)
    assert agreed.offset_deviation_ms == pytest.approx(100.0)


def test_an_event_is_matched_only_once() -> None:
    agreed = event_agreement(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 0.9]]))
    assert agreed.matched == 1
    assert agreed.f1 == pytest.approx(2 / 3)


def test_the_greatest_overlap_is_the_partner_and_half_of_the_union_suffices() -> None:
    reference = np.array([[0.0, 1.0]])
    best = event_agreement(reference, np.array([[0.0, 0.6], [0.0, 1.0], [0.3, 1.0]]))
    assert (best.matched, best.onset_offset_ms, best.offset_offset_ms) == (1, 0.0, 0.0)
    assert event_agreement(reference, np.array([[0.0, 0.5]])).matched == 1
    assert event_agreement(reference, np.array([[0.0, 0.49]])).matched == 0


def test_no_events_on_either_side_is_told_apart_from_none_matched() -> None:
    none = np.empty((0, 2))
    assert math.isnan(event_agreement(none, none).f1)
    assert event_agreement(np.array([[0.0, 1.0]]), none).f1 == 0.0
    assert event_agreement(none, none).to_dict()["f1"] is None
