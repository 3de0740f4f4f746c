"""Rescuing a session that was cut off at any moment: everything written is made readable, nothing that holds data is
deleted.

Each step may itself be cut off and run again. The manifest is settled last.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ctgaze_app.acquisition.xdf import XdfFile, close_truncated, read_xdf
from ctgaze_app.errors import SessionError
from ctgaze_app.study.journal import Journal
from ctgaze_app.study.session import (
    MANIFEST_NAME,
    PartRecord,
    SessionManifest,
    TrialRecord,
    read_manifest,
    write_manifest,
)
from ctgaze_app.study.sound_repair import free_name, keep_aside, repair_dictation
from ctgaze_app.study.stream_checks import sampling_rate_hz

SALVAGE_FOLDER = "salvage"
JOURNAL_NAME = "journal.jsonl"
STILL_WRITTEN_S = 1.0
"""A recording that grew within this long is not cut off: its recorder flushes about every 50 ms."""

BELIEVABLE_LOSS_S = 60.0
"""A file touched longer than this after its last sample was copied or edited, so its age tells nothing about the
loss."""

Progress = Callable[[int, int], None]


@dataclass
class SalvageReport:
    """What salvaging did.

    Attributes
    ----------
    actions
        One line for each thing done; empty when there was nothing to do.
    problems
        What could not be rescued, one line each; the files were kept as they are.
    recorded_s
        Seconds from part start to last stamp, by part number.
    lost_s
        By part number: from the last recorded stamp to the last moment the file was written to, the most that the file
        itself can tell of the loss; None when the file's age says nothing.
    """

    actions: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    recorded_s: dict[int, float] = field(default_factory=dict)
    lost_s: dict[int, float | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; no paths."""
        return {
            "actions": self.actions,
            "problems": self.problems,
            "recorded_s": {str(number): round(value, 3) for number, value in self.recorded_s.items()},
            "lost_s": {str(part): None if lost is None else round(lost, 3) for part, lost in self.lost_s.items()},
        }

    def sentence(self) -> str:
        """One line for the coordinator."""
        recorded = sum(self.recorded_s.values())
        known = [lost for lost in self.lost_s.values() if lost is not None]
        loss = f", at most {max(known):.1f} s lost" if known else ""
        return f"{recorded:.1f} s of recording are safe{loss}."


def salvage_session(folder: Path, progress: Progress | None = None) -> SalvageReport:
    """Make a session whole that was cut off; a whole one is left alone, and a second run does nothing.

    Recordings get their half-written tail cut into `salvage/` and their footers; sound gets right headers and is
    packed; half-replaced files are completed or put aside; running trials become interrupted; the session becomes
    salvaged.

    Raises
    ------
    SessionError
        When there is no session, nothing may be written, or the session is still being recorded.
    """
    folder = Path(folder)
    aside = folder / SALVAGE_FOLDER
    report = SalvageReport()
    tell = progress or _ignore
    try:
        _settle_manifest_file(folder, aside, report)
        manifest = read_manifest(folder)
        steps = len(manifest.parts) + 3
        tell(1, steps)
        _refuse_running(folder, manifest)
        _settle_staged(folder, aside, report)
        parts, rates = [], []
        for number, part in enumerate(_all_parts(folder, manifest, report), start=1):
            settled, rate = _settle_part(folder, aside, part, report)
            parts += [settled] if settled is not None else []
            rates += [rate] if rate else []
            tell(1 + number, steps)
        sound = repair_dictation(folder / "dictation", aside, rates[-1] if rates else None)
        report.actions += sound.actions
        report.problems += sound.problems
        tell(steps - 1, steps)
        _settle_manifest(folder, manifest, parts, report)
        if report.actions or report.problems:
            _write_journal(folder, report)
    except OSError as error:
        raise SessionError(
            f"the session cannot be salvaged here: {error.strerror or type(error).__name__}",
            place=str(folder),
            remedy="check rights and space, then run it again; nothing was lost",
        ) from error
    tell(steps, steps)
    return report


def _ignore(done: int, total: int) -> None:
    """No progress asked for."""


def _settle_manifest_file(folder: Path, aside: Path, report: SalvageReport) -> None:
    """A crash may fall between writing session.json.new and moving it: the new one counts when it is whole."""
    path, staged = folder / MANIFEST_NAME, folder / (MANIFEST_NAME + ".new")
    if not staged.exists():
        return
    try:
        SessionManifest.model_validate_json(staged.read_bytes())
    except ValueError:
        keep_aside(staged, aside)
        report.actions.append("manifest: a half-written one was put aside")
        return
    if path.exists():
        aside.mkdir(exist_ok=True)
        free_name(aside, MANIFEST_NAME).write_bytes(path.read_bytes())
    staged.replace(path)
    report.actions.append("manifest: the newest one was put in place")


