"""`ctgaze session ...`: make tables of a session, check it, and rescue it after a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ctgaze_app.cli.detector import Detector, preset_named
from ctgaze_app.cli.dwell_map import dwell_map
from ctgaze_app.cli.measure import measure
from ctgaze_app.cli.progress import progress_bar

app = typer.Typer(
    help="Process, measure, verify or salvage a recorded session.\n\nExample: ctgaze session verify my-session",
    no_args_is_help=True,
)

app.command(name="measure")(measure)
app.command(name="dwell-map")(dwell_map)

Folder = Annotated[Path, typer.Argument(metavar="SESSION", help="The session's folder, the one with session.json.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def process(folder: Folder, detector: Detector = None, as_json: AsJson = False) -> None:
    """Make the tables of gaze, fixations, dwell segments, saccades, blinks and quality anew from the raw files.

    The detector's parameters stand in derived/quality.json, beside how much the figures hang on them.

    Example: ctgaze session process my-study/sessions/r01_20260102T030405Z
    """
    from ctgaze_app.study.measuring import measures_are_stale
    from ctgaze_app.study.processing import process_session
    from ctgaze_app.study.sensitivity import parameters_in_force

    parameters = None if detector is None else preset_named(detector)
    with progress_bar("Processing", shown=not as_json) as report:
        result = process_session(folder, report, parameters=parameters)
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
        return
    typer.echo(
        f"{result.trials} trial{'s' * (result.trials != 1)}, {result.gaze_samples} gaze samples, "
        f"{result.fixations} fixations, {result.segments} dwell segments, by {parameters_in_force(folder).name}"
    )
    for problem in result.problems:
        typer.echo(f"note  {problem}")
    if measures_are_stale(folder):
        typer.echo(
            "note  the measures in derived/ are of the tables before: make them anew with ctgaze session measure"
        )


@app.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """Check that a session is whole: manifest, recordings, counters, sound, calibrations, tables.

    Exit code 1 when something is wrong; notes alone pass.

    Example: ctgaze session verify my-study/sessions/r01_20260102T030405Z
    """
    from ctgaze_app.study.verify import passes, verify_session

    with progress_bar("Verifying", shown=not as_json) as report:
        problems = verify_session(folder, report)
    passed = passes(problems)
    if as_json:
        typer.echo(json.dumps({"passed": passed, "problems": [problem.to_dict() for problem in problems]}))
    else:
        for problem in problems:
            sign = "FAIL" if problem.severity == "error" else "note"
            typer.echo(
                f"{sign}  {problem.where}: {problem.message}" + (f" ({problem.remedy})" if problem.remedy else "")
            )
        typer.echo("The session is whole." if passed else "The session has faults.")
    if not passed:
        raise typer.Exit(1)


@app.command()
def salvage(folder: Folder, as_json: AsJson = False) -> None:
    """Rescue a session that was cut off: close its recordings, repair and pack its sound, settle its manifest.

    Nothing that holds data is deleted; what does not fit is kept under salvage/. Running it again changes nothing.

    Example: ctgaze session salvage my-study/sessions/r01_20260102T030405Z
    """
    from ctgaze_app.study.salvage import salvage_session

    with progress_bar("Salvaging", shown=not as_json) as report:
        result = salvage_session(folder, report)
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
    else:
        for action in result.actions:
            typer.echo(f"done  {action}")
        for problem in result.problems:
            typer.echo(f"FAIL  {problem}")
        typer.echo("Nothing needed to be done." if not result.actions and not result.problems else result.sentence())
    if result.problems:
        raise typer.Exit(1)
