"""What the built-in trackers can be told, validated once, and the same as arguments for a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from calibration.geometry import ScreenGeometry

TrackerKind = Literal["simulate", "mouse", "replay"]


class TrackerOptions(BaseModel):
    """What every built-in tracker has: the monitor it pretends to look at, and when it ends."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    width_px: int = Field(default=1920, ge=1, le=100_000)
    height_px: int = Field(default=1080, ge=1, le=100_000)
    width_mm: float = Field(default=528.0, gt=0)
    height_mm: float = Field(default=297.0, gt=0)
    distance_mm: float = Field(default=650.0, gt=0)
    device_pixel_ratio: float = Field(default=1.0, gt=0)
    number: int | None = Field(default=None, ge=1, description="the n of the stream's name; default the first free one")
    seconds: float | None = Field(default=None, gt=0, description="end after this time")
    stop_on_eof: bool = Field(default=False, description='end at end of stdin or a line {"cmd": "stop"}')

    @property
    def geometry(self) -> ScreenGeometry:
        """The monitor and the distance."""
        return ScreenGeometry(self.width_px, self.height_px, self.width_mm, self.height_mm, self.distance_mm)

    def to_arguments(self) -> list[str]:
        """The command line that gives these options to `ctgaze tracker`, without the command."""
        arguments = [
            f"--screen={self.width_px}x{self.height_px}",
            f"--screen-mm={self.width_mm!r}x{self.height_mm!r}",
            f"--distance={self.distance_mm!r}",
            f"--pixel-ratio={self.device_pixel_ratio!r}",
        ]
        if self.number is not None:
            arguments.append(f"--number={self.number}")
        if self.seconds is not None:
            arguments.append(f"--seconds={self.seconds!r}")
        if self.stop_on_eof:
            arguments.append("--stop-on-eof")
        return arguments


class SimulatedTrackerOptions(TrackerOptions):
    """A simulated reader before a simulated tracker.

    `noise_rms_s2s_deg` is the RMS sample-to-sample distance of each eye; a sample's stamp lags the eye by `latency_s`;
    `dropouts_per_minute` spells of `dropout_s` arrive as invalid samples; `lost_sample_fraction` of the frames are
    never sent; `distortion` scales the fixed error that calibration must undo (0 none, 1 at least 1.5 degrees). With
    `free_viewing` the reader explores the image when a trial has run for 2 s without any `scripted_gaze`.
    """

    rate_hz: float = Field(default=300.0, ge=30, le=2000)
    noise_rms_s2s_deg: float = Field(default=0.1, ge=0, le=10)
    latency_s: float = Field(default=0.008, ge=0, le=1)
    dropouts_per_minute: float = Field(default=0.0, ge=0, le=600)
    dropout_s: float = Field(default=0.15, gt=0, le=10)
    lost_sample_fraction: float = Field(default=0.0, ge=0, lt=1)
    distortion: float = Field(default=1.0, ge=0, le=10)
    blink_rate_hz: float = Field(default=0.2, ge=0, le=2)
    free_viewing: bool = True
    seed: int = Field(default=0, ge=0)
    truth: Path | None = Field(default=None, description="folder for what the eye truly did")
    markers_source_id: str = Field(default="", description="follow this marker stream only; empty: any in the session")
    view_source_id: str = Field(default="", description="follow this view stream only; empty: any in the session")

    def to_arguments(self) -> list[str]:
        """See `TrackerOptions.to_arguments`."""
        arguments = [
            *super().to_arguments(),
            f"--rate={self.rate_hz!r}",
            f"--noise={self.noise_rms_s2s_deg!r}",
            f"--latency-ms={self.latency_s * 1000!r}",
            f"--dropouts-per-minute={self.dropouts_per_minute!r}",
            f"--dropout-ms={self.dropout_s * 1000!r}",
            f"--lost-samples={self.lost_sample_fraction!r}",
            f"--distortion={self.distortion!r}",
            f"--blinks-per-minute={self.blink_rate_hz * 60!r}",
            "--free-viewing" if self.free_viewing else "--no-free-viewing",
            f"--seed={self.seed}",
        ]
        if self.truth is not None:
            arguments.append(f"--truth={self.truth}")
        if self.markers_source_id:
            arguments.append(f"--markers={self.markers_source_id}")
        if self.view_source_id:
            arguments.append(f"--views={self.view_source_id}")
        return arguments


class MouseTrackerOptions(TrackerOptions):
    """The mouse pointer as gaze; `origin_px` is where the tracked monitor's corner lies on the whole desktop."""

    rate_hz: float = Field(default=120.0, ge=30, le=2000)
    noise_rms_s2s_deg: float = Field(default=0.1, ge=0, le=10)
    seed: int = Field(default=0, ge=0)
    origin_px: tuple[int, int] = (0, 0)

    def to_arguments(self) -> list[str]:
        """See `TrackerOptions.to_arguments`."""
        return [
            "--mouse",
            *super().to_arguments(),
            f"--rate={self.rate_hz!r}",
            f"--noise={self.noise_rms_s2s_deg!r}",
            f"--seed={self.seed}",
            f"--origin={self.origin_px[0]},{self.origin_px[1]}",
        ]


class ReplayOptions(TrackerOptions):
    """A recorded file as a live stream; the monitor is the one of the recording."""

    path: Path
    loop: bool = False

    def to_arguments(self) -> list[str]:
        """See `TrackerOptions.to_arguments`."""
        return [str(self.path), *super().to_arguments(), *(["--loop"] if self.loop else [])]
