"""Is a session whole? Every raw file is opened, every counter checked; faults and notes, one line each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ctgaze_app.acquisition.xdf import XdfFile, read_xdf
from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.detectors import TOBII_IVT
from ctgaze_app.study.calibrations import read_calibration
from ctgaze_app.study.derived import DERIVED_FILES, QUALITY_FILE, changed_tables, provenance
from ctgaze_app.study.raw_session import markers_of
from ctgaze_app.study.session import MANIFEST_NAME, PartRecord, SessionManifest, read_manifest
from ctgaze_app.study.stream_checks import check_sound, check_streams

Progress = Callable[[int, int], None]
SALVAGE = "run: ctgaze session salvage"
RESTORE = "restore it from a copy"


@dataclass(frozen=True)
class Problem:
    """One finding: an ``error`` fails the session, a ``note`` does not. `where` names a part, trial or file, never a
    path."""

    severity: Literal["error", "note"]
    where: str
    message: str
    remedy: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)


def passes(problems: list[Problem]) -> bool:
    """Whether there is no error among the findings."""
    return all(problem.severity != "error" for problem in problems)


def verify_session(folder: Path, progress: Progress | None = None) -> list[Problem]:
    """Check a session folder; changes nothing.

    Raises
    ------
    SessionError
        When there is no session at all in the folder.
    """
    folder = Path(folder)
    if not folder.is_dir() or not any((folder / name).exists() for name in (MANIFEST_NAME, MANIFEST_NAME + ".new")):
        raise SessionError("no session here", place=str(folder), remedy="name a folder that holds session.json")
    problems = _staged_files(folder)
    try:
        manifest = read_manifest(folder)
    except SessionError as error:
        return [*problems, Problem("error", MANIFEST_NAME, error.message, SALVAGE if problems else error.remedy)]
    tell = progress or _ignore
    steps = len(manifest.parts) + 2
    problems += _states(manifest) + _unknown_recordings(folder, manifest)
    recordings: dict[int, XdfFile] = {}
    for done, part in enumerate(manifest.parts, start=1):
        found, recording = _part(folder, manifest, part)
        problems += found
        if recording is not None:
            recordings[part.number] = recording
        tell(done, steps)
    # A closed session has nothing left to salvage: what its sound lacks is gone from here.
    unfinished = manifest.state in {"open", "interrupted"} or any((folder / "dictation").glob("*.wav"))
    problems += [
        Problem(severity, where, message, (SALVAGE if unfinished else RESTORE) if severity == "error" else "")
        for severity, where, message in check_sound(folder, manifest, recordings)
    ]
    tell(steps - 1, steps)
    problems += _calibrations(folder, manifest) + _derived(folder, manifest)
    tell(steps, steps)
    return sorted(problems, key=lambda problem: problem.severity != "error")


def _ignore(done: int, total: int) -> None:
    """No progress asked for."""


def _staged_files(folder: Path) -> list[Problem]:
    staged = [*folder.glob("*.new"), *folder.glob("*/*.new")]
    return [
        Problem("error", path.name, "a file was not put in its place", SALVAGE)
        for path in sorted(staged)
        if path.parent.name != "salvage"
    ]


def _states(manifest: SessionManifest) -> list[Problem]:
    problems = []
    if manifest.state == "open":
        problems.append(Problem("error", "session", "it was never closed", SALVAGE))
    problems += [
        Problem("error", f"part {part.number}", "it was never closed", SALVAGE)
        for part in manifest.parts
        if part.state == "recording"
    ]
    problems += [
        Problem("error", f"trial {trial.number}", "it never ended", SALVAGE)
        for trial in manifest.trials
        if trial.state == "running" and manifest.state != "open"
    ]
    return problems


def _unknown_recordings(folder: Path, manifest: SessionManifest) -> list[Problem]:
    known = {part.file for part in manifest.parts}
    return [
        Problem("error", path.name, "the manifest does not know this recording")
        for path in sorted(folder.glob("recording*.xdf"))
        if path.name not in known
    ]


def _part(folder: Path, manifest: SessionManifest, part: PartRecord) -> tuple[list[Problem], XdfFile | None]:
    where = f"part {part.number}"
    path = folder / part.file
    if not path.exists():
        return [Problem("error", where, "its recording is missing", RESTORE)], None
    try:
        recording = read_xdf(path)
    except SessionError as error:
        return [Problem("error", where, error.message, RESTORE)], None
    problems = []
    if not recording.complete:
        problems.append(Problem("error", where, recording.problem or "its streams have no footers", SALVAGE))
    holds_trial = any(trial.part == part.number for trial in manifest.trials) or any(
        fields["event"] == "trial_start" for _, fields in markers_of(recording)
    )
    for severity, message in check_streams(recording, manifest, holds_trial):
        problems.append(Problem(severity, where, message))
    return problems, recording


def _calibrations(folder: Path, manifest: SessionManifest) -> list[Problem]:
    problems = []
    named = {
        number for trial in manifest.trials for number in (trial.calibration, trial.validation) if number is not None
    }
    present = {int(path.stem) for path in (folder / "calibration").glob("[0-9][0-9][0-9].json")}
    for number in sorted(named | present):
        try:
            read_calibration(folder, number)
        except SessionError as error:
            problems.append(Problem("error", f"calibration {number:03d}", error.message, error.remedy))
    return problems


def _derived(folder: Path, manifest: SessionManifest) -> list[Problem]:
    """Tables can be made again at any time, so what is missing or old is a note; what was altered is an error."""
    remedy = "run: ctgaze session process"
    missing = [name for name in DERIVED_FILES if not (folder / "derived" / name).exists()]
    if missing:
        return [Problem("note", "derived", f"not made yet: {', '.join(missing)}", remedy)]
    from ctgaze_app.study.measuring import measures_are_stale

    try:
        record = json.loads((folder / "derived" / QUALITY_FILE).read_text(encoding="utf-8"))
        made, changed = record["provenance"], changed_tables(folder, record)
        current = provenance(folder, manifest, TOBII_IVT)
    except (OSError, ValueError, KeyError, TypeError):
        return [Problem("note", "derived", "cannot be told what it was made from", remedy)]
    if changed:
        return [Problem("error", "derived", f"changed since it was made: {', '.join(changed)}", remedy)]
    if made["inputs"] != current["inputs"]:
        return [Problem("note", "derived", "older than the raw files it was made from", remedy)]
    if {**made, "detector": None} != {**current, "detector": None}:  # a chosen detector is no fault
        return [Problem("note", "derived", "made with other versions or parameters", remedy)]
    if measures_are_stale(folder):
        return [Problem("note", "measures", "made from earlier tables", "run: ctgaze session measure")]
    return []
