"""Kills the whole demo, every process at once, at random moments, and tells what salvaging brings back.

What was sent is known from a log that the demo writes as it sends, and the moment of the kill from the same clock, so
nothing of the recording's own is trusted to tell the loss.

Usage: python -m tests.journeys.chaos --runs 20 --seed 1
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ctgaze_app.acquisition.clock import local_clock
from tests.factories.dicom_series import write_series

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 12.0
SPAN_S = 28.0
"""From the recording's first byte to a little after the trial's end."""
CLOSING_S = 2.5
LAST_SECOND_S = 1.0
AT_ONCE = 2
START_LIMIT_S = 60.0


@dataclass
class Outcome:
    """One kill. Losses in seconds before the kill (or before the end of what was to be recorded); None: not begun."""

    run: int
    aim: str
    stage: str = ""
    gaze_lost_s: float | None = None
    views_lost_s: float | None = None
    markers_lost_s: float | None = None
    sound_lost_s: float | None = None
    salvage_code: int | None = None
    verify_code: int | None = None
    process_code: int | None = None
    faults: list[str] = field(default_factory=list)


def kill_everything(process: subprocess.Popen[Any]) -> float:
    """Kill a process and all that it started, at once where the system can; returns the LSL time before it."""
    if sys.platform != "win32":
        moment = local_clock()
        os.killpg(process.pid, signal.SIGKILL)
    else:
        # Children first: a recorder that outlives the application would close in order.
        family = psutil.Process(process.pid).children(recursive=True)
        moment = local_clock()
        for child in family:
            child.kill()
        process.kill()
    process.wait(10.0)
    return moment


def read_log(path: Path) -> list[dict[str, Any]]:
    """Every whole line of a demo's log."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def ctgaze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "ctgaze_app", *arguments],
        capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
    )  # fmt: skip


