"""`ctgaze demo`: the whole main job with the built-in simulated tracker."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer


def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Run without a screen, driven by the script alone.")
    ] = False,
    case: Annotated[
        Path | None,
        typer.Option(
            "--case", metavar="PATH", help="Read this folder of a CT, or this picture, instead of the made-up chest."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="SESSION", help="New folder for the session [default: in your documents]."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=5, max=3600, help="Reading time after validation.")] = 30.0,
    tracker_rate: Annotated[
        float, typer.Option("--tracker-rate", metavar="HZ", min=30, max=2000, help="Rate of the simulated tracker.")
    ] = 250.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the script and the simulated eye.")] = 1,
    reader: Annotated[
        str,
        typer.Option("--reader", metavar="CODE", help="Of the simulated reader; compare needs two, with two seeds."),
    ] = "demo",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with the figures.")] = False,
) -> None:
    """Open a CT or a picture, calibrate, validate, read it under tracking, record, find fixations, replay.

    The eye is a simulated one.

    Example: ctgaze demo --headless --seconds 40 --out first-session --json
    """
    from ctgaze_app.study.session import CODE_PATTERN

    if re.fullmatch(CODE_PATTERN, reader) is None:
        raise typer.BadParameter("a code has letters, digits, _ and - only, at most 64", param_hint="--reader")
    from ctgaze_app.ui.demo.options import DemoOptions
    from ctgaze_app.ui.demo.runner import run_guided_demo, run_headless_demo

    options = DemoOptions(case=case, out=out, seconds=seconds, tracker_rate_hz=tracker_rate, seed=seed, reader=reader)

    def report(line: str) -> None:
        typer.echo(line, err=True)

    if not headless:
        raise typer.Exit(run_guided_demo(options, report))
    figures = run_headless_demo(options, report)
    if as_json:
        typer.echo(json.dumps(figures.as_json()))
    else:
        for name, value in figures.as_json().items():
            typer.echo(
                f"{name.replace('_', ' '):32s} {value:.3f}"
                if isinstance(value, float)
                else f"{name.replace('_', ' '):32s} {value}"
            )
