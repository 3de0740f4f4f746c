"""From a recorded session to its tables: `derived/gaze.parquet`, `fixations.csv`, `dwell_segments.csv`, `saccades.csv`,
`blinks.csv`, `quality.json`.

Raw files are only read. The same raw files and versions give the same bytes again: tables carry no clock time of their
making.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.detectors import TOBII_IVT, DetectorParameters, EyeEvents, detect_events
from ctgaze_app.gaze.fixations import Table, fixation_tables
from ctgaze_app.gaze.frames import SeriesGeometry, geometries
from ctgaze_app.gaze.limits import trial_limits
from ctgaze_app.gaze.mapping import EYES_USED, MappedGaze, map_gaze
from ctgaze_app.gaze.measures import TrialMeasures, event_measures, on_moving_content_s, sample_measures
from ctgaze_app.gaze.movements import blink_table, saccade_table
from ctgaze_app.gaze.quality import TrialQuality, trial_quality
from ctgaze_app.gaze.samples import EyeSamples, GazeSamples
from ctgaze_app.gaze.sensitivity import detector_sensitivity, variations
from ctgaze_app.review.spoken_words import LookBack, words_of_fixations
from ctgaze_app.study.calibrations import calibration_of_trial
from ctgaze_app.study.derived import DerivedTables, GazeRows, write_derived
from ctgaze_app.study.raw_session import RecordedPart, TrialSpan, read_part, trial_spans
from ctgaze_app.study.session import SessionManifest, TrialRecord, read_manifest
from ctgaze_app.study.session_words import session_words

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ProcessingResult:
    """What processing found.

    `problems` are one line each, for the coordinator: what is missing or odd, in which trial; tables were written all
    the same.
    """

    folder: Path
    trials: int
    gaze_samples: int
    fixations: int
    segments: int
    saccades: int
    blinks: int
    files: tuple[str, ...]
    quality: dict[int, TrialQuality] = field(repr=False)
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; no paths."""
        return {
            "trials": self.trials,
            "gaze_samples": self.gaze_samples,
            "fixations": self.fixations,
            "dwell_segments": self.segments,
            "saccades": self.saccades,
            "blinks": self.blinks,
            "files": list(self.files),
            "problems": list(self.problems),
        }