def one_run(run: int, seed: int, case: Path, folder: Path) -> Outcome:
    """Start, kill, salvage, compare."""
    choice = random.Random(f"{seed}-{run}")
    closing = run % 4 == 3
    wait_s = choice.uniform(0.0, CLOSING_S if closing else SPAN_S)
    outcome = Outcome(run, f"{'closing' if closing else 'recording'} + {wait_s:.2f} s")
    session, log = folder / f"session_{run}", folder / f"log_{run}.jsonl"
    with (folder / f"errors_{run}.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.logged_demo", str(case), str(session), str(log), str(SECONDS)],
            stdout=subprocess.DEVNULL, stderr=errors, cwd=ROOT, start_new_session=True,
        )  # fmt: skip
        limit = time.monotonic() + START_LIMIT_S

        def begun() -> bool:
            if closing:
                return any(entry.get("stage") == "closing" for entry in read_log(log))
            return (session / "recording.xdf").exists()

        while not begun() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        time.sleep(wait_s)
        ended = process.poll() is not None
        killed_lsl = kill_everything(process) if not ended else local_clock()
    if ended and not (session / "session.json").exists():
        said = (folder / f"errors_{run}.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        outcome.stage = "never recorded"
        outcome.faults.append(f"the demo ended by itself: {said[-1] if said else 'silently'}")
        return outcome
    entries = read_log(log)
    outcome.stage = outcome.stage or next((e["stage"] for e in reversed(entries) if e["kind"] == "stage"), "none")
    _rescue(session, entries, outcome)
    if outcome.salvage_code == 0:
        _compare(session, entries, killed_lsl, outcome)
    return outcome


def _rescue(session: Path, entries: list[dict[str, Any]], outcome: Outcome) -> None:
    salvaged = ctgaze("session", "salvage", str(session))
    outcome.salvage_code = salvaged.returncode
    if salvaged.returncode:
        outcome.faults.append(f"salvage: {(salvaged.stdout + salvaged.stderr)[-300:]}")
        return
    before = {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}
    again = ctgaze("session", "salvage", str(session))
    after = {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}
    if again.returncode or before != after or "Nothing needed" not in again.stdout:
        outcome.faults.append(f"second salvage: {again.stdout[-200:]}")
    verified = ctgaze("session", "verify", str(session))
    outcome.verify_code = verified.returncode
    if verified.returncode:
        outcome.faults.append(f"verify: {verified.stdout[-300:]}")
    if any(entry.get("event") == "trial_start" for entry in entries):
        processed = ctgaze("session", "process", str(session))
        outcome.process_code = processed.returncode
        if processed.returncode:
            outcome.faults.append(f"process: {processed.stderr[-300:]}")


def _compare(session: Path, entries: list[dict[str, Any]], killed_lsl: float, outcome: Outcome) -> None:
    from ctgaze_app.acquisition.xdf import read_xdf
    from ctgaze_app.study.raw_session import gaze_stream
    from ctgaze_app.study.session import read_manifest

    manifest = read_manifest(session)
    markers = [entry for entry in entries if entry["kind"] == "marker"]
    begun = [entry["lsl"] for entry in markers if entry["event"] == "session_start"]
    if not begun:
        return  # the recorder had not said yet that it records
    end_lsl = min([killed_lsl, *(entry["lsl"] for entry in markers if entry["event"] == "session_end")])
    recording = read_xdf(session / "recording.xdf")
    gaze = gaze_stream(recording, manifest)
    last = float(gaze.time_raw.max()) if gaze is not None and len(gaze.time_raw) else begun[0]
    outcome.gaze_lost_s = max(0.0, end_lsl - last)
    for kind, name in (("view", "CTGaze View"), ("marker", "CTGaze Markers")):
        got = {round(float(stamp), 6) for stream in recording.find(name=name) for stamp in stream.time_raw}
        missing = [
            entry["lsl"]
            for entry in entries
            if entry["kind"] == kind and begun[0] <= entry["lsl"] <= end_lsl and round(entry["lsl"], 6) not in got
        ]
        setattr(outcome, f"{kind}s_lost_s", end_lsl - min(missing) if missing else 0.0)
    outcome.sound_lost_s = _sound_lost_s(session, markers, killed_lsl)
    for name in ("gaze", "views", "markers", "sound"):
        lost = getattr(outcome, f"{name}_lost_s")
        if lost is not None and lost > LAST_SECOND_S:
            outcome.faults.append(f"{name}: {lost:.2f} s lost")


def _sound_lost_s(session: Path, markers: list[dict[str, Any]], killed_lsl: float) -> float | None:
    import soundfile

    starts = [entry["lsl"] for entry in markers if entry["event"] == "trial_start"]
    if not starts:
        return None
    end_lsl = min([killed_lsl, *(entry["lsl"] for entry in markers if entry["event"] == "trial_end")])
    told = [entry["fields"]["first_frame_lsl"] for entry in markers if entry["event"] == "audio_start"]
    first_lsl = told[0] if told else starts[0]
    files = [path for path in (session / "dictation").iterdir() if path.suffix in {".flac", ".wav"}]
    held_s = sum(soundfile.info(path).duration for path in files)
    return max(0.0, end_lsl - first_lsl - held_s)


def run_all(runs: list[int], seed: int, folder: Path) -> list[Outcome]:
    """Run these numbers, two at a time."""
    case = folder / "case"
    case.mkdir()
    write_series(case, slices=30, rows=64, columns=64)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda run: one_run(run, seed, case, folder), runs))


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Worst figures and faults."""
    names = ("gaze_lost_s", "views_lost_s", "markers_lost_s", "sound_lost_s")
    worst = {
        f"worst_{name}": max((value for o in outcomes if (value := getattr(o, name)) is not None), default=None)
        for name in names
    }
    return {"runs": len(outcomes), **worst, "faults": sum(bool(outcome.faults) for outcome in outcomes)}


def main() -> int:
    """Print one JSON object a run and a last one with the worst figures; 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="new folder for the sessions [default: a temporary one]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ctgaze_chaos_") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = run_all(list(range(options.runs)), options.seed, folder)
    for outcome in outcomes:
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
    sys.stdout.write(json.dumps(summary(outcomes)) + "\n")
    return 1 if any(outcome.faults for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
