"""Reading measures of a recorded session: scrolling, coverage, search style, and how each known lesion was searched.

Written to `derived/measures.json` (everything, with what it was made from) and `derived/measures.csv` (one row a
trial), and to `derived/lesions.csv` (one row a trial and lesion) when lesion truth was given; `measure_columns.toml`
says what the columns mean.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ctgaze_app import __version__
from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import CTGazeError, SessionError
from ctgaze_app.review.dwell_points import dwell_points_of_segments
from ctgaze_app.review.lesion_search import LesionSearchResult, LesionSearchRules, lesion_search
from ctgaze_app.review.lungs import Lungs, LungsError, find_lungs
from ctgaze_app.review.measure_columns import lesion_meaning, meaning
from ctgaze_app.review.reading_measures import ReadingMeasures, reading_measures
from ctgaze_app.study.calibrations import calibration_of_trial
from ctgaze_app.study.derived import file_digest
from ctgaze_app.study.loading import load_volumes
from ctgaze_app.study.sensitivity import session_sensitivity
from ctgaze_app.study.session import SessionManifest, write_atomically
from ctgaze_app.study.trial_speech import TrialSpeech, lung_regions, trial_speech
from ctgaze_app.study.trial_tables import TABLES, NotShownError, SessionTables, TrialTables

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
Organ = Literal["lungs", "none"]
MEASURES_FILE, MEASURES_TABLE, LESIONS_TABLE = "measures.json", "measures.csv", "lesions.csv"
MEASURE_COLUMNS_FILE = "measure_columns.toml"
KEYS = ("session", "reader", "trial", "case")
MEASURES_SCHEMA = 1


@dataclass(frozen=True)
class Truth:
    """The truth file of one case, how it is read, and what the reader reported of it.

    `format` None takes what the file's own signature says; `options` are what the file does not say. `reported` names
    of lesions; None when it is not known, so that no lesion is judged.
    """

    path: Path = field(repr=False)
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    reported: Collection[str] | None = None


@dataclass(frozen=True, eq=False)
class TrialReading:
    """What was measured of one trial; `notes` say what could not be and why."""

    trial: int
    case: str
    kind: str
    measures: ReadingMeasures
    lesions: LesionSearchResult | None = None
    notes: tuple[str, ...] = ()
    speech: TrialSpeech | None = None


@dataclass(frozen=True, eq=False)
class SessionMeasures:
    """Measures of every trial of a session that was shown, and notes on those that were not."""

    session: str
    reader: str
    organ: Organ
    trials: tuple[TrialReading, ...]
    notes: tuple[str, ...]
    sensitivity: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict, repr=False)
    """By trial: figures of fixations with other detectors and parameters (`gaze.sensitivity`)."""

    def rows(self) -> list[dict[str, Any]]:
        """One flat row a trial, the same columns in every session."""
        return [
            {
                "session": self.session,
                "reader": self.reader,
                "trial": each.trial,
                "case": each.case,
                "kind": each.kind,
                **each.measures.scalars(),
            }
            for each in self.trials
        ]

    def lesion_table(self) -> pd.DataFrame | None:
        """One row a trial and lesion; None when no truth was given."""
        import pandas as pd

        parts = []
        for each in self.trials:
            if each.lesions is not None:
                rows = each.lesions.to_frame()
                for place, (name, value) in enumerate(
                    {"session": self.session, "reader": self.reader, "trial": each.trial, "case": each.case}.items()
                ):
                    rows.insert(place, name, value)
                parts.append(rows)
        return pd.concat(parts, ignore_index=True) if parts else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, curves and sensitivity included."""
        return {
            "session": self.session,
            "reader": self.reader,
            "organ": self.organ,
            "notes": list(self.notes),
            "trials": [
                {
                    "trial": each.trial,
                    "case": each.case,
                    "kind": each.kind,
                    "measures": each.measures.to_dict(),
                    "detector_sensitivity": [dict(row) for row in self.sensitivity.get(each.trial, [])],
                    "lesion_search": None if each.lesions is None else each.lesions.to_dict(),
                    "speech": None if each.speech is None else each.speech.to_dict(),
                    "notes": list(each.notes),
                }
                for each in self.trials
            ],
        }


