"""`ctgaze tracker ...`: gaze streams that are here, and the built-in trackers."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from ctgaze_app.acquisition.trackers.control import Report

app = typer.Typer(help="Gaze streams and built-in trackers.\n\nExample: ctgaze tracker list", no_args_is_help=True)
_Options = TypeVar("_Options", bound=BaseModel)

Screen = Annotated[str, typer.Option("--screen", metavar="WxH", help="The tracked monitor in physical pixels.")]
ScreenMm = Annotated[str, typer.Option("--screen-mm", metavar="WxH", help="The tracked monitor in millimetres.")]
Distance = Annotated[float, typer.Option("--distance", metavar="MM", min=1, help="From the eye to the monitor.")]
PixelRatio = Annotated[float, typer.Option("--pixel-ratio", min=0.1, help="Physical pixels a logical pixel.")]
Number = Annotated[int | None, typer.Option("--number", min=1, help="In the stream's name [default: first free].")]
Seconds = Annotated[float | None, typer.Option("--seconds", metavar="S", help="End after this time.")]
StopOnEof = Annotated[bool, typer.Option("--stop-on-eof", help='End at the end of input or a line {"cmd": "stop"}.')]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(name="list")
def list_streams(
    wait: Annotated[float, typer.Option("--wait", metavar="S", min=0.1, max=60, help="How long to look.")] = 1.5,
    as_json: AsJson = False,
) -> None:
    """Show the gaze streams on this machine and how their channels would be read.

    Example: ctgaze tracker list --json
    """
    from ctgaze_app.acquisition.dialects import guess_layout
    from ctgaze_app.acquisition.inlet import list_gaze_streams, require_streams
    from ctgaze_app.errors import StreamError

    rows = []
    for stream in require_streams(list_gaze_streams(wait)):
        row: dict[str, Any] = {
            "name": stream.name,
            "source_id": stream.source_id,
            "hostname": stream.hostname,
            "rate_hz": stream.rate_hz,
            "channels": stream.channel_count,
        }
        try:
            layout = guess_layout(stream.info_xml, None, None)
            row |= {
                "dialect": layout.dialect,
                "unit": layout.unit,
                "eyes": sorted(layout.eyes),
                "warnings": layout.warnings,
            }
        except StreamError as error:
            row |= {"problem": str(error)}
        rows.append(row)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        reading = row.get("problem") or f"{row['dialect']}, {row['unit']}, {' and '.join(row['eyes'])}"
        typer.echo(f"{row['name']}  {row['rate_hz']:g} Hz  {row['hostname']}  {row['source_id']}  {reading}")
        for warning in row.get("warnings", []):
            typer.echo(f"    {warning}")


@app.command()
def simulate(
    mouse: Annotated[bool, typer.Option("--mouse", help="The mouse pointer is the eye.")] = False,
    rate: Annotated[float, typer.Option("--rate", metavar="HZ", min=30, max=2000, help="Samples a second.")] = 300.0,
    noise: Annotated[
        float, typer.Option("--noise", metavar="DEG", min=0, max=10, help="RMS sample to sample, degrees.")
    ] = 0.1,
    latency_ms: Annotated[
        float, typer.Option("--latency-ms", min=0, max=1000, help="How much a sample's stamp lags the eye.")
    ] = 8.0,
    dropouts_per_minute: Annotated[float, typer.Option("--dropouts-per-minute", min=0, max=600)] = 0.0,
    dropout_ms: Annotated[float, typer.Option("--dropout-ms", min=1, max=10_000, help="Mean length of one.")] = 150.0,
    lost_samples: Annotated[
        float, typer.Option("--lost-samples", metavar="SHARE", min=0, max=0.99, help="Share of frames never sent.")
    ] = 0.0,
    distortion: Annotated[
        float, typer.Option("--distortion", min=0, max=10, help="0 none, 1 the error that calibration must undo.")
    ] = 1.0,
    blinks_per_minute: Annotated[float, typer.Option("--blinks-per-minute", min=0, max=120)] = 12.0,
    free_viewing: Annotated[
        bool, typer.Option("--free-viewing/--no-free-viewing", help="Explore the image when no script leads the eye.")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="DIR", help="Write what the eye truly did into this new folder.")
    ] = None,
    markers: Annotated[str, typer.Option("--markers", metavar="SOURCE_ID", help="Follow these markers only.")] = "",
    views: Annotated[str, typer.Option("--views", metavar="SOURCE_ID", help="Follow this view stream only.")] = "",
    screen: Screen = "1920x1080",
    screen_mm: ScreenMm = "528x297",
    distance: Distance = 650.0,
    pixel_ratio: PixelRatio = 1.0,
    origin: Annotated[
        str, typer.Option("--origin", metavar="X,Y", help="With --mouse: the monitor's corner on the desktop, pixels.")
    ] = "0,0",
    number: Number = None,
    seconds: Seconds = None,
    stop_on_eof: StopOnEof = False,
    as_json: AsJson = False,
) -> None:
    """Stream a simulated reader's eye, or the mouse, over LSL until Ctrl+C.

    Example: ctgaze tracker simulate --rate 600 --noise 0.3 --truth truth
    """
    shared = _shared_options(screen, screen_mm, distance, pixel_ratio, number, seconds, stop_on_eof)
    shared |= {"rate_hz": rate, "noise_rms_s2s_deg": noise, "seed": seed}
    if mouse:
        from ctgaze_app.acquisition.trackers.mouse import run_mouse_tracker
        from ctgaze_app.acquisition.trackers.options import MouseTrackerOptions

        mouse_options = _checked(MouseTrackerOptions, {**shared, "origin_px": _pair(origin, ",", "--origin", int)})
        _run(lambda report: run_mouse_tracker(mouse_options, report), as_json, stop_on_eof)
        return
    from ctgaze_app.acquisition.trackers.options import SimulatedTrackerOptions
    from ctgaze_app.acquisition.trackers.simulate import run_simulated_tracker

    options = _checked(
        SimulatedTrackerOptions,
        {
            **shared,
            "latency_s": latency_ms / 1000,
            "dropouts_per_minute": dropouts_per_minute,
            "dropout_s": dropout_ms / 1000,
            "lost_sample_fraction": lost_samples,
            "distortion": distortion,
            "blink_rate_hz": blinks_per_minute / 60,
            "free_viewing": free_viewing,
            "truth": truth,
            "markers_source_id": markers,
            "view_source_id": views,
        },
    )
    _run(lambda report: run_simulated_tracker(options, report), as_json, stop_on_eof)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording in the ETDQualitizer format (.tsv).")],
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at its end.")] = False,
    screen: Screen = "1920x1080",
    screen_mm: ScreenMm = "528x297",
    distance: Distance = 650.0,
    pixel_ratio: PixelRatio = 1.0,
    number: Number = None,
    seconds: Seconds = None,
    stop_on_eof: StopOnEof = False,
    as_json: AsJson = False,
) -> None:
    """Stream a real recording over LSL at its own rate.

    Example: ctgaze tracker replay Tobii_Spectrum_1200Hz.tsv --loop
    """
    from ctgaze_app.acquisition.trackers.options import ReplayOptions
    from ctgaze_app.acquisition.trackers.replay import run_replay

    shared = _shared_options(screen, screen_mm, distance, pixel_ratio, number, seconds, stop_on_eof)
    options = _checked(ReplayOptions, {**shared, "path": file, "loop": loop})
    _run(lambda report: run_replay(options, report), as_json, stop_on_eof)


def _run(tracker: Callable[[Report], None], as_json: bool, stop_on_eof: bool) -> None:
    def say(state: dict[str, Any]) -> None:
        typer.echo(json.dumps(state) if as_json else _in_words(state))

    if stop_on_eof:
        # Ctrl+C reaches every process in a terminal; one that was started by the application is ended by it, in order.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    tracker(say)


def _in_words(state: dict[str, Any]) -> str:
    if state["state"] == "ready":
        return f"sending {state['name']} ({state['source_id']})"
    if state["state"] == "following":
        return f"following {state['stream']}"
    return f"sent {state['frames']} frames"


def _shared_options(
    screen: str,
    screen_mm: str,
    distance: float,
    pixel_ratio: float,
    number: int | None,
    seconds: float | None,
    stop_on_eof: bool,
) -> dict[str, Any]:
    width_px, height_px = _pair(screen, "x", "--screen", int)
    width_mm, height_mm = _pair(screen_mm, "x", "--screen-mm", float)
    return {
        "width_px": width_px,
        "height_px": height_px,
        "width_mm": width_mm,
        "height_mm": height_mm,
        "distance_mm": distance,
        "device_pixel_ratio": pixel_ratio,
        "number": number,
        "seconds": seconds,
        "stop_on_eof": stop_on_eof,
    }


def _pair(text: str, separator: str, option: str, kind: Callable[[str], float]) -> tuple[float, float]:
    try:
        first, second = (kind(part) for part in text.lower().split(separator))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not two numbers with {separator!r} between", param_hint=option
        ) from error
    return first, second


def _checked(kind: type[_Options], values: dict[str, Any]) -> _Options:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
