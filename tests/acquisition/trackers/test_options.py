"""Options of the built-in trackers survive the way through a command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ctgaze_app.acquisition.trackers.options import (
    MouseTrackerOptions,
    ReplayOptions,
    SimulatedTrackerOptions,
    TrackerOptions,
)

MONITOR: dict[str, Any] = {
    "width_px": 2560,
    "height_px": 1600,
    "width_mm": 600.5,
    "height_mm": 340.25,
    "distance_mm": 700.0,
    "device_pixel_ratio": 1.5,
    "number": 4,
    "seconds": 12.5,
    "stop_on_eof": True,
}


@pytest.mark.parametrize(
    ("command", "runner", "options"),
    [
        ("simulate", "simulate.run_simulated_tracker", SimulatedTrackerOptions()),
        (
            "simulate",
            "simulate.run_simulated_tracker",
            SimulatedTrackerOptions(
                **MONITOR,
                rate_hz=1234.5,
                noise_rms_s2s_deg=0.3,
                latency_s=0.25,
                dropouts_per_minute=3.0,
                dropout_s=0.5,
                lost_sample_fraction=0.125,
                distortion=0.5,
                blink_rate_hz=0.0,
                free_viewing=False,
                seed=7,
                truth=Path("a folder"),
                markers_source_id="m",
                view_source_id="v",
            ),
        ),
        (
            "simulate",
            "mouse.run_mouse_tracker",
            MouseTrackerOptions(**MONITOR, rate_hz=60, origin_px=(-1920, 30), seed=2),
        ),
        ("replay", "replay.run_replay", ReplayOptions(**MONITOR, path=Path("some file.tsv"), loop=True)),
    ],
)
def test_options_survive_the_command_line(
    command: str, runner: str, options: TrackerOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from ctgaze_app.cli import tracker

    received: list[TrackerOptions] = []
    monkeypatch.setattr(f"ctgaze_app.acquisition.trackers.{runner}", lambda given, report: received.append(given))
    result = CliRunner().invoke(tracker.app, [command, *options.to_arguments()])
    assert result.exit_code == 0, result.output
    assert received == [options]


@pytest.mark.parametrize(
    "bad",
    [{"rate_hz": 29}, {"rate_hz": 2001}, {"latency_s": -0.1}, {"width_px": 0}, {"distance_mm": float("nan")}, {"x": 1}],
)
def test_impossible_options_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SimulatedTrackerOptions(**bad)