def measure_session(
    folder: Path,
    *,
    organ: Organ = "lungs",
    truth: Mapping[str, Truth] | None = None,
    rules: LesionSearchRules | None = None,
    phrases: Mapping[str, Sequence[str]] | None = None,
    volumes: Mapping[int, Volume] | None = None,
    progress: Progress | None = None,
) -> SessionMeasures:
    """Measure every trial and write the results under `derived/`; processes the session first when that is needed.

    Without the CT at its place, or without lungs in it, the measures that need them are empty and a note says why.

    Parameters
    ----------
    organ
        Whose coverage is taken; ``none`` does not open the CT.
    truth
        By case.
    phrases
        How the left and right lung and the lesions are spoken, by name; what is not here is called by its own name.
    volumes
        CT already in memory, by series index.

    Raises
    ------
    SessionError
        When the session cannot be read or processed, or truth is given for a case that was not read.
    CTGazeError
        When a truth file cannot be read, or its CT is not there.
    """
    folder = Path(folder)
    report = progress or (lambda done, total: None)
    session = SessionTables.open(folder)
    recorded = session.manifest.trials
    wanted = dict(truth or {})
    unread = sorted(set(wanted) - {trial.case for trial in recorded})
    if unread:
        cases = ", ".join(sorted({trial.case for trial in recorded}))
        raise SessionError(f"case {unread[0]} was not read in this session", remedy=f"its cases: {cases}")
    steps = len(recorded) + 1
    scans = _Scans(folder, session.manifest, volumes or {}, organ, bool(wanted))
    report(1, steps)
    trials, notes = [], list(scans.notes)
    for done, record in enumerate(recorded, start=2):
        try:
            trials.append(
                _measure(session, session.trial(record), scans, wanted.get(record.case), rules, phrases or {})
            )
        except NotShownError as reason:
            notes.append(f"trial {record.number}: {reason}")
        report(done, steps)
    manifest = session.manifest
    sensitivity = session_sensitivity(folder)
    result = SessionMeasures(manifest.session, manifest.reader, organ, tuple(trials), tuple(notes), sensitivity)
    _write(folder, result, wanted, scans.missing)
    return result


class _Scans:
    """The CT and its organ by series, opened once."""

    def __init__(
        self, folder: Path, manifest: SessionManifest, given: Mapping[int, Volume], organ: Organ, needed: bool
    ) -> None:
        self.notes: list[str] = []
        self.volumes: Mapping[int, Volume] = given
        self._lungs: dict[int, tuple[Lungs | None, str]] = {}
        self._organ = organ
        self.missing = False
        if organ == "none" and not needed:
            return
        try:
            self.volumes = load_volumes(folder, manifest, given)
        except CTGazeError as error:
            if needed:
                raise
            self.missing = True
            self.notes.append(f"coverage is not available: {error.message}")

    def lungs(self, series: int) -> tuple[Lungs | None, str]:
        """Lungs of a series, and what to know about them."""
        if self._organ == "none" or series not in self.volumes:
            return None, ""
        if series not in self._lungs:
            try:
                found = find_lungs(self.volumes[series])
                remark = "" if found.plausible else f"the lungs are not plausible: {', '.join(found.remarks)}"
                self._lungs[series] = (found, remark)
            except LungsError as error:
                self._lungs[series] = (None, f"coverage is not available: {error.message}")
        return self._lungs[series]


def _measure(
    session: SessionTables,
    trial: TrialTables,
    scans: _Scans,
    truth: Truth | None,
    rules: LesionSearchRules | None,
    phrases: Mapping[str, Sequence[str]],
) -> TrialReading:
    manifest = session.manifest
    notes = list(trial.notes)
    lungs, remark = scans.lungs(trial.series)
    notes += [remark] if remark else []
    screen, latency_s = manifest.screen.geometry(), manifest.display.latency_s
    measures = reading_measures(
        trial.rows["fixations"], trial.rows["segments"], trial.views, screen, trial.geometry,
        end_lsl=trial.end_lsl, display_latency_s=latency_s, series=trial.series,
        organ_mask=None if lungs is None else lungs.mask, gaze=trial.rows["gaze"], saccades=trial.rows["saccades"],
    )  # fmt: skip
    if not measures.slice_dwell.fixated_s.any():
        notes.append("no fixation was recorded on its series: what needs gaze is not available")
    lesions = None
    nameable = lung_regions(lungs)
    if truth is not None:
        regions = _regions(truth, scans.volumes[trial.series], trial.record.case)
        nameable += regions
        points = dwell_points_of_segments(
            trial.rows["fixations"], trial.rows["segments"], trial.views, screen, trial.geometry.shape_kji,
            display_latency_s=latency_s, series=trial.series,
        )  # fmt: skip
        in_force, _ = calibration_of_trial(session.folder, manifest, trial.record)
        lesions = lesion_search(
            regions, points, trial.views,
            end_lsl=trial.end_lsl, display_latency_s=latency_s, reported=truth.reported, series=trial.series,
            uncertainty_deg=in_force.settings.angle_uncertainty_deg, rules=rules,
        )  # fmt: skip
    speech = None
    try:
        speech = trial_speech(session, trial, nameable, phrases)
    except SessionError as error:  # a broken transcript costs nothing else, as in processing
        notes.append(f"its words are left out: {error}")
    unknown = sorted(set(phrases) - {region.name for region in nameable})
    if speech is not None and unknown:
        notes.append(f"no region here is called {', '.join(unknown)}: its phrases count nothing")
    record = trial.record
    return TrialReading(record.number, record.case, record.kind, measures, lesions, tuple(notes), speech)


