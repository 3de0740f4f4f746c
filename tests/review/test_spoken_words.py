"""Words and the fixations before them, and a reader's lag that was planted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctgaze_app.review.speech_lag import speech_lag
from ctgaze_app.review.spoken_words import (
    LookBack,
    Mention,
    effects_to_dict,
    find_mentions,
    fixations_before_words,
    window_sensitivity,
    words_of_fixations,
)

FIXATIONS = pd.DataFrame({"onset_s": [0.0, 0.5, 1.0, 2.0, 3.0], "duration_s": [0.4, 0.4, 0.8, 0.5, 0.2]})
WORDS = pd.DataFrame({"text": ["small", "nodule", "left"], "start_s": [1.5, 2.2, 9.0], "end_s": [2.0, 2.6, 9.4]})


def test_fixations_in_the_window_before_a_word_are_paired_with_it() -> None:
    pairs = fixations_before_words(FIXATIONS, WORDS, LookBack(1.0))
    # "small": 0.5 to 1.5 s; "nodule": 1.2 to 2.2 s; "left": 8 to 9 s.
    assert list(zip(pairs.word.tolist(), pairs.fixation.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2), (1, 3)]
    assert pairs.overlap_s == pytest.approx([0.4, 0.5, 0.6, 0.2])


def test_the_words_of_a_fixation_are_joined_in_order() -> None:
    assert words_of_fixations(FIXATIONS, WORDS, LookBack(1.0)) == ["", "small", "small nodule", "nodule", ""]
    assert words_of_fixations(FIXATIONS, WORDS.iloc[::-1], LookBack(1.0))[2] == "small nodule"
    assert words_of_fixations(FIXATIONS, WORDS.iloc[:0]) == [""] * 5
    assert words_of_fixations(FIXATIONS.iloc[:0], WORDS) == []


def test_a_window_can_end_before_or_after_the_word_begins() -> None:
    assert words_of_fixations(FIXATIONS, WORDS, LookBack(1.5, 1.0)) == ["small", "nodule", "nodule", "", ""]
    assert words_of_fixations(FIXATIONS, WORDS, LookBack(0.1, -0.9)) == ["", "", "small", "small nodule", "nodule"]
    assert LookBack.around_lag(0.8) == LookBack(1.3, 0.30000000000000004)
    for before, until in ((0.0, 0.0), (1.0, 2.0), (float("nan"), 0.0)):
        with pytest.raises(ValueError, match="must begin before it ends"):
            LookBack(before, until)


def test_the_default_window_is_the_second_and_a_half_before() -> None:
    one = pd.DataFrame({"text": ["x"], "start_s": [2.0], "end_s": [2.1]})
    assert words_of_fixations(FIXATIONS, one) == ["", "x", "x", "", ""]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 20), max_size=12), st.lists(st.floats(0, 20), max_size=12),
    st.floats(0.1, 4), st.floats(-2, 0.05),
)  # fmt: skip
def test_pairs_are_those_that_overlap_and_no_others(
    onsets: list[float], starts: list[float], before: float, until: float
) -> None:
    onset = np.unique(np.round(onsets, 2))
    duration = np.minimum(np.append(np.diff(onset), 0.3), 0.3)
    table = {"onset_s": onset, "duration_s": duration}
    words = {"text": ["w"] * len(starts), "start_s": starts, "end_s": starts}
    pairs = fixations_before_words(table, words, LookBack(before, until))
    found = set(zip(pairs.word.tolist(), pairs.fixation.tolist(), strict=True))
    for w, start in enumerate(starts):
        for f in range(len(onset)):
            overlap = min(onset[f] + duration[f], start - until) - max(onset[f], start - before)
            if abs(overlap) > 1e-9:
                assert ((w, f) in found) == (overlap > 0)


def test_rows_without_an_onset_belong_to_no_word_and_broken_words_are_named() -> None:
    unknown = FIXATIONS.assign(onset_s=[np.nan, 0.5, np.nan, 2.0, 3.0])
    assert words_of_fixations(unknown, WORDS, LookBack(1.0)) == ["", "small", "", "nodule", ""]
    for broken in ({"start_s": [1.5, np.nan, 9.0]}, {"end_s": [2.0, 1.0, 9.4]}):
        with pytest.raises(ValueError, match="word 2 has no time, or ends before it begins"):
            words_of_fixations(FIXATIONS, WORDS.assign(**broken))


def test_a_fixation_without_length_belongs_to_no_word() -> None:
    assert words_of_fixations(FIXATIONS.assign(duration_s=0.0), WORDS, LookBack(1.0)) == [""] * 5


def test_mentions_are_found_whatever_case_and_punctuation_and_the_longest_wins() -> None:
    words = {
        "text": ["The", "LEFT", "lung,", "and", "the lung", "left", "costophrenic-angle."],
        "start_s": np.arange(7.0), "end_s": np.arange(7.0) + 0.5,
    }  # fmt: skip
    found = find_mentions(words, {"lungs": ["lung"], "left lung": ["left lung"], "angle": ["costophrenic-angle"]})
    assert found == (
        Mention("left lung", "left lung", 1.0), Mention("lungs", "lung", 4.0),
        Mention("angle", "costophrenic-angle", 6.0),
    )  # fmt: skip
    assert find_mentions(words, {}) == ()
    side = find_mentions(words, {"left side": ["left"], "left lung": ["left lung"]})
    assert [(mention.region, mention.start_s) for mention in side] == [("left lung", 1.0), ("left side", 5.0)]


def test_the_sensitivity_shows_what_each_window_does() -> None:
    inside = np.array([[True], [False], [False], [False], [False]])
    effects = window_sensitivity(
        FIXATIONS, WORDS, mentions=[Mention("a", "small", 1.5)], regions=["a"], inside=inside, before_s=(0.5, 1.0, 2.0)
    )
    assert [each.words_with_fixation for each in effects] == [2, 2, 2]
    assert [each.fixations_with_word for each in effects] == [2, 3, 4]
    assert [each.on_region for each in effects] == [0.0, 0.0, 1.0]
    assert all(0.0 <= each.on_region_by_chance <= 1.0 for each in effects)
    plain = json.loads(json.dumps(effects_to_dict(window_sensitivity(FIXATIONS, WORDS)), allow_nan=False))
    assert plain[0]["on_region"] is None and plain[0]["n_words"] == 3


def reading(lag_s: float, seed: int, *, mentions: int = 40, spread_s: float = 0.15, heard: float = 0.8):
    """A reading of many fixations on six regions; most mentions follow a look at their region by the lag."""
    random = np.random.default_rng(seed)
    duration = random.uniform(0.15, 0.5, 500)
    onset = np.concatenate([[0.0], np.cumsum(duration + 0.03)[:-1]])
    region = random.integers(0, 6, 500)
    inside = np.eye(6, dtype=bool)[region]
    names = [f"region {n}" for n in range(6)]
    told = []
    for number in np.sort(random.choice(np.arange(20, 480), mentions, replace=False)):
        right = random.random() < heard
        name = names[region[number] if right else random.integers(0, 6)]
        middle = onset[number] + duration[number] / 2
        told.append(Mention(name, name, float(middle + lag_s + random.normal(0, spread_s))))
    return told, {"onset_s": onset, "duration_s": duration}, names, inside


@pytest.mark.parametrize("lag_s", [0.4, 1.2, 2.5])
def test_a_planted_lag_is_found_with_its_interval(lag_s: float) -> None:
    found = speech_lag(*reading(lag_s, 3))
    assert found.available and found.reason == ""
    assert found.lag_s == pytest.approx(lag_s, abs=0.15)
    assert found.low_s <= lag_s <= found.high_s
    assert found.p_chance < 0.02 and found.peak > 0.3
    assert [window for window, _ in found.sensitivity] == [0.25, 0.5, 1.0]
    assert all(lag == pytest.approx(lag_s, abs=0.25) for _, lag in found.sensitivity)
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_the_interval_of_planted_lags_holds_them() -> None:
    held = sum(
        found.low_s - 0.025 <= 1.0 <= found.high_s + 0.025
        for found in (speech_lag(*reading(1.0, seed), resamples=150, shifts=20) for seed in range(20))
    )
    assert held >= 17


def test_too_few_mentions_are_not_available() -> None:
    told, fixations, names, inside = reading(1.0, 1, mentions=7)
    found = speech_lag(told, fixations, names, inside)
    assert (found.available, found.n_mentions) == (False, 7)
    assert "7 mentions" in found.reason and np.isnan(found.lag_s)
    never = speech_lag(told * 3, fixations, names, np.zeros_like(inside))
    assert never.reason.startswith("0 mentions of regions that were looked at")


def test_speech_that_has_nothing_to_do_with_gaze_is_not_available_as_a_rule() -> None:
    claimed = sum(
        speech_lag(*reading(1.0, seed, heard=0.0), resamples=20, shifts=99, seed=seed).available for seed in range(40)
    )
    assert claimed <= 6


def test_a_lag_beyond_those_tried_is_not_taken_for_the_last_one() -> None:
    found = speech_lag(*reading(2.0, 4, spread_s=0.05, heard=1.0), lag_range_s=(-1.0, 1.95))
    assert not found.available


def test_a_region_that_gaze_never_leaves_is_looked_at_no_more_than_usual_before_its_name() -> None:
    fixations = {"onset_s": np.arange(60.0), "duration_s": np.ones(60)}
    mentions = [Mention("a", "a", 10.0 + 4 * number) for number in range(10)]
    found = speech_lag(mentions, fixations, ["a"], np.ones((60, 1), dtype=bool))
    assert found.peak == pytest.approx(0.0, abs=1e-9)
    assert not found.available
