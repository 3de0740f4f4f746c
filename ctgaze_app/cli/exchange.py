"""`ctgaze import` and `ctgaze export`: gaze data of other programs in, our sessions and data sets out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctgaze_app.cli.progress import progress_bar

if TYPE_CHECKING:
    from ctgaze_app.formats.contract import Format
    from ctgaze_app.formats.exchange import ExchangeResult

FormatName = Annotated[str | None, typer.Option("--format", metavar="NAME", help="One of those that --list names.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="What the file does not say itself; may be given often."),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="A new folder; nothing is overwritten.")]
Listed = Annotated[bool, typer.Option("--list", help="List the formats with their options.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def import_(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The file or folder to read.")] = None,
    format_name: FormatName = None,
    option: Options = None,
    out: Out = None,
    as_json: AsJson = False,
    listed: Listed = False,
    template: Annotated[
        Path | None, typer.Option("--template", metavar="NEW", help="Write a column mapping for FILE, to fill in.")
    ] = None,
) -> None:
    """Read gaze data of another program into a data set folder.

    What a file does not say itself (index base, units, screen) must be declared and is never guessed.

    Example: ctgaze import gaze.json --format ct_scangaze --option index_base=1 --option z=slice
    --option axes=column_row --option shape=cts --out imported
    """
    if listed:
        _list(as_json)
        return
    if template is not None:
        _write_template(file, template)
        return
    if file is not None and format_name is None:
        raise typer.BadParameter(f"name the format with --format{_hint(file)}; all of them: ctgaze import --list")
    if file is None or format_name is None or out is None:
        raise typer.BadParameter("name FILE, --format and --out, or ask with --list")
    declared = _declared(option)
    _usage_checked(format_name, declared, reading=True)
    from ctgaze_app.formats.exchange import import_file

    with progress_bar("Importing", shown=not as_json) as report:
        result = import_file(file, format_name, declared, out, report)
    _tell(result, as_json)


def export(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE...", help="Sessions (FOLDER or FOLDER:TRIAL), data set folders, predictions."),
    ] = None,
    format_name: FormatName = None,
    option: Options = None,
    out: Out = None,
    as_json: AsJson = False,
    listed: Listed = False,
) -> None:
    """Write sessions, data sets and predictions in another program's format. Nothing private leaves unasked.

    Example: ctgaze export my-study/sessions/r01_20260102T030405Z --format bids --out bids
    """
    if listed:
        _list(as_json)
        return
    if not sources or format_name is None or out is None:
        raise typer.BadParameter("name SOURCE, --format and --out, or ask with --list")
    declared = _declared(option)
    _usage_checked(format_name, declared, reading=False)
    from ctgaze_app.formats.exchange import export_sources

    with progress_bar("Exporting", shown=not as_json) as report:
        result = export_sources(sources, format_name, declared, out, report)
    _tell(result, as_json)


def _hint(file: Path) -> str:
    """The formats that the file looks like; only said, never chosen in silence."""
    from ctgaze_app.formats.registry import every_format

    if not file.exists():
        return ""
    found = [each.name for each in every_format() if each.recognises is not None and _looks_like(each, file)]
    return f" (this looks like {', '.join(found)})" if found else ""


def _looks_like(found: Format, file: Path) -> bool:
    try:
        return found.recognises is not None and found.recognises(file)
    except (OSError, ValueError):
        return False


def _declared(option: list[str] | None) -> dict[str, str]:
    declared: dict[str, str] = {}
    for text in option or ():
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or name in declared:
            raise typer.BadParameter(f"--option {text} is not one NAME=VALUE", param_hint="--option")
        declared[name.strip()] = value
    return declared


def _usage_checked(format_name: str, declared: dict[str, str], *, reading: bool) -> None:
    """An unknown format or option is a matter of usage: one line, exit code 2."""
    from ctgaze_app.formats.contract import FormatError, checked_options
    from ctgaze_app.formats.registry import format_named

    try:
        found = format_named(format_name)
        checked_options(declared, found.read_options if reading else found.write_options, format_name)
    except FormatError as error:
        typer.echo(f"ctgaze: {error}", err=True)
        raise typer.Exit(2) from error


def _list(as_json: bool) -> None:
    from ctgaze_app.formats.registry import every_format

    formats = every_format()
    if as_json:
        typer.echo(json.dumps({"formats": [_described(each) for each in formats]}))
        return
    for each in formats:
        does = " and ".join(word for word, can in (("reads", each.read), ("writes", each.write)) if can)
        typer.echo(f"{each.name}: {each.title} ({does})")
        for word, options in (("import", each.read_options), ("export", each.write_options)):
            for one in options:
                values = "|".join(one.choices) or "..."
                default = "must be declared" if one.default is None else f"default {one.default or 'empty'}"
                typer.echo(f"  {word} --option {one.name}={values}  {one.meaning} ({default})")


def _described(found: Format) -> dict[str, object]:
    def told(options: object) -> list[dict[str, object]]:
        return [vars(one) for one in options]  # type: ignore[attr-defined]

    return {
        "name": found.name,
        "title": found.title,
        "reads": found.read is not None,
        "writes": found.write is not None,
        "read_options": told(found.read_options),
        "write_options": told(found.write_options),
    }


def _write_template(file: Path | None, target: Path) -> None:
    from ctgaze_app.formats.column_mapping import header_of, write_template

    write_template(target, *(header_of(file) if file is not None else ((), ",")))
    typer.echo(f"{target} written; fill it in, then: ctgaze import FILE --format mapped_csv --option mapping={target}")


def _tell(result: ExchangeResult, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
        return
    counts = {"reader": result.readers, "case": result.cases, "trial": result.trials, "fixation": result.fixations}
    told = ", ".join(f"{n} {name}{'s' * (n != 1)}" for name, n in {**counts, "sample": result.samples}.items())
    typer.echo(f"{told} -> {result.folder}")
    for note in result.notes:
        typer.echo(f"note  {note}")
