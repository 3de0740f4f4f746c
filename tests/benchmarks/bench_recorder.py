"""Recorder load: 4 gaze streams of 2,000 Hz, views and sound; CPU share of one core, losses, memory growth.

Run ``python -m tests.benchmarks.bench_recorder [--seconds 600]``. Budgets: no sample lost, constant memory, under 25 %
of one core with senders that push chunks of 10, under 40 % sample by sample. The peer is a process that only receives
the same streams by LSL and throws them away: what is above it is ours.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import soundfile

from ctgaze_app.acquisition.clock import local_clock, new_session_id
from ctgaze_app.acquisition.microphone import AudioSource
from ctgaze_app.acquisition.recorder import RecorderConfig, RecorderProcess, StreamChoice
from ctgaze_app.acquisition.streams import MarkerOutlet, ViewOutlet
from ctgaze_app.acquisition.xdf import read_xdf
from ctgaze_app.gaze.views import PaintedView
from tests.factories.lsl_senders import gaze_sender

STREAMS = 4
RATE_HZ = 2000.0
VIEWS_PER_S = 30.0
BUDGET = {10: 25.0, 1: 40.0}

_PEER = """
import sys, time
import numpy as np
from ctgaze_app.acquisition.clock import lsl
inlets = []
for source_id in sys.argv[1:]:
    found = lsl().resolve_byprop("source_id", source_id, 1, 10.0)
    inlets.append(lsl().StreamInlet(found[0]))
    inlets[-1].open_stream(5.0)
buffer = np.empty((4096, 10))
sys.stdout.write("up\\n"); sys.stdout.flush()
while True:
    for inlet in inlets:
        while len(inlet.pull_chunk(0.0, 4096, dest_obj=buffer, as_numpy=True)[1]) == 4096:
            pass
    time.sleep(0.05)
"""


READY_WITHIN_S = 30.0


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of a process so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def paint(views: ViewOutlet, stopping: threading.Event) -> None:
    """Publish scrolling views until told to stop."""
    number = 0
    while not stopping.wait(1.0 / VIEWS_PER_S):
        number += 1
        view = PaintedView(number, 1, 0, 0, 0, number % 300, 40.0, 400.0, (0.0, 0.0, 1600.0, 1600.0), np.eye(3), True)
        views.push(view, local_clock())


def measure(chunk: int, seconds: float, folder: Path) -> dict[str, float]:
    """One run; CPU in per cent of one core, memory in MB."""
    (folder / "dictation").mkdir(parents=True)
    sound = folder / "sound.wav"
    noise = np.random.default_rng(0).normal(0, 3000, size=round(16_000 * min(seconds + 20, 120)))
    soundfile.write(sound, noise.astype(np.int16), 16_000)
    markers, views = MarkerOutlet(), ViewOutlet()
    stopping = threading.Event()
    painter = threading.Thread(target=paint, args=(views, stopping))
    sources = [f"bench-{uuid.uuid4().hex[:8]}" for _ in range(STREAMS)]
    with ExitStack() as stack:
        for number, source in enumerate(sources):
            stack.enter_context(gaze_sender(source, name=f"Gaze {number}", rate_hz=RATE_HZ, chunk=chunk))
        choices = [StreamChoice(name=f"Gaze {n}", type="Gaze", source_id=source) for n, source in enumerate(sources)]
        choices.append(StreamChoice(name=views.name, type="View", source_id=views.source_id))
        choices.append(StreamChoice(name=markers.name, type="Markers", source_id=markers.source_id))
        recorder = RecorderProcess()
        recorder.start(
            RecorderConfig(
                xdf_path=folder / "recording.xdf",
                dictation_folder=folder / "dictation",
                streams=choices,
                audio=AudioSource(kind="file", name=str(sound)),
            )
        )
        painter.start()
        give_up = time.monotonic() + READY_WITHIN_S
        while not recorder.ready:
            if time.monotonic() > give_up:
                raise SystemExit(f"the recorder was not ready within {READY_WITHIN_S:g} s; are other sessions running?")
            recorder.poll()
            time.sleep(0.05)
        start = markers.push("trial_start", trial=1, dictation="1_bench")
        time.sleep(2.0)
        process = psutil.Process(recorder.pid)
        before, began, memory = cpu_seconds(process), time.monotonic(), process.memory_info().rss
        deadline = began + seconds
        while time.monotonic() < deadline:
            recorder.poll()
            time.sleep(0.1)
        share = 100 * (cpu_seconds(process) - before) / (time.monotonic() - began)
        growth = (process.memory_info().rss - memory) / 1e6
        end = markers.push("session_end")
        recorder.stop(end)
        while recorder.alive:
            recorder.poll()
            time.sleep(0.02)
        stopping.set()
        painter.join()
        peer = subprocess.Popen([sys.executable, "-c", _PEER, *sources], stdout=subprocess.PIPE, text=True)
        assert peer.stdout is not None and peer.stdout.readline() == "up\n"
        time.sleep(1.0)
        peer_process = psutil.Process(peer.pid)
        before, began = cpu_seconds(peer_process), time.monotonic()
        time.sleep(min(seconds, 10.0))
        peer_share = 100 * (cpu_seconds(peer_process) - before) / (time.monotonic() - began)
        peer.kill()
        peer.wait()
        peer.stdout.close()
    markers.close()
    views.close()
    recording = read_xdf(folder / "recording.xdf")
    lost = received = 0
    for source in sources:
        (stream,) = recording.find(source_id=source)
        frames = stream.numbers[(stream.time_raw >= start) & (stream.time_raw <= end), -1]
        lost += int(frames[-1] - frames[0]) + 1 - len(frames)
        received += len(frames)
    return {
        "share": share,
        "peer_share": peer_share,
        "received": received,
        "lost": lost,
        "growth_mb": growth,
        "file_mb": (folder / "recording.xdf").stat().st_size / 1e6,
    }


def main() -> int:
    """Print one table; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    os.environ["CTGAZE_LSL_SESSION"] = new_session_id()
    failed = False
    print(f"{STREAMS} x {RATE_HZ:.0f} Hz x 10 channels, {VIEWS_PER_S:.0f} views/s, sound; {options.seconds:.0f} s")
    titles = ("chunk", "CPU %", "budget", "LSL alone %", "samples", "lost", "MB grown", "MB file")
    print("{:>5} {:>7} {:>7} {:>12} {:>10} {:>5} {:>9} {:>8}".format(*titles))
    for chunk, budget in BUDGET.items():
        with tempfile.TemporaryDirectory() as folder:
            run = measure(chunk, options.seconds, Path(folder) / "run")
        failed |= run["share"] > budget or run["lost"] > 0
        print(
            f"{chunk:5d} {run['share']:7.1f} {budget:7.1f} {run['peer_share']:12.1f} {run['received']:10.0f} "
            f"{run['lost']:5.0f} {run['growth_mb']:9.1f} {run['file_mb']:8.1f}"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
