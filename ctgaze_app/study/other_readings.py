"""Further closed readings beside a trial in the same folder of sessions: of its case, or of another patient."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ctgaze_app.errors import SessionError
from ctgaze_app.review.path_beside import PathBeside
from ctgaze_app.study.derived import FIXATION_FILE
from ctgaze_app.study.predictions import predicted_series
from ctgaze_app.study.session import MANIFEST_NAME, SessionManifest, TrialRecord, read_manifest

MOST_READINGS = 3
MOST_SESSIONS = 200


@dataclass(frozen=True)
class OtherReading:
    """One closed trial: in which session, who read, which case, and the digest and number of slices of its series."""

    folder: Path = field(repr=False)
    session: str
    reader: str
    trial: int
    case: str
    slices: int
    digest: str = field(repr=False)

    @property
    def source(self) -> str:
        """``folder:trial``, as the command line names it."""
        return f"{self.folder}:{self.trial}"


def other_readings(folder: Path, manifest: SessionManifest, trial: TrialRecord) -> list[str]:
    """Up to `MOST_READINGS` sources ``folder:trial`` of the same case and the same CT, as `readings_beside` orders."""
    return [one.source for one in readings_beside(folder, manifest, trial)[:MOST_READINGS]]


def readings_beside(folder: Path, manifest: SessionManifest, trial: TrialRecord) -> list[OtherReading]:
    """Readings of the same case and the same CT, by other readers first.

    Practice, running trials and sessions that are not closed are left out, and sessions that cannot be read.
    """
    series = predicted_series(manifest, trial)
    if series < 0:
        return []
    digest = manifest.series[series].digest
    found = _readings(folder, manifest, trial.case, digest, but=trial.number)
    others: list[OtherReading] = []
    for beside, other in _sessions_beside(folder):
        readings = _readings(beside, other, trial.case, digest)
        if other.reader == manifest.reader:
            found += readings
        else:
            others += readings
    return [*others, *found]


def other_patients_readings(folder: Path, manifest: SessionManifest, trial: TrialRecord) -> list[OtherReading]:
    """Readings of other cases on another CT, those by the same reader first."""
    series = predicted_series(manifest, trial)
    digest = manifest.series[series].digest if series >= 0 else ""
    found = _readings(folder, manifest, "", "")
    for beside, other in _sessions_beside(folder):
        found += _readings(beside, other, "", "")
    others = (one for one in found if one.case != trial.case and one.digest != digest)
    return sorted(others, key=lambda one: one.reader != manifest.reader)


def reader_codes(folder: Path, manifest: SessionManifest) -> tuple[str, ...]:
    """Codes of all readers in the folder of sessions, sorted: a reader's place here is the colour of that reader.

    Reads one field of each manifest, so that it is fast; sessions that cannot be read count for nothing.
    """
    found = {manifest.reader}
    for path in _manifests_beside(folder):
        try:
            code = json.loads(path.read_text(encoding="utf-8"))["reader"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(code, str):
            found.add(code)
    return tuple(sorted(found))


def path_of_reading(reading: OtherReading, start_lsl: float) -> PathBeside:
    """A reading's fixations, as if it had begun at `start_lsl`.

    Raises
    ------
    SessionError
        When its fixations were not computed yet or cannot be read.
    """
    from ctgaze_app.study.loading import read_table
    from ctgaze_app.study.replay_tables import fixations_of

    path = reading.folder / "derived" / FIXATION_FILE
    if not path.is_file():
        raise SessionError(
            "its fixations were not computed yet", place=reading.session, remedy="open it, or: ctgaze session process"
        )
    table = read_table(path)
    try:
        rows = table[table["trial"] == reading.trial]
        began_lsl = float((rows["onset_lsl"] - rows["onset_s"]).median()) if len(rows) else 0.0
        return PathBeside.of_reading(fixations_of(rows), began_lsl, start_lsl)
    except (KeyError, TypeError, ValueError) as error:
        raise SessionError(
            f"its fixations cannot be read: {error!r}", place=reading.session, remedy="run: ctgaze session process"
        ) from error


def _manifests_beside(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.parent.glob(f"*/{MANIFEST_NAME}") if path.parent != folder)
    return found[:MOST_SESSIONS]


def _sessions_beside(folder: Path) -> Iterator[tuple[Path, SessionManifest]]:
    for path in _manifests_beside(folder):
        try:
            yield path.parent, read_manifest(path.parent)
        except SessionError:
            continue


def _readings(folder: Path, manifest: SessionManifest, case: str, digest: str, but: int = 0) -> list[OtherReading]:
    """Closed readings of a case on a CT; an empty case or digest stands for any."""
    if manifest.state == "open":
        return []
    return [
        OtherReading(folder, manifest.session, manifest.reader, one.number, one.case, shown.shape_kji[0], shown.digest)
        for one in manifest.trials
        if case in ("", one.case) and one.number != but and one.state == "complete" and one.kind != "practice"
        if (index := predicted_series(manifest, one)) >= 0 and digest in ("", (shown := manifest.series[index]).digest)
    ]
