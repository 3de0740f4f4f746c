"""Agreement of every detector and preset with two human coders, on real recordings of picture viewing.

Run: python -m tests.benchmarks.event_agreement --data ../shared/data/gaze/lund2013/img

Label files are cut to the shorter one. Parameters of the adaptive presets were chosen on the tuning half (`--tune`
repeats that); read the held-out half. Two of the recordings (UH47, UL47) hold 1,996 samples where the others of the
same length in time hold 4,988, and their own stamps stand 5 ms apart: they are of 200 Hz, though their files say 500.
They are taken at what they say, as by the published figures beside which these stand; at their stamps no kappa of
adaptive-500hz on the held-out half changes by more than .02, and all that was asked for still holds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.agreement import cohens_kappa, event_agreement, events_of
from ctgaze_app.gaze.detectors import EYE_STATES, PRESETS, DetectorParameters, detect_events
from tests.benchmarks.coded_recordings import (
    CLASSES,
    CODERS,
    STATES,
    CodedRecording,
    at_rate,
    halves,
    read_recordings,
)

RATES_HZ = (250.0, 120.0, 60.0)
NOISE_DEG = (0.1, 0.3)
APART_S = 1000.0
"""Recordings stand so far apart on the common clock that no event meets one of another recording."""


@dataclass(frozen=True, eq=False)
class Labelling:
    """One way of labelling several recordings: flags per class, laid end to end, and intervals per class."""

    flags: Mapping[str, NDArray[np.bool_]]
    intervals_s: Mapping[str, NDArray[np.float64]]


def coder_labelling(recordings: Sequence[CodedRecording], coder: str) -> Labelling:
    """What a human coder said."""
    flags: dict[str, NDArray[np.bool_]] = {}
    intervals: dict[str, NDArray[np.float64]] = {}
    for name, code in CLASSES.items():
        each = [recording.labels[coder] == code for recording in recordings]
        flags[name] = np.concatenate(each)
        intervals[name] = np.concatenate(
            [
                events_of(mine, 1 / recording.rate_hz) + APART_S * number
                for number, (mine, recording) in enumerate(zip(each, recordings, strict=True))
            ]
        )
    return Labelling(flags, intervals)


def detector_labelling(recordings: Sequence[CodedRecording], parameters: DetectorParameters) -> Labelling:
    """What a detector says."""
    states, intervals = [], {name: [np.empty((0, 2))] for name in CLASSES}
    for number, recording in enumerate(recordings):
        events = detect_events(recording.time_s, recording.direction, recording.valid, parameters)
        states.append(events.eye_state)
        sample_s = 1 / recording.rate_hz
        for name, found in (("fixation", events), ("saccade", events.saccades)):
            bounds = np.stack([found.first, found.last + 1], axis=1)
            intervals[name].append(bounds * sample_s + APART_S * number)
        oscillating = events.eye_state == EYE_STATES.index(STATES["PSO"])
        intervals["PSO"].append(events_of(oscillating, sample_s) + APART_S * number)
    codes = np.concatenate(states)
    flags = {name: codes == EYE_STATES.index(state) for name, state in STATES.items()}
    return Labelling(flags, {name: np.concatenate(each) for name, each in intervals.items()})


def compared(mine: Labelling, coders: Mapping[str, Labelling]) -> dict[str, Any]:
    """Kappa and event agreement with every coder, and how many fixations of which mean duration."""
    length = mine.intervals_s["fixation"]
    return {
        "fixations": len(length),
        "fixation_mean_ms": float(np.diff(length, axis=1).mean() * 1000) if len(length) else None,
        "kappa": {
            coder: {name: cohens_kappa(mine.flags[name], other.flags[name]) for name in CLASSES}
            for coder, other in coders.items()
        },
        "events": {
            coder: {
                name: event_agreement(other.intervals_s[name], mine.intervals_s[name]).to_dict() for name in CLASSES
            }
            for coder, other in coders.items()
        },
    }


def agreement(recordings: Sequence[CodedRecording], detectors: Mapping[str, DetectorParameters]) -> dict[str, Any]:
    """All detectors against both coders, and each coder against the other."""
    coders = {coder: coder_labelling(recordings, coder) for coder in CODERS}
    table = {
        name: compared(detector_labelling(recordings, parameters), coders) for name, parameters in detectors.items()
    }
    for coder, labelling in coders.items():
        others = {name: each for name, each in coders.items() if name != coder}
        table[f"coder {coder}"] = compared(labelling, others)
    return table


def full_report(recordings: list[CodedRecording], detectors: Mapping[str, DetectorParameters]) -> dict[str, Any]:
    """Both halves and all at the recorded rate; the held-out half and all at lower rates with noise."""
    tuning, held_out = halves(recordings)
    report: dict[str, Any] = {
        "recordings": {"tuning": [each.name for each in tuning], "held out": [each.name for each in held_out]},
        "tables": {
            f"{name}, as recorded": agreement(part, detectors)
            for name, part in (("tuning half", tuning), ("held-out half", held_out), ("all", recordings))
        },
    }
    for noise_deg in NOISE_DEG:
        for rate_hz in RATES_HZ:
            for name, part in (("held-out half", held_out), ("all", recordings)):
                slower = [at_rate(each, rate_hz, noise_deg, seed) for seed, each in enumerate(part)]
                title = f"{name}, {rate_hz:g} Hz, white noise of {noise_deg:g} deg RMS-S2S added"
                report["tables"][title] = agreement(slower, detectors)
    return report


def table_text(title: str, table: Mapping[str, Any]) -> str:
    """One table in Markdown: kappa, event F1, number and mean duration, and timing of fixations against MN."""
    columns = [f"{name} {coder}" for name in CLASSES for coder in CODERS]
    lines = [
        f"\n{title}\n",
        "| | " + " | ".join(f"kappa {column}" for column in columns)
        + " | F1 fixation MN | RA | F1 saccade MN | RA | fixations | mean ms | onset ms vs MN | offset ms vs MN |",
        "|" + "---|" * (len(columns) + 9),
    ]  # fmt: skip
    for name, row in table.items():
        cells = [_number(row["kappa"].get(coder, {}).get(kind)) for kind in CLASSES for coder in CODERS]
        cells += [
            _number(row["events"].get(coder, {}).get(kind, {}).get("f1"))
            for kind in ("fixation", "saccade")
            for coder in CODERS
        ]
        timing = row["events"].get("MN", {}).get("fixation", {})
        cells += [str(row["fixations"]), _number(row["fixation_mean_ms"], 0)]
        cells += [
            f"{_number(timing.get(f'{end}_offset_ms'), 1)} (sd {_number(timing.get(f'{end}_deviation_ms'), 1)})"
            for end in ("onset", "offset")
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value: float | None, decimals: int = 2) -> str:
    return "-" if value is None or value != value else f"{value:.{decimals}f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, the same numbers as JSON, or the choice of parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder lund2013/img")
    parser.add_argument("--json", action="store_true", help="the same numbers as JSON")
    parser.add_argument("--tune", action="store_true", help="choose parameters anew, on the tuning half only")
    chosen = parser.parse_args(arguments)
    recordings = read_recordings(chosen.data)
    if not recordings:
        parser.error(f"no label files in {chosen.data}")
    if chosen.tune:
        from tests.benchmarks.event_tuning import tune

        for line in tune(halves(recordings)[0]):
            print(line)
        return
    report = full_report(recordings, PRESETS)
    if chosen.json:
        print(json.dumps(_plain(report), indent=1, allow_nan=False))
        return
    print(f"Tuning half: {', '.join(report['recordings']['tuning'])}")
    print(f"Held-out half: {', '.join(report['recordings']['held out'])}")
    for title, table in report["tables"].items():
        print(table_text(title, table))


def _plain(value: Any) -> Any:
    """The same with null for what is not a number."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and value != value else value


if __name__ == "__main__":
    main()
