"""How long a 10-minute session of 1,200 Hz takes from raw file to tables. Budget: 2 s on one core.

Run: pytest tests/benchmarks/bench_processing.py --override-ini addopts= -s
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ctgaze_app.acquisition.xdf import read_xdf
from ctgaze_app.study.processing import process_session
from tests.factories.sessions import make_session


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _processor_seconds(work: Callable[[], Any]) -> float:
    """All threads together: what a machine that others use too does not stretch as much."""
    began = time.process_time()
    work()
    return time.process_time() - began


def test_processing_of_ten_minutes_at_1200_hz(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    written = make_session(folder, seconds=600.0, rate_hz=1200.0, noise_rms_s2s_deg=0.3, audio=False, slices=100)
    reading = min(_seconds(lambda: read_xdf(folder / "recording.xdf"))[0] for _ in range(3))
    runs = [_seconds(lambda: process_session(folder)) for _ in range(4)]
    first, best = runs[0][0], min(seconds for seconds, _ in runs)
    result = runs[0][1]
    processor = min(_processor_seconds(lambda: process_session(folder)) for _ in range(2))
    import pyxdf

    peer, _ = _seconds(lambda: pyxdf.load_xdf(folder / "recording.xdf"))
    size = (folder / "recording.xdf").stat().st_size / 1e6
    print(f"\n| {written.gaze_samples} samples, {size:.0f} MB | seconds |")
    print("|---|---|")
    print(f"| process_session, first run (imports included) | {first:.2f} |")
    print(f"| process_session, best of 4 | {best:.2f} |")
    print(f"| the same, processor time of all threads | {processor:.2f} |")
    print(f"| of it reading (ours) | {reading:.2f} |")
    print(f"| pyxdf.load_xdf, same file | {peer:.2f} |")
    print(f"| fixations, segments, saccades | {result.fixations}, {result.segments}, {result.saccades} |")
    assert result.gaze_samples == 720_000
