"""Which fixations belong to which spoken word: gaze leads speech, so they lie in a window before it.

Speakers begin to look at a thing less than a second before they name it (Griffin and Bock 2000,
doi 10.1111/1467-9280.00255). For dictated reports no lead is published that we know of; a reader also plans whole
phrases. So the window is a choice: its effect is always shown (`window_sensitivity`), and a reader's own lead can be
measured where enough is said about known regions (`speech_lag`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.review.plain_json import plain_json

if TYPE_CHECKING:
    pass

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

SENSITIVITY_BEFORE_S = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class LookBack:
    """The time before a word in which its fixations are looked for.

    From `before_s` before the word begins until `until_s` before it begins (negative: until after). The default of
    1.5 s is ours: the second of Griffin and Bock, and half a second for the words that lead up to the one that counts.
    """

    before_s: float = 1.5
    until_s: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.before_s, self.until_s]).all() or self.before_s <= self.until_s:
            raise ValueError(
                f"the window must begin before it ends: {self.before_s} s to {self.until_s} s before a word"
            )

    @classmethod
    def around_lag(cls, lag_s: float, width_s: float = 1.0) -> LookBack:
        """A window of `width_s` about a reader's own lag (`speech_lag`)."""
        return cls(lag_s + width_s / 2, lag_s - width_s / 2)


@dataclass(frozen=True, eq=False)
class WordFixations:
    """P pairs of a word and a fixation that meet in the word's window, in order of words, then of time.

    `word` and `fixation` are row numbers from 0 of the two tables; `overlap_s` how long the fixation lay in the window.
    """

    word: Indices
    fixation: Indices
    overlap_s: Floats


@dataclass(frozen=True)
class WindowEffect:
    """What one window gives: words with a fixation, fixations with a word, and fixations per word.

    `on_region` is the share of mentions of a region in whose window gaze was on that region, `on_region_by_chance`
    the same for mentions moved round the reading; NaN without mentions.
    """

    before_s: float
    words_with_fixation: int
    n_words: int
    fixations_with_word: int
    n_fixations: int
    fixations_per_word: float
    on_region: float
    on_region_by_chance: float


@dataclass(frozen=True)
class Mention:
    """A region that was named: `start_s` is when its first word began."""

    region: str
    text: str
    start_s: float


def _spoken(words: Mapping[str, Any]) -> tuple[list[str], Floats]:
    """Texts and onsets of a word table.

    Raises
    ------
    ValueError
        For a time that is no number or a word that ends before it begins; rows count from 1.
    """
    start, end = (np.asarray(words[name], dtype=np.float64) for name in ("start_s", "end_s"))
    wrong = np.flatnonzero(~np.isfinite(start) | ~(end >= start))
    if len(wrong):
        raise ValueError(f"word {int(wrong[0]) + 1} has no time, or ends before it begins")
    return [str(text) for text in words["text"]], start


