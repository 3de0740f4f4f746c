"""Scores at one length."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.edit_distance import edit_distance
from models.metrics.length_matching import evenly_spread, first_fixations, first_seconds, length_matched, matched_paths
from models.metrics.scanmatch import scanmatch
from tests.models.metrics.scanpaths import path_of, scanpaths

LINE = path_of([[x, 0, 0] for x in range(0, 100, 10)], np.arange(1, 11) / 10)


def test_a_cut_of_the_same_reading_scores_1_where_the_raw_score_falls() -> None:
    result = length_matched(LINE, first_fixations(LINE, 4), scanmatch)
    assert result.raw.score == pytest.approx(0.4)
    assert result.matched.score == 1
    assert (result.fixations_a, result.fixations_b, result.matched_a, result.matched_b) == (10, 4, 4, 4)


def test_edit_distance_loses_the_difference_of_the_lengths() -> None:
    result = length_matched(LINE, first_fixations(LINE, 4), edit_distance, method="cut")
    assert (result.raw.distance, result.matched.distance) == (6, 0)


def test_cutting_by_time_keeps_part_of_the_last_fixation() -> None:
    kept = first_seconds(LINE, 0.5)
    assert kept.x_voxel.tolist() == [0, 10, 20]
    assert kept.duration_s == pytest.approx([0.1, 0.2, 0.2])
    assert first_seconds(LINE, 0.3).x_voxel.tolist() == [0, 10]
    assert len(first_seconds(LINE, 99)) == 10


def test_time_matched_paths_have_looked_equally_long() -> None:
    brief = path_of([[0, 0, 0], [10, 0, 0]], 0.4)
    result = length_matched(LINE, brief, lambda a, b: (a.duration_s.sum(), b.duration_s.sum()), method="cut_time")
    assert result.raw == pytest.approx((5.5, 0.8))
    assert result.matched == pytest.approx((0.8, 0.8))
    assert (result.matched_a, result.matched_b) == (4, 2)


def test_rounding_of_sums_leaves_no_fixation_without_duration() -> None:
    durations_s = [0.05, 0.42, 0.4, 0.13, 0.44, 0.04, 0.17, 0.08, 0.23, 0.4]
    a = path_of([[x, 0, 0] for x in range(10)], durations_s)
    b = path_of([[x, 0, 0] for x in range(9)], durations_s[8::-1])  # 1.96 s as well, or 2e-16 s more
    matched, _ = matched_paths(a, b, "cut_time")
    assert matched.duration_s == pytest.approx(durations_s[:9])


def test_resampling_keeps_the_ends_and_spreads_the_rest() -> None:
    assert evenly_spread(LINE, 4).x_voxel.tolist() == [0, 30, 60, 90]
    assert evenly_spread(LINE, 10).x_voxel.tolist() == LINE.x_voxel.tolist()
    assert evenly_spread(LINE, 1).x_voxel.tolist() == [40]
    assert length_matched(LINE, evenly_spread(LINE, 4), scanmatch, method="resample").matched.score == 1


@settings(max_examples=60, deadline=None)
@given(a=scanpaths(fewest=1), b=scanpaths(fewest=1), method=st.sampled_from(["cut", "cut_time", "resample"]))
def test_matching_keeps_symmetry_and_identity(a: Any, b: Any, method: Any) -> None:
    score = partial(scanmatch, temporal_bin_s=0.05)
    there, back = (length_matched(*pair, score, method=method) for pair in ((a, b), (b, a)))
    assert (there.raw.score, there.matched.score) == (back.raw.score, back.matched.score)
    assert length_matched(a, a, score, method=method).matched.score == 1
    if method != "cut_time":
        assert there.matched_a == there.matched_b == min(len(a), len(b))


@settings(max_examples=60, deadline=None)
@given(path=scanpaths(fewest=1, most=40), count=st.integers(1, 40))
def test_resampled_fixations_are_distinct_and_in_order(path: Any, count: int) -> None:
    count = min(count, len(path))
    numbered = path_of(np.column_stack([np.arange(len(path)), np.zeros((len(path), 2))]))
    picked = evenly_spread(numbered, count).x_voxel
    assert len(picked) == count
    assert (np.diff(picked) > 0).all()


def test_lengths_without_sense_are_refused() -> None:
    empty = path_of([])
    with pytest.raises(ValueError, match="without fixations"):
        length_matched(LINE, empty, scanmatch)
    with pytest.raises(ValueError, match="not to 0"):
        first_fixations(LINE, 0)
    with pytest.raises(ValueError, match="time above 0"):
        first_seconds(LINE, 0)
    with pytest.raises(ValueError, match="11 of 10"):
        evenly_spread(LINE, 11)
    with pytest.raises(ValueError, match="'stretch'"):
        length_matched(LINE, LINE, scanmatch, method="stretch")  # type: ignore[arg-type]
