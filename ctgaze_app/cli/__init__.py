"""`ctgaze ...`: parses, calls, prints. Anything heavy is imported inside the command that needs it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ctgaze_app import __version__
from ctgaze_app.cli import compare, demo, doctor, exchange, model, regions, session, study, tracker
from ctgaze_app.crash_report import tell_unexpected
from ctgaze_app.errors import CTGazeError
from ctgaze_app.study.parent_watch import follow_parent
from models.errors import ModelError

STOPPED_BY_USER = 130

app = typer.Typer(
    name="ctgaze",
    help="Read CT under eye tracking, record it on one clock, replay and measure it.\n\nExample: ctgaze demo",
    invoke_without_command=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command(name="demo")(demo.demo)
app.command(name="doctor")(doctor.doctor)
app.command(name="import")(exchange.import_)
app.command(name="export")(exchange.export)
app.command(name="compare")(compare.compare)
app.command(name="regions")(regions.regions)
app.add_typer(model.app, name="model")
app.add_typer(session.app, name="session")
app.add_typer(study.app, name="study")
app.add_typer(tracker.app, name="tracker")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def application(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a command: open the application."""
    if context.invoked_subcommand is None:
        from ctgaze_app.ui.application import run_application

        raise typer.Exit(run_application())


def main() -> None:
    """Run the command line; every failure is one line, exit code 1 (failed) or 2 (usage)."""
    follow_parent()
    try:
        app()
    except (CTGazeError, ModelError) as error:
        typer.echo(f"ctgaze: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as end:
        # The command framework turns Ctrl+C into a silent exit with 130.
        if isinstance(end, SystemExit) and end.code != STOPPED_BY_USER:
            raise
        typer.echo("ctgaze: stopped", err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a traceback never reaches a user
        typer.echo(f"ctgaze: {tell_unexpected(error)}", err=True)
        sys.exit(1)
