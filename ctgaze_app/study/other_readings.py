"""Further closed readings of a trial's case in the same folder of sessions: what a ceiling is made of."""

from __future__ import annotations

from pathlib import Path

from ctgaze_app.errors import SessionError
from ctgaze_app.study.predictions import predicted_series
from ctgaze_app.study.session import MANIFEST_NAME, SessionManifest, TrialRecord, read_manifest

MOST_READINGS = 3
MOST_SESSIONS = 200


def other_readings(folder: Path, manifest: SessionManifest, trial: TrialRecord) -> list[str]:
    """Up to `MOST_READINGS` sources ``folder:trial`` of the same case and the same CT, by other readers first.

    Practice, running trials and sessions that are not closed are left out, and sessions that cannot be read.
    """
    series = predicted_series(manifest, trial)
    if series < 0:
        return []
    digest = manifest.series[series].digest
    found = _readings(folder, manifest, trial.case, digest, but=trial.number)
    beside = sorted(path for path in folder.parent.glob(f"*/{MANIFEST_NAME}") if path.parent != folder)
    others: list[str] = []
    for path in beside[:MOST_SESSIONS]:
        try:
            other = read_manifest(path.parent)
        except SessionError:
            continue
        readings = _readings(path.parent, other, trial.case, digest)
        if other.reader == manifest.reader:
            found += readings
        else:
            others += readings
    return [*others, *found][:MOST_READINGS]


def _readings(folder: Path, manifest: SessionManifest, case: str, digest: str, but: int = 0) -> list[str]:
    if manifest.state == "open":
        return []
    return [
        f"{folder}:{one.number}"
        for one in manifest.trials
        if one.case == case and one.number != but and one.state == "complete" and one.kind != "practice"
        if (index := predicted_series(manifest, one)) >= 0 and manifest.series[index].digest == digest
    ]