def _settle_staged(folder: Path, aside: Path, report: SalvageReport) -> None:
    """The same for calibration records and private files; unfinished tables are dropped, since they can be made
    again."""
    for staged in sorted([*(folder / "calibration").glob("*.new"), *(folder / "private").glob("*.new")]):
        path = staged.with_name(staged.name.removesuffix(".new"))
        if not _is_json(staged):
            keep_aside(staged, aside)
            report.actions.append(f"{path.parent.name}: a half-written file was put aside")
            continue
        if path.exists():
            aside.mkdir(exist_ok=True)
            free_name(aside, f"{path.parent.name}_{path.name}").write_bytes(path.read_bytes())
        staged.replace(path)
        report.actions.append(f"{path.parent.name}: {path.name} was put in place")
    for staged in (folder / "derived").glob("*.new"):
        staged.unlink()


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def _refuse_running(folder: Path, manifest: SessionManifest) -> None:
    """Raise when a recording still grows: then nobody crashed."""
    recent = [
        path
        for path in folder.glob("recording*.xdf")
        if manifest.state == "open" and time.time() - path.stat().st_mtime < STILL_WRITTEN_S
    ]
    if not recent:
        return
    sizes = [path.stat().st_size for path in recent]
    time.sleep(STILL_WRITTEN_S)
    if [path.stat().st_size for path in recent] != sizes:
        raise SessionError(
            "this session is still being recorded",
            place=str(folder),
            remedy="end the session; then nothing needs salvaging",
        )


def _all_parts(folder: Path, manifest: SessionManifest, report: SalvageReport) -> list[PartRecord]:
    """The manifest's parts; a recording that it does not know is named and left alone."""
    known = {part.file for part in manifest.parts}
    for path in sorted(folder.glob("recording*.xdf")):
        if path.name not in known:
            report.problems.append(f"{path.name}: the manifest does not know this recording; it was left alone")
    return list(manifest.parts)


def _settle_part(
    folder: Path, aside: Path, part: PartRecord, report: SalvageReport
) -> tuple[PartRecord | None, int | None]:
    """Close one part's recording; None when nothing of it was ever written. Also the sound's sampling rate, if told."""
    path = folder / part.file
    if not path.exists():
        if part.state == "complete":
            report.problems.append(f"part {part.number}: its recording is missing")
            return part, None
        report.actions.append(f"part {part.number}: it was never begun and was taken out of the manifest")
        return None, None
    if path.stat().st_size < len(b"XDF:"):
        keep_aside(path, aside)
        report.actions.append(f"part {part.number}: it held nothing yet; its file was put aside")
        return None, None
    try:
        before = read_xdf(path)
        rate = _sound_rate(before)
        last = _last_stamp(before, part)
        report.recorded_s[part.number] = last - part.lsl_start
        if before.complete:
            if part.state in {"complete", "salvaged"} and part.lsl_end is not None:
                return part, rate
            report.actions.append(f"part {part.number}: the recording is whole; its end was entered")
        else:
            report.lost_s[part.number] = _loss_s(path, part, last)
            closed = close_truncated(path)
            if closed.side_file is not None:
                keep_aside(closed.side_file, aside)
            report.actions.append(
                f"part {part.number}: {last - part.lsl_start:.1f} s recovered, "
                f"{closed.bytes_put_aside} bytes of a half-written tail put aside"
            )
    except SessionError as error:
        report.problems.append(f"part {part.number}: {error.message}")
        return part, None
    if part.state == "salvaged" and part.lsl_end is not None:
        return part, rate
    return part.model_copy(update={"state": "salvaged", "lsl_end": part.lsl_end or last}), rate


def _last_stamp(recording: XdfFile, part: PartRecord) -> float:
    return max(
        (float(stream.time_lsl.max()) for stream in recording.streams if len(stream.time_raw)), default=part.lsl_start
    )


def _loss_s(path: Path, part: PartRecord, last_lsl: float) -> float | None:
    last_utc = datetime.fromisoformat(part.utc_start).timestamp() + last_lsl - part.lsl_start
    loss = path.stat().st_mtime - last_utc
    return max(loss, 0.0) if loss < BELIEVABLE_LOSS_S else None


def _sound_rate(recording: XdfFile) -> int | None:
    rates = [sampling_rate_hz(stream) for stream in recording.find(type="AudioClock")]
    return next((round(rate) for rate in rates if rate), None)


def _settle_manifest(folder: Path, manifest: SessionManifest, parts: list[PartRecord], report: SalvageReport) -> None:
    trials: list[TrialRecord] = []
    for trial in manifest.trials:
        if trial.state == "running":
            report.actions.append(f"trial {trial.number}: it was running and is now interrupted")
            trials.append(trial.model_copy(update={"state": "interrupted"}))
        else:
            trials.append(trial)
    touched = manifest.state in {"open", "interrupted"} or parts != manifest.parts or trials != manifest.trials
    if not touched:
        return
    if manifest.state != "salvaged":
        report.actions.append("session: salvaged")
    write_manifest(folder, manifest.model_copy(update={"parts": parts, "trials": trials, "state": "salvaged"}))


def _write_journal(folder: Path, report: SalvageReport) -> None:
    with Journal(folder / JOURNAL_NAME) as journal:
        for action in report.actions:
            journal.write(f"salvage: {action}", level="warning")
        for problem in report.problems:
            journal.write(f"salvage: {problem}", level="error")
