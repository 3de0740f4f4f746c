"""What the reader of a chest X-ray said: the study's transcript files, in both layouts that exist.

Released: ``{"full_text", "time_stamped_text": [{"begin_time" or "begin_tim", "end_time", "phrase"}]}``. Original, as
the speech service's answer was stored: ``{"sentence_1": [{"word", "begin_time", "end_time"}], "full_transcript"}``.
Times are seconds from the start of the sound. Phrases keep the file's order: some were typed in afterwards.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.text_file import read_text_bytes

FILE = "transcript.json"
BEGIN_KEYS = ("begin_time", "begin_tim")
"""The second is how a figure of the paper spells it, and files follow both."""
LONGEST_S = 7200.0
Layout = Literal["released", "original"]


@dataclass(frozen=True)
class Phrase:
    """A word or phrase, seconds from the start of the sound; `sentence` counts from 1, 0 in the released layout."""

    text: str
    start_s: float
    end_s: float
    sentence: int = 0


@dataclass(frozen=True)
class Transcript:
    """One picture's transcript."""

    full_text: str
    phrases: tuple[Phrase, ...]
    layout: Layout


def read_transcript(path: Path, case: str) -> Transcript:
    """Read ``transcript.json`` of either layout; `case` goes into the error.

    Raises
    ------
    FormatError
        When it is no JSON of either layout, a time is missing, no number, negative or implausibly large, or a phrase
        ends before it begins.
    """
    data = read_text_bytes(path)
    place = f"{at(path)} of {case}"
    try:
        content = json.loads(data, object_pairs_hook=_no_twins)
    except (json.JSONDecodeError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise FormatError("is not JSON", place=place + line, remedy="correct this file") from error
    except _TwinError as error:
        raise FormatError(f"{error} is there twice", place=place, remedy="delete one") from error
    if not isinstance(content, dict):
        raise FormatError("is not a JSON object", place=place, remedy="see the layouts of the data set")
    sentences = sorted((key for key in content if re.fullmatch(r"sentence_\d+", key)), key=lambda key: int(key[9:]))
    if "time_stamped_text" in content:
        _only(content, {"full_text", "time_stamped_text"}, place)
        full_text = _text(content, "full_text", place)
        entries = _list(content, "time_stamped_text", place)
        phrases = tuple(_phrases(entries, "phrase", "time_stamped_text", place))
        layout: Layout = "released"
    elif sentences or "full_transcript" in content:
        _only(content, {*sentences, "full_transcript"}, place)
        full_text = _text(content, "full_transcript", place)
        phrases = tuple(
            phrase
            for key in sentences
            for phrase in _phrases(_list(content, key, place), "word", key, place, int(key[9:]))
        )
        layout = "original"
    else:
        raise FormatError(
            "has neither time_stamped_text nor sentence_1", place=place, remedy="see the layouts of the data set"
        )
    if full_text.strip() and not phrases:
        raise FormatError("has a text and no phrase with a time", place=place, remedy="restore it from a copy")
    return Transcript(full_text, phrases, layout)


def write_transcript(path: Path, transcript: Transcript) -> None:
    """Write the transcript in its own layout, with ``begin_time``."""
    if transcript.layout == "released":
        content: dict[str, Any] = {
            "full_text": transcript.full_text,
            "time_stamped_text": [
                {"begin_time": phrase.start_s, "end_time": phrase.end_s, "phrase": phrase.text}
                for phrase in transcript.phrases
            ],
        }
    else:
        content = {}
        for phrase in transcript.phrases:
            word = {"word": phrase.text, "begin_time": phrase.start_s, "end_time": phrase.end_s}
            content.setdefault(f"sentence_{phrase.sentence}", []).append(word)
        content["full_transcript"] = transcript.full_text
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    path.write_bytes(text.encode("utf-8"))


def _phrases(entries: Sequence[Any], text_key: str, key: str, place: str, sentence: int = 0) -> Iterator[Phrase]:
    for number, entry in enumerate(entries, start=1):
        here = f"{place}, entry {number} of {key}"
        if not isinstance(entry, dict):
            raise FormatError("is not a JSON object", place=here, remedy="correct this entry")
        _only(entry, {*BEGIN_KEYS, "end_time", text_key}, here)
        begins = [name for name in BEGIN_KEYS if name in entry]
        if len(begins) != 1:
            raise FormatError("has no begin_time (or two)", place=here, remedy="correct this entry")
        start_s, end_s = _seconds(entry, begins[0], here), _seconds(entry, "end_time", here)
        if end_s < start_s:
            raise FormatError(
                f"ends at {end_s:g} s, before it begins at {start_s:g} s", place=here, remedy="correct this entry"
            )
        yield Phrase(_text(entry, text_key, here), start_s, end_s, sentence)


def _seconds(entry: dict[str, Any], key: str, place: str) -> float:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FormatError(f"{key} is not a number", place=place, remedy="give it in seconds")
    if not 0 <= value <= LONGEST_S:
        raise FormatError(f"{key} is {value:g}, not a time of a recording", place=place, remedy="give it in seconds")
    return float(value)


def _text(content: dict[str, Any], key: str, place: str) -> str:
    value = content.get(key)
    if not isinstance(value, str):
        raise FormatError(f"{key} is not text", place=place, remedy="correct this file")
    return value


def _list(content: dict[str, Any], key: str, place: str) -> list[Any]:
    value = content.get(key)
    if not isinstance(value, list):
        raise FormatError(f"{key} is not a list", place=place, remedy="correct this file")
    return value


def _only(content: dict[str, Any], known: set[str], place: str) -> None:
    for key in content:
        if key not in known:
            raise FormatError(f"{key!r} is not known", place=place, remedy=f"known here: {', '.join(sorted(known))}")


class _TwinError(ValueError):
    pass


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwinError(key)
        found[key] = value
    return found
