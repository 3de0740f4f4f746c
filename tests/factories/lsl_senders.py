"""Senders of LSL streams in processes of their own, for tests of whatever receives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SENDER = """
import json, sys, time
import numpy as np
from ctgaze_app.acquisition.clock import local_clock, lsl
o = json.loads(sys.argv[1])
pylsl = lsl()
info = pylsl.StreamInfo(o["name"], o["type"], o["channels"], o["rate"], "double64", o["source_id"])
info.set_channel_labels([f"c{i}" for i in range(o["channels"] - 1)] + ["FrameNumber"])
info.desc().append_child("synchronization").append_child_value("can_drop_samples", "true")
outlet = pylsl.StreamOutlet(info)
sys.stdout.write("up\\n"); sys.stdout.flush()
start, sent, chunk = local_clock(), 0, o["chunk"]
while o["samples"] is None or sent < o["samples"]:
    due = int((local_clock() - start) * o["rate"]) // chunk * chunk
    while sent < due:
        frames = np.arange(sent, sent + chunk, dtype=float)
        data = np.zeros((chunk, o["channels"]))
        data[:, 0] = np.sin(frames)
        data[:, -1] = frames
        stamp = start + frames[-1] / o["rate"]
        if chunk == 1:
            outlet.push_sample(data[0], stamp)
        else:
            outlet.push_chunk(data, stamp)
        sent += chunk
    time.sleep(0.002 if chunk > 1 else 0.001)
time.sleep(600)
"""


@contextmanager
def gaze_sender(
    source_id: str,
    *,
    name: str = "Test Gaze",
    rate_hz: float = 2000.0,
    channels: int = 10,
    chunk: int = 10,
    samples: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A running sender; frame n is stamped start + n / rate, its last channel `FrameNumber` counts from 0."""
    options = {
        "name": name,
        "type": "Gaze",
        "source_id": source_id,
        "rate": rate_hz,
        "channels": channels,
        "chunk": chunk,
        "samples": samples,
    }
    process = subprocess.Popen([sys.executable, "-c", _SENDER, json.dumps(options)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        process.wait(10.0)
        if process.stdout is not None:
            process.stdout.close()
