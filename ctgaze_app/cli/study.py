"""`ctgaze study ...`: work on all sessions of a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ctgaze_app.cli.detector import Detector, preset_named
from ctgaze_app.cli.measure import OrganChoice
from ctgaze_app.cli.progress import progress_bar

app = typer.Typer(
    help="Work on all sessions of a study.\n\nExample: ctgaze study process my-study", no_args_is_help=True
)


@app.callback()
def study() -> None:
    """Work on all sessions of a study."""


@app.command()
def process(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="A study, or a folder of session folders.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the table goes; by default derived/ in the study.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="Sessions at a time; by default one a core.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers see the same folders."),
    ] = None,
    measures: Annotated[
        OrganChoice | None,
        typer.Option("--measures", help="Make reading measures too, with the coverage of this organ."),
    ] = None,
    detector: Detector = None,
    again: Annotated[bool, typer.Option("--again", help="Process also what has not changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make the tables of every session and one table of all.

    Writes fixations.csv and fixations.parquet; with --measures also measures.csv and measures.parquet, a row a trial;
    beside them columns.toml and measure_columns.toml, what every column means. Sessions whose tables are up to date
    are left as they are, so a stopped run goes on where it was. Exit code 1 when a session failed; the others are in
    the table.

    Example: ctgaze study process my-study --processes 8
    """
    from ctgaze_app.study.many_sessions import (
        find_sessions,
        one_table,
        process_sessions,
        study_detectors,
        study_notes,
        write_meanings,
        write_table,
    )

    folders = find_sessions(folder)
    with progress_bar("Processing", shown=not as_json) as report:
        outcomes = process_sessions(
            folders,
            again=again,
            measures=None if measures is None else measures.value,
            parameters=None if detector is None else preset_named(detector),
            processes=processes,
            scheduler=scheduler,
            progress=report,
        )
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    table = None
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    if len(failed) < len(outcomes):
        table = one_table(outcomes)
        files = write_table(table, out or folder / "derived")
        if measures is not None:
            files += write_table(one_table(outcomes, "measures"), out or folder / "derived", "measures")
        write_meanings(outcomes, out or folder / "derived")
        notes = study_notes(outcomes, measured=measures is not None)
    if as_json:
        record = {
            "sessions": [outcome.to_dict() for outcome in outcomes],
            "fixations": 0 if table is None else len(table),
            "files": [path.name for path in files],
            "notes": list(notes),
        }
        typer.echo(json.dumps(record))
    else:
        for outcome in outcomes:
            typer.echo(f"{outcome.state:9}  {outcome.session}  {outcome.problem or f'{outcome.fixations} fixations'}")
            for note in outcome.notes:
                typer.echo(f"     note  {note}")
        if table is not None:
            names = ", ".join(dict.fromkeys(each.name for each in study_detectors(outcomes)))
            good = len(outcomes) - len(failed)
            typer.echo(f"{len(table)} fixations of {good} session{'s' * (good != 1)} in {files[1].parent}, by {names}")
        for note in notes:
            typer.echo(f"note  {note}")
    if failed:
        raise typer.Exit(1)