def _regions(truth: Truth, volume: Volume, case: str) -> tuple[LabelledRegion, ...]:
    from ctgaze_app.ct.truth import read_truth

    regions = read_truth(truth.path, volume, format=truth.format, options=truth.options)
    unknown = sorted(set(truth.reported or ()) - {region.name for region in regions})
    if unknown:
        names = ", ".join(region.name for region in regions)
        raise SessionError(f"case {case} has no lesion called {unknown[0]}", remedy=f"its lesions: {names}")
    return regions


def _write(folder: Path, result: SessionMeasures, truth: Mapping[str, Truth], ct_missing: bool) -> None:
    """Tables first, `measures.json` last, so that its presence says that the others are whole."""
    import pandas as pd

    derived = folder / "derived"
    record = {
        "schema": MEASURES_SCHEMA,
        "provenance": measures_provenance(folder, result.organ, truth),
        "ct_missing": ct_missing,
        **result.to_dict(),
    }
    lesions = result.lesion_table()
    try:
        (derived / MEASURES_FILE).unlink(missing_ok=True)
        (derived / LESIONS_TABLE).unlink(missing_ok=True)
        rows = pd.DataFrame(result.rows())
        write_atomically(derived / MEASURE_COLUMNS_FILE, _explained(rows, lesions))
        write_atomically(derived / MEASURES_TABLE, _csv(rows))
        if lesions is not None:
            write_atomically(derived / LESIONS_TABLE, _csv(lesions))
        write_atomically(derived / MEASURES_FILE, json.dumps(record, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise SessionError(
            f"the measures cannot be written: {error.strerror or type(error).__name__}",
            place=str(derived),
            remedy="check rights and space",
        ) from error


def _explained(rows: pd.DataFrame, lesions: pd.DataFrame | None) -> str:
    """TOML: what each column of the tables means."""
    lines = ["# What the columns of measures.csv and lesions.csv mean; the first four are explained in columns.toml."]
    for name, table, meaning_of in (("measures", rows, meaning), ("lesions", lesions, lesion_meaning)):
        if table is not None:
            lines += ["", f"[{name}]"]
            for column in table.columns[len(KEYS) :]:
                text = "main, practice or repeat" if column == "kind" else meaning_of(column)
                lines.append(f'"{column}" = {json.dumps(text)}')
    return "\n".join(lines) + "\n"


def measures_provenance(folder: Path, organ: Organ, truth: Mapping[str, Truth]) -> dict[str, Any]:
    """What `measures.json` depends on: version, tables, truth; no path."""
    return {
        "ctgaze": __version__,
        "organ": organ,
        "tables": {name: file_digest(folder / "derived" / name) for name in TABLES.values()},
        "truth": {
            case: {
                "file": file_digest(each.path),
                "format": each.format,
                "options": dict(each.options),
                "reported": None if each.reported is None else sorted(each.reported),
            }
            for case, each in sorted(truth.items())
        },
    }


def measures_are_current(folder: Path, organ: Organ) -> bool:
    """Whether `measures.json` was made by this version from the tables as they are now.

    Truth does not matter: it adds lesions and changes no reading measure. Without its CT a session is tried again.
    """
    try:
        record = json.loads((folder / "derived" / MEASURES_FILE).read_text(encoding="utf-8"))
        current = {**record["provenance"], "truth": {}} == measures_provenance(folder, organ, {})
        current = current and record["schema"] == MEASURES_SCHEMA and not record["ct_missing"]
        return bool(current and (folder / "derived" / MEASURES_TABLE).is_file())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def measures_are_stale(folder: Path) -> bool:
    """Whether there are measures, and they were made from other tables than those there now (another detector)."""
    try:
        record = json.loads((folder / "derived" / MEASURES_FILE).read_text(encoding="utf-8"))
        made_from = record["provenance"]["tables"]
        return bool(made_from != measures_provenance(folder, record["organ"], {})["tables"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def measures_notes(folder: Path) -> tuple[str, ...]:
    """What the measures in `measures.json` lack and why, as they were made.

    Raises
    ------
    SessionError
        When there is no such file, or it is none of ours.
    """
    try:
        record = json.loads((folder / "derived" / MEASURES_FILE).read_text(encoding="utf-8"))
        of_trials = [f"trial {each['trial']}: {note}" for each in record["trials"] for note in each["notes"]]
        return (*map(str, record["notes"]), *of_trials)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SessionError("cannot be read", place=MEASURES_FILE, remedy="measure the session again") from error


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