def process_session(
    folder: Path, progress: Progress | None = None, *, parameters: DetectorParameters | None = None
) -> ProcessingResult:
    """Make every derived table of a session anew.

    Trials are told by their markers. A trial whose end is missing ends with its part's last sample. Gaze that is
    missing, a stream that stopped and a trial without views are said in `problems`; they never stop the others.

    Parameters
    ----------
    progress
        Called with (steps done, steps in all).
    parameters
        Their class names the detector; they are kept in `quality.json`. None takes those that the session was processed
        with before, so that no change of a file changes the detector in silence; the default where it was not.

    Raises
    ------
    SessionError
        When the session or its recording cannot be read, holds no trial, or `derived/` cannot be written.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    parameters = _parameters_before(folder) if parameters is None else parameters
    steps = len(manifest.parts) + len(manifest.trials) + 1
    report = progress or _ignore
    report(0, steps)
    parts: list[RecordedPart] = []
    made = DerivedTables()
    for done, record in enumerate(manifest.parts, start=1):
        part = read_part(folder, record, manifest)
        made.problems += part.problems
        parts.append(part)
        report(done, steps)
    if not parts:
        raise SessionError("nothing was recorded yet", place=str(folder), remedy="record a session first")
    series = geometries(manifest.series)
    for done, trial in enumerate(manifest.trials, start=len(parts) + 1):
        _process_trial(folder, manifest, trial, parts, series, parameters, made)
        report(done, steps)
    files = write_derived(folder, manifest, parameters, made)
    report(steps, steps)
    return ProcessingResult(
        folder,
        len(manifest.trials),
        sum(len(rows.mapped) for rows in made.gaze),
        sum(len(table["fixation"]) for table in made.fixations),
        sum(len(table["fixation"]) for table in made.segments),
        sum(len(table["saccade"]) for table in made.saccades),
        sum(len(table["blink"]) for table in made.blinks),
        files,
        made.quality,
        tuple(made.problems),
    )


def _parameters_before(folder: Path) -> DetectorParameters:
    from ctgaze_app.study.sensitivity import parameters_in_force

    try:
        return parameters_in_force(folder)
    except SessionError:
        return TOBII_IVT


def _ignore(done: int, total: int) -> None:
    """No progress asked for."""


def _process_trial(
    folder: Path,
    manifest: SessionManifest,
    trial: TrialRecord,
    parts: list[RecordedPart],
    series: tuple[SeriesGeometry, ...],
    parameters: DetectorParameters,
    made: DerivedTables,
) -> None:
    in_force, calibration_problems = calibration_of_trial(folder, manifest, trial)
    made.calibration[trial.number] = in_force
    made.problems += [f"trial {trial.number}: {problem}" for problem in calibration_problems]
    settings = in_force.settings
    geometry = manifest.screen.geometry()
    spans = trial_spans(trial, parts)
    if not spans:
        made.problems.append(f"trial {trial.number}: the recording has no marker of it")
        return
    boots = {record.number: record.boot_id for record in manifest.parts}
    origin: tuple[float, float] | None = None  # LSL time of onset 0, and that clock against UTC
    for span in spans:
        part = parts[span.part_index]
        eye_time = part.gaze.time_lsl - settings.tracker_latency_s
        low, high = np.searchsorted(eye_time, [span.start_lsl, span.end_lsl], side="left")
        samples = _cut(part.gaze, int(low), int(high))
        own_views = part.views.subset(part.views.integers("trial") == trial.number)
        if origin is None:
            shown = own_views.time_lsl[own_views.visible]
            if len(shown) == 0:
                made.problems.append(f"trial {trial.number}: no image was shown; times count from its start")
            first = float(shown[0]) + settings.display_latency_s if len(shown) else span.start_lsl
            origin = (first, part.utc_minus_lsl)
        origin_lsl = origin[0] + (origin[1] - part.utc_minus_lsl)
        mapped = map_gaze(samples, part.views, in_force.refits, geometry, settings, series)
        made.problems += _gaze_problems(trial.number, mapped, span)
        direction = geometry.px_to_vector(mapped.px)
        pupil = pupil_of_eye_used(samples, mapped)
        events = detect_events(mapped.eye_time_lsl, direction, mapped.valid, parameters, pupil=pupil)
        before = [_counted(tables, trial.number) for tables in (made.fixations, made.saccades, made.blinks)]
        fixations, segments = fixation_tables(
            mapped, events, part.views, geometry, settings, series, pupil, origin_lsl, before[0] + 1
        )
        if boots[part.number] == boots[trial.part]:
            fixations["words"] = _words(folder, manifest, trial, origin_lsl, fixations, made.problems)
        saccades = saccade_table(mapped, events, fixations, origin_lsl, before[1] + 1)
        blinks = blink_table(mapped, events, origin_lsl, before[2] + 1)
        named = {
            "session": manifest.session, "reader": manifest.reader, "trial": trial.number, "case": trial.case,
            "part": part.number,
        }  # fmt: skip
        for table, target in (
            (fixations, made.fixations),
            (segments, made.segments),
            (saccades, made.saccades),
            (blinks, made.blinks),
        ):
            count = len(table["onset_s"])
            target.append({**{name: np.full(count, value) for name, value in named.items()}, **table})
        number = np.where(events.fixation >= 0, events.fixation + before[0] + 1, 0).astype(np.int32)
        made.gaze.append(
            GazeRows(trial.number, trial.case, part.number, samples, mapped, events.eye_state, number, origin_lsl)
        )
        quality = trial_quality(
            mapped, events, own_views, geometry, span.start_lsl, span.end_lsl,
            manifest.tracker.nominal_rate_hz if manifest.tracker else 0.0, direction,
        )  # fmt: skip
        if trial.number in made.quality:
            made.problems.append(
                f"trial {trial.number}: it lies in several recording parts; its figures are of the longest"
            )
            if made.quality[trial.number].duration_s >= quality.duration_s:
                continue
        made.quality[trial.number] = quality
        made.measures[trial.number] = _measures(mapped, direction, events, fixations, segments, saccades, parameters)


def _words(
    folder: Path,
    manifest: SessionManifest,
    trial: TrialRecord,
    origin_lsl: float,
    fixations: Table,
    problems: list[str],
) -> NDArray[np.str_]:
    """(F,) what was said in the look-back window of each fixation; empty texts without a transcript."""
    count = len(fixations["onset_s"])
    try:
        words, notes = session_words(folder, manifest, [trial], {trial.number: origin_lsl})
        spoken = [""] * count if words is None else words_of_fixations(fixations, words, LookBack())
    except (SessionError, ValueError) as error:
        problems.append(f"trial {trial.number}: its words are left out: {error}")
        return np.full(count, "")
    problems += [f"trial {trial.number}: {note}" for note in notes]
    return np.array(spoken, dtype=str)


def _counted(tables: list[Table], trial: int) -> int:
    """Rows that a trial has so far: a trial in several parts is numbered on."""
    return sum(len(table["trial"]) for table in tables if len(table["trial"]) and table["trial"][0] == trial)


def _measures(
    mapped: MappedGaze,
    direction: NDArray[np.float64],
    events: EyeEvents,
    fixations: Table,
    segments: Table,
    saccades: Table,
    parameters: DetectorParameters,
) -> TrialMeasures:
    by_events = event_measures(mapped, fixations, segments)
    moving_s = on_moving_content_s(mapped, events)
    uncertain = mapped.slice_uncertain[mapped.on_image]
    # The other detectors take as long as all the rest together: `detector_sensitivity` on demand has them too.
    return TrialMeasures(
        by_events,
        sample_measures(mapped),
        moving_s,
        float(uncertain.mean()) if len(uncertain) else None,
        tuple(trial_limits(mapped, events, saccades, moving_s, by_events.total_s)),
        tuple(
            detector_sensitivity(
                mapped.eye_time_lsl,
                direction,
                mapped.valid,
                parameters,
                base=events,
                tried=variations(parameters, others=False),
            )
        ),
    )


def pupil_of_eye_used(samples: GazeSamples, mapped: MappedGaze) -> NDArray[np.float64]:
    """(N,) pupil of the eye that counts, the mean of both where both count; NaN where lost or not sent."""
    pupil = np.full(len(samples), np.nan)
    for name in ("left", "right", "combined"):
        if name in samples.eyes:
            mine = mapped.eye_used == EYES_USED.index(name)
            pupil[mine] = samples.eyes[name].pupil[mine]
    both = mapped.eye_used == EYES_USED.index("average")
    if both.any():
        left, right = samples.eyes["left"].pupil[both], samples.eyes["right"].pupil[both]
        pupil[both] = np.where(
            np.isfinite(left) & np.isfinite(right), (left + right) / 2, np.where(np.isfinite(left), left, right)
        )
    return pupil


def _cut(samples: GazeSamples, low: int, high: int) -> GazeSamples:
    rows = slice(low, high)
    eyes = {name: EyeSamples(eye.norm[rows], eye.valid[rows], eye.pupil[rows]) for name, eye in samples.eyes.items()}
    frame = None if samples.frame is None else samples.frame[rows]
    return GazeSamples(samples.time_raw[rows], samples.time_lsl[rows], eyes, frame)


STOPPED_AFTER_S = 1.0


def _gaze_problems(trial: int, mapped: MappedGaze, span: TrialSpan) -> list[str]:
    """What a coordinator must know about a trial's gaze."""
    if len(mapped) == 0:
        return [f"trial {trial}: no gaze was recorded"]
    problems = []
    missing = span.end_lsl - float(mapped.eye_time_lsl[-1])
    if missing > STOPPED_AFTER_S:
        problems.append(f"trial {trial}: gaze stopped {missing:.1f} s before its end")
    if not mapped.valid.any():
        problems.append(f"trial {trial}: no sample has a valid eye of those that count")
    if span.end_is_assumed:
        problems.append(f"trial {trial}: its end marker is missing; it ends with the recording")
    return problems