def fixations_before_words(
    fixations: Mapping[str, Any], words: Mapping[str, Any], window: LookBack | None = None
) -> WordFixations:
    """Pair words with the fixations that overlap their window.

    Parameters
    ----------
    fixations
        Columns onset_s, duration_s of one trial. Rows without an onset belong to no word.
    words
        Columns text, start_s, end_s of the same trial, on the same clock.
    """
    window = window or LookBack()
    _, start = _spoken(words)
    onset = np.asarray(fixations["onset_s"], dtype=np.float64)
    offset = onset + np.asarray(fixations["duration_s"], dtype=np.float64)
    known = np.flatnonzero(np.isfinite(onset) & np.isfinite(offset))
    order = known[np.argsort(onset[known], kind="stable")]
    begin, end = start - window.before_s, start - window.until_s
    # Fixations of one eye do not overlap, so that their ends ascend with their onsets.
    first = np.searchsorted(offset[order], begin, side="right")
    last = np.maximum(np.searchsorted(onset[order], end, side="left"), first)
    count = last - first
    word = np.repeat(np.arange(len(start)), count)
    place = np.arange(len(word)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    fixation = order[place]
    overlap = np.minimum(offset[fixation], end[word]) - np.maximum(onset[fixation], begin[word])
    meets = overlap > 0
    return WordFixations(word[meets], fixation[meets], overlap[meets])


def words_of_fixations(
    fixations: Mapping[str, Any], words: Mapping[str, Any], window: LookBack | None = None
) -> list[str]:
    """The text of the `words` column: for each fixation the words in whose window it lay, in order, spaces between."""
    texts, start = _spoken(words)
    pairs = fixations_before_words(fixations, words, window)
    spoken: list[list[str]] = [[] for _ in range(len(np.asarray(fixations["onset_s"])))]
    for number in np.lexsort((start[pairs.word], pairs.fixation)):
        spoken[int(pairs.fixation[number])].append(texts[int(pairs.word[number])])
    return [" ".join(each) for each in spoken]


def find_mentions(words: Mapping[str, Any], phrases: Mapping[str, Sequence[str]]) -> tuple[Mention, ...]:
    """Where regions are named.

    Parameters
    ----------
    phrases
        Names of each region as they are spoken, one or more words; case and punctuation do not matter. The longest
        phrase wins where several fit, and a spoken word belongs to one mention only.
    """
    texts, start = _spoken(words)
    tokens = [(token, start[row]) for row, text in enumerate(texts) for token in _tokens(text)]
    named = [(region, spoken) for region, several in phrases.items() for spoken in map(_tokens, several) if spoken]
    named.sort(key=lambda each: -len(each[1]))
    mentions, place = [], 0
    while place < len(tokens):
        for region, spoken in named:
            if [token for token, _ in tokens[place : place + len(spoken)]] == spoken:
                mentions.append(Mention(region, " ".join(spoken), float(tokens[place][1])))
                place += len(spoken)
                break
        else:
            place += 1
    return tuple(mentions)


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.lower())


def window_sensitivity(
    fixations: Mapping[str, Any],
    words: Mapping[str, Any],
    *,
    mentions: Sequence[Mention] = (),
    regions: Sequence[str] = (),
    inside: ArrayLike | None = None,
    before_s: Sequence[float] = SENSITIVITY_BEFORE_S,
    until_s: float = 0.0,
) -> tuple[WindowEffect, ...]:
    """The same for several windows.

    Parameters
    ----------
    mentions, regions, inside
        Mentions of regions, the names of the R regions and (N, R) which fixations lie in them
        (`regions.membership`), for `on_region`.
    """
    from ctgaze_app.review.speech_lag import chance_shifts

    _, start = _spoken(words)
    onset = np.asarray(fixations["onset_s"], dtype=np.float64)
    flags = np.zeros((len(onset), len(regions)), dtype=bool) if inside is None else np.asarray(inside, dtype=bool)
    column = {name: number for number, name in enumerate(regions)}
    told = [mention for mention in mentions if mention.region in column]
    moments = np.array([mention.start_s for mention in told])
    wanted = np.array([column[mention.region] for mention in told], dtype=np.intp)
    known = np.isfinite(onset)
    offset = onset + np.asarray(fixations["duration_s"], dtype=np.float64)
    span = (float(onset[known].min()), float(offset[known].max())) if known.any() else (0.0, 0.0)

    def on_region(times: Floats, window: LookBack) -> float:
        spoken = {"text": [""] * len(times), "start_s": times, "end_s": times}
        pairs = fixations_before_words(fixations, spoken, window)
        hit = flags[pairs.fixation, wanted[pairs.word]]
        return len(np.unique(pairs.word[hit])) / len(times)

    effects = []
    for length in before_s:
        window = LookBack(length, until_s)
        pairs = fixations_before_words(fixations, words, window)
        told_on = by_chance = float("nan")
        if len(told):
            told_on = on_region(moments, window)
            by_chance = float(np.mean([on_region(moved, window) for moved in chance_shifts(moments, span, 50)]))
        effects.append(
            WindowEffect(
                float(length), len(np.unique(pairs.word)), len(start), len(np.unique(pairs.fixation)), len(onset),
                len(pairs.word) / len(start) if len(start) else float("nan"), told_on, by_chance,
            )
        )  # fmt: skip
    return tuple(effects)


def effects_to_dict(effects: Sequence[WindowEffect]) -> list[dict[str, Any]]:
    """Plain JSON values; what is not known is None."""
    return [plain_json(asdict(effect)) for effect in effects]
