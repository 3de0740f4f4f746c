"""`ctgaze doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    wait_s: Annotated[float, typer.Option("--wait", min=0.1, max=30, help="Seconds to look for gaze streams.")] = 2.0,
) -> None:
    """Check screen, LSL, gaze streams, sound, predictions and disk; say what to do where something is missing.

    Example: ctgaze doctor --wait 5
    """
    from ctgaze_app.cli.checks import run_checks

    checks = run_checks(wait_s)
    if as_json:
        typer.echo(json.dumps({"checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            sign = {"ok": "ok  ", "warning": "note", "problem": "FAIL"}[check.state]
            typer.echo(
                f"{sign}  {check.what}: {check.finding}" + (f"\n      -> {check.remedy}" if check.remedy else "")
            )
    if any(check.state == "problem" for check in checks):
        raise typer.Exit(1)
